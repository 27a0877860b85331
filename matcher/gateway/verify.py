"""Who signed a message: the part of a request that costs time, and happens before sequencing.

Messages of concurrent requests are gathered, and whatever waits when a thread is free is answered
in one call that holds no interpreter lock. Nothing waits for company: there is no timer.
"""

import asyncio
import functools
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from matcher.eip712 import Domain
from matcher.kernel.secp import SIGNED
from matcher.signatures import (
    Answer,
    Claim,
    KnownKeys,
    M,
    Recovery,
    Verified,
    claim,
    require_signed,
)
from matcher.types import Order, SignedOrder

MAX_BATCH: Final = 512  # requests in one call: some 20 ms


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that recover signers: of a process, not of one gateway in it."""
    return ThreadPoolExecutor(threads, thread_name_prefix="verify")


class _Waiting:
    """Who waits for the answers to claims that came together."""

    __slots__ = ("_answers", "_left", "claims", "future")

    def __init__(self, claims: Sequence[Claim], future: "asyncio.Future[list[Answer]]"):
        self.claims = claims
        self.future = future
        self._answers: list[Answer] = []
        self._left = len(claims)

    def take(self, found: list[Answer]) -> None:
        """Note the next answers; after the last ones they are told."""
        self._answers += found
        self._left -= len(found)
        if not self._left and not self.future.done():
            self.future.set_result(self._answers)

    def fail(self, error: BaseException) -> None:
        """Tell that there will be no answer."""
        if not self.future.done():
            self.future.set_exception(error)


class _Part:
    """What one thread was handed, and what came of it, once it is done."""

    __slots__ = ("claims", "job", "waiting")

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.waiting: list[tuple[_Waiting, int]] = []  # whose they are, in order, and how many
        self.job: asyncio.Future[list[Answer]] | None = None

    def add(self, waiting: _Waiting, claims: Sequence[Claim]) -> None:
        """Claims that came together, or as many of them as there is room for."""
        self.claims += claims
        self.waiting.append((waiting, len(claims)))

    def tell(self, answers: list[Answer]) -> None:
        """Tell each what its claims come to."""
        start = 0
        for waiting, count in self.waiting:
            waiting.take(answers[start : start + count])
            start += count

    def fail(self, error: BaseException) -> None:
        """Tell all that there will be no answer."""
        for waiting, _ in self.waiting:
            waiting.fail(error)


class Verification:
    """The stage between a request and the sequencer.

    Parameters
    ----------
    domain : Domain
    threads : int, optional
        That recover signers; as many as there are cores if it is not said.
    keys : KnownKeys, optional

    Notes
    -----
    Belongs to one event loop. Who asked first is answered first, whichever thread is done sooner:
    orders are sequenced in the order in which they came.
    """

    def __init__(self, domain: Domain, threads: int | None = None, keys: KnownKeys | None = None):
        self._recovery = Recovery(domain, keys)
        self._threads = threads or len(os.sched_getaffinity(0))
        self._idle = self._threads
        self._queue: deque[_Waiting] = deque()
        self._queued = 0  # claims in the queue, and of its first how many were handed over
        self._handed = 0
        self._given: deque[_Part] = deque()  # to threads, and not told yet; in the order of asking
        self._due = False

    async def signer_of(
        self, message: M, signature: bytes, field: str = "signature"
    ) -> Verified[M]:
        """Digest a message and recover its signer.

        Parameters
        ----------
        message : Withdrawal, Transfer, CancelTerms, CancelAllTerms or AmendTerms
        signature : bytes
            As it was sent: 65 bytes with v of 0, 1, 27 or 28, or 64 bytes of EIP-2098.
        field : str
            Path named in errors.

        Raises
        ------
        SignatureError
            If the signature is malformed, has a high s, or recovers to no address.
        """
        asked = claim(message, signature, field)
        (found,) = await self._answers([asked])
        require_signed(asked, found)
        return Verified(message, asked.signature, found.digest, found.signer)

    async def order(self, order: Order, signature: bytes) -> SignedOrder:
        """`signer_of` for an order, in the form that the engine takes."""
        asked = claim(order, signature)
        (found,) = await self._answers([asked])
        require_signed(asked, found)
        return SignedOrder(order, asked.signature, found.digest, found.signer)

    async def orders(self, claims: Sequence[Claim]) -> list[SignedOrder]:
        """Orders that came in one request; the first that nobody signed refuses all."""
        found = await self._answers(claims)
        signed = []
        for asked, answered in zip(claims, found, strict=True):
            if answered.verdict != SIGNED:
                require_signed(asked, answered)
            assert isinstance(asked.message, Order)
            signed.append(
                SignedOrder(asked.message, asked.signature, answered.digest, answered.signer)
            )
        return signed

    # --- gathering --------------------------------------------------------------------------------

    def _answers(self, claims: Sequence[Claim]) -> "asyncio.Future[list[Answer]]":
        loop = asyncio.get_running_loop()
        waiting = _Waiting(claims, loop.create_future())
        if claims:
            self._queue.append(waiting)
            self._queued += len(claims)
            self._plan(loop)
        else:
            waiting.take([])
        return waiting.future

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what waits once the loop has heard everybody who is ready to speak now."""
        if self._idle and self._queued and not self._due:
            self._due = True
            loop.call_soon(self._hand_over, loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deal what waits to the threads that are idle, as evenly as it goes."""
        self._due = False
        if self._queued == 1 and self._idle == self._threads:
            # Another thread would take longer to wake than this takes.
            self._answer_here(self._take(1))
            return
        while self._idle and self._queued:
            part = self._take(min(-(-self._queued // self._idle), MAX_BATCH))
            self._idle -= 1
            self._given.append(part)
            job = loop.run_in_executor(_pool(self._threads), self._recovery.answer, part.claims)
            job.add_done_callback(functools.partial(self._done, loop, part))

    def _answer_here(self, part: _Part) -> None:
        try:
            answers = self._recovery.answer(part.claims)
        except Exception as error:
            part.fail(error)
        else:
            part.tell(answers)

    def _take(self, count: int) -> _Part:
        """The first claims of the queue."""
        part, self._queued = _Part(), self._queued - count
        while count:
            waiting, start = self._queue[0], self._handed
            claims = waiting.claims[start : start + count]
            part.add(waiting, claims)
            count -= len(claims)
            self._handed += len(claims)
            if self._handed == len(waiting.claims):
                self._queue.popleft()
                self._handed = 0
        return part

    def _done(
        self,
        loop: asyncio.AbstractEventLoop,
        part: _Part,
        job: "asyncio.Future[list[Answer]]",
    ) -> None:
        self._idle += 1
        part.job = job
        while self._given and (done := self._given[0].job) is not None:
            told = self._given.popleft()
            error = done.exception()
            if error is None:
                told.tell(done.result())
            else:
                told.fail(error)
        self._plan(loop)
