"""Requests that change something: each is verified here, then handed to the sequencer."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from matcher import wire
from matcher.commands import (
    AmendDown,
    CancelAll,
    CancelOrder,
    Command,
    PlaceOrder,
    TransferRequest,
    WithdrawRequest,
)
from matcher.eip712 import MESSAGE_TYPES
from matcher.errors import Reject
from matcher.events import Duplicate, Event, OrderCanceled, Rejected, Trade
from matcher.feed import ObeyedCancelAll
from matcher.gateway.answers import Json, hexed
from matcher.gateway.context import Context
from matcher.gateway.faults import Refused
from matcher.gateway.posts import Posts
from matcher.gateway.switch_files import SwitchFiles
from matcher.gateway.switches import LIFE_MAX, Switches
from matcher.gateway.verify import Verification
from matcher.order_bodies import order_request, order_requests
from matcher.signatures import KnownKeys, Verified, claim
from matcher.types import CancelAllTerms, Order, Transfer, Withdrawal

_NAMES: Final = {
    kind: frozenset(name for _, name in message.fields) for kind, message in MESSAGE_TYPES.items()
}


class Trading:
    """Orders, cancels, amends, withdrawals, transfers.

    Parameters
    ----------
    context : Context
    files : SwitchFiles, optional
        Where dead man's switches survive.
    known_keys : int
        Keys that may be known at once.

    Attributes
    ----------
    posts : Posts
    switches : Switches
    """

    def __init__(self, context: Context, files: SwitchFiles | None = None, known_keys: int = 0):
        self._context = context
        self._verification = Verification(context.domain, keys=KnownKeys(known_keys))
        # Cancel-alls under way: a second copy waits for the first one's answer.
        self._canceling: dict[bytes, asyncio.Future[ObeyedCancelAll]] = {}
        self.switches = Switches(context, self._verification, self._obey, files)
        self.posts: Posts = {
            "/v1/orders": self.place,
            "/v1/orders/batch": self.place_batch,
            "/v1/orders/cancel": self.cancel,
            "/v1/orders/cancel-all": self.cancel_all,
            "/v1/orders/cancel-all/arm": self.switches.post,
            "/v1/orders/amend": self.amend,
            "/v1/withdrawals": self.withdraw,
            "/v1/transfers": self.transfer,
        }

    # --- orders -----------------------------------------------------------------------------------

    async def place(self, body: bytes) -> Json:
        """``POST /v1/orders``."""
        asked = order_request(body)
        signed = await self._verification.order(asked.order, asked.signature)
        return await self._place(PlaceOrder(signed, asked.self_trade), "order")

    async def place_batch(self, body: bytes) -> Json:
        """``POST /v1/orders/batch``: all are well-formed, or none is taken."""
        asked = order_requests(body)
        claims = [
            claim(one.order, one.signature, f"orders[{place}].signature")
            for place, one in enumerate(asked)
        ]
        signed = await self._verification.orders(claims)
        commands = [
            PlaceOrder(order, one.self_trade) for order, one in zip(signed, asked, strict=True)
        ]
        # Tasks start in the order in which they are made, so the orders enter in theirs.
        results = await asyncio.gather(
            *(
                self._place_one(command, f"orders[{place}].")
                for place, command in enumerate(commands)
            )
        )
        return {"results": results}

    async def _place_one(self, command: PlaceOrder, prefix: str) -> Json:
        try:
            return await self._place(command, "order")
        except Refused as refused:
            refused.field = prefix + refused.field
            return refused.body()

    async def _place(self, command: PlaceOrder, terms: str) -> Json:
        events = await self._submit(command, terms, Order)
        order = command.signed.order
        duplicate = next((e for e in events if isinstance(e, Duplicate)), None)
        most = None if duplicate else sum(isinstance(event, Trade) for event in events)
        taken = self._context.feed.taker_fills(order.account, order.id, most)
        return {
            "order": self._order_after(order, duplicate),
            "fills": [self._context.answers.fill(fill) for fill in taken],
            "duplicate": duplicate is not None,
        }

    def _order_after(self, order: Order, duplicate: Duplicate | None) -> Json:
        state = self._context.feed.order(order.account, order.id)
        if state is not None:
            return self._context.answers.order(state)
        # An order that the feed has forgotten: the engine still knows what was filled of it.
        if duplicate is None:
            raise Refused(Reject.INTERNAL, "order", "accepted, but not in the feed", "its state")
        filled = duplicate.filled
        return {
            **wire.terms(order),
            "filled": str(filled),
            "remaining": str(duplicate.remaining),
            "status": "filled" if filled == order.quantity else "canceled",
        }

    async def cancel(self, body: bytes) -> Json:
        """``POST /v1/orders/cancel``."""
        terms, signature = wire.signed(wire.decode(body), "cancel", wire.cancel)
        self._check_life(terms.expiry, "cancel.expiry")
        verified = await self._verification.signer_of(terms, signature)
        command = CancelOrder(terms.account, terms.id, verified.signer)
        await self._submit(command, "cancel", type(terms))
        return {"order": self._order_state(terms.account, terms.id)}

    async def amend(self, body: bytes) -> Json:
        """``POST /v1/orders/amend``."""
        terms, signature = wire.signed(wire.decode(body), "amend", wire.amend)
        self._check_life(terms.expiry, "amend.expiry")
        verified = await self._verification.signer_of(terms, signature)
        command = AmendDown(terms.account, terms.id, terms.quantity, verified.signer)
        await self._submit(command, "amend", type(terms))
        return {"order": self._order_state(terms.account, terms.id)}

    def _order_state(self, account: int, order_id: int) -> Json:
        state = self._context.feed.order(account, order_id)
        if state is None:
            raise Refused(Reject.INTERNAL, "order", "changed, but not in the feed", "its state")
        return self._context.answers.order(state)

    def _check_life(self, expiry: int, field: str) -> None:
        now = self._context.feed.now
        if expiry < now:
            raise Refused(Reject.EXPIRED, field, str(expiry), f"{now} (now) or later")
        if expiry > now + LIFE_MAX:
            raise Refused(
                Reject.OUT_OF_RANGE,
                field,
                str(expiry),
                f"at most {now + LIFE_MAX}, {LIFE_MAX} seconds from now",
            )

    # --- cancel-all -------------------------------------------------------------------------------

    async def cancel_all(self, body: bytes) -> Json:
        """``POST /v1/orders/cancel-all``: obeyed once per digest."""
        terms, signature = wire.signed(wire.decode(body), "cancelAll", wire.cancel_all)
        self._check_life(terms.expiry, "cancelAll.expiry")
        verified = await self._verification.signer_of(terms, signature)
        obeyed, duplicate = await self._obey(verified)
        return {
            "canceled": [
                {"id": str(order_id), "remaining": str(remaining)}
                for order_id, remaining in obeyed.canceled
            ],
            "duplicate": duplicate,
        }

    async def _obey(self, verified: Verified[CancelAllTerms]) -> tuple[ObeyedCancelAll, bool]:
        """Do a cancel-all unless it was done; what it did, and whether that was before.

        Obeyed twice, a copy that somebody kept would cancel orders placed after it. The digest is
        looked up in the feed, which has it from the journal, so that a restart forgets nothing.
        """
        obeyed = self._context.feed.obeyed_cancel_all(verified.digest)
        if obeyed is not None:
            return obeyed, True
        if verified.digest in self._canceling:
            return await asyncio.shield(self._canceling[verified.digest]), True
        return await self._cancel_all_once(verified), False

    async def _cancel_all_once(self, verified: Verified[CancelAllTerms]) -> ObeyedCancelAll:
        terms = verified.message
        instrument = 0
        if terms.instrument:
            instrument = self._context.answers.require_instrument(
                terms.instrument, "cancelAll.instrument"
            )
        future: asyncio.Future[ObeyedCancelAll] = asyncio.get_running_loop().create_future()
        self._canceling[verified.digest] = future
        command = CancelAll(
            terms.account, instrument, verified.signer, verified.digest, terms.expiry
        )
        try:
            events = await self._submit(command, "cancelAll", CancelAllTerms)
        except BaseException as error:
            future.set_exception(error)
            future.exception()  # seen, also if no copy waits for it
            raise
        finally:
            del self._canceling[verified.digest]
        canceled = tuple((e.id, e.remaining) for e in events if isinstance(e, OrderCanceled))
        obeyed = ObeyedCancelAll(terms.account, terms.expiry, canceled)
        future.set_result(obeyed)
        return obeyed

    # --- money ------------------------------------------------------------------------------------

    async def withdraw(self, body: bytes) -> Json:
        """``POST /v1/withdrawals``."""
        terms, signature = wire.signed(wire.decode(body), "withdrawal", wire.withdrawal)
        verified = await self._verification.signer_of(terms, signature)
        command = WithdrawRequest(terms, verified.signature, verified.digest, verified.signer)
        events = await self._submit(command, "withdrawal", Withdrawal)
        return self._moved("withdrawal", terms, verified.digest, events, terms.account)

    async def transfer(self, body: bytes) -> Json:
        """``POST /v1/transfers``."""
        terms, signature = wire.signed(wire.decode(body), "transfer", wire.transfer)
        verified = await self._verification.signer_of(terms, signature)
        command = TransferRequest(terms, verified.signature, verified.digest, verified.signer)
        events = await self._submit(command, "transfer", Transfer)
        return self._moved("transfer", terms, verified.digest, events, terms.source)

    def _moved(
        self,
        name: str,
        terms: msgspec.Struct,
        digest: bytes,
        events: Sequence[Event],
        account: int,
    ) -> Json:
        return {
            name: wire.terms(terms) | {"digest": hexed(digest)},
            "account": self._context.answers.account(account),
            "duplicate": any(isinstance(event, Duplicate) for event in events),
        }

    # --- the door ---------------------------------------------------------------------------------

    async def _submit(self, command: Command, terms: str, kind: type) -> Sequence[Event]:
        """Hand a command to the sequencer; a reject becomes `Refused` with the sender's path."""
        events = await self._context.sequencer.submit(command)
        if events and isinstance(events[0], Rejected):
            raise Refused.from_event(events[0], terms, _NAMES[kind])
        return events
