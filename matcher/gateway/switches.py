"""Dead man's switches: a signed cancel-all, left here to be obeyed when its wallet falls silent.

A switch fires when the WebSocket session that armed it ends, when it is not renewed within its
timeout, or when the exchange's time comes near the end of the message. Then the message goes the
way of any other cancel-all, into the journal. A switch that is renewed, replaced or disarmed in
time is nothing but a file here; the exchange never hears of it.

A session that ends because this gateway goes down fires nothing: that is not the wallet's silence.
Switches are kept on disk, and a gateway that comes up gives each its timeout again to be renewed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec
import structlog

from matcher import wire
from matcher.eip712 import from_wallet, parse_signature
from matcher.errors import Reject, SignatureError
from matcher.feed import ObeyedCancelAll, Update
from matcher.gateway.answers import Json, hexed
from matcher.gateway.context import Context
from matcher.gateway.faults import Refused
from matcher.gateway.switch_files import Kept, SwitchFiles
from matcher.gateway.verify import Verification
from matcher.sequencer import Stopped
from matcher.signatures import Verified
from matcher.types import CancelAllTerms

SLACK: Final = 60  # seconds that a message must outlive its timeout by: the chain's clock jumps
NEAR_END: Final = SLACK // 2  # seconds before its end a message is obeyed at the latest
LIFE_MAX: Final = 600  # seconds a message may live, as any cancel-all
MAX_SWITCHES: Final = 10_000
RETRY_SECONDS: Final = 0.1  # after which a node that was busy is asked again

Obey = Callable[[Verified[CancelAllTerms]], Awaitable[tuple[ObeyedCancelAll, bool]]]
Key = tuple[int, bytes]  # account and signer

log = structlog.get_logger(__name__)


class Session(Protocol):
    """Who armed a switch, and ends with a WebSocket."""

    def put(self, message: str) -> None:
        """Tell the wallet."""


class _Switch:
    """One that is armed."""

    def __init__(self, verified: Verified[CancelAllTerms], timeout: int):
        self.verified = verified
        self.timeout = timeout
        self.session: Session | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def key(self) -> Key:
        return self.verified.message.account, self.verified.signer

    def rest(self) -> None:
        """Let no timeout pass."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def json(self) -> Json:
        terms = self.verified.message
        return {
            **wire.terms(terms),
            "timeout": str(self.timeout),
            "digest": hexed(self.verified.digest),
        }


class Switches:
    """All switches of one gateway.

    Parameters
    ----------
    context : Context
    verification : Verification
    obey : callable
        What does a cancel-all, once per message.
    files : SwitchFiles, optional
        Where they survive; without it a gateway that ends forgets them.
    """

    def __init__(
        self,
        context: Context,
        verification: Verification,
        obey: Obey,
        files: SwitchFiles | None = None,
    ):
        self._context = context
        self._verification = verification
        self._obey = obey
        self._files = files
        self._armed: dict[Key, _Switch] = {}
        self._by_signature: dict[bytes, _Switch] = {}  # the same
        self._writing = asyncio.Lock()  # files change in the order in which switches do
        self._firing: set[asyncio.Task[None]] = set()
        self._suspended = False
        self._time = 0
        context.feed.listen(self._on_update)

    # --- the way in -------------------------------------------------------------------------------

    async def post(self, body: bytes) -> Json:
        """``POST /v1/orders/cancel-all/arm``."""
        return await self.arm(wire.decode(body))

    async def arm(self, value: object, session: Session | None = None) -> Json:
        """Arm, renew, replace or (timeout 0) disarm; the answer comes when it is safe on disk.

        Parameters
        ----------
        value : object
            ``{"cancelAll": terms, "signature": "0x..", "timeout": "30"}``.
        session : Session, optional
            Whose end fires it.

        Raises
        ------
        WireError, Refused
            Then the switch that was armed before, if any, is as it was.
        """
        asked = wire.arm(value)
        if self._suspended:
            raise Refused(Reject.STOPPED, "exchange", "a gateway that goes down", "one that runs")
        known = self._find(asked)
        if asked.timeout:
            self._check_life(asked)
        if known is None:
            verified = await self._verification.signer_of(asked.terms, asked.signature)
            known = _Switch(verified, asked.timeout)
            if asked.timeout:
                self._check(known)
        if not asked.timeout:
            return await self._disarm(known)
        fresh = self._armed.get(known.key) is not known or known.timeout != asked.timeout
        known.timeout, known.session = asked.timeout, session
        self._set(known)
        # Of several gateways another may have it meanwhile, and would fire it.
        if fresh or not await self._is_ours(known):
            # Finished also if who asked is gone by then: what fires looks at the file.
            await asyncio.shield(asyncio.create_task(self._keep(known)))
        return {"switch": known.json()}

    def _find(self, asked: wire.ArmRequest) -> _Switch | None:
        """The switch that holds this very message, whose signer need not be found again."""
        try:
            signature = parse_signature(from_wallet(asked.signature))
        except SignatureError:
            return None  # verification says what is wrong with it
        switch = self._by_signature.get(signature)
        return switch if switch is not None and switch.verified.message == asked.terms else None

    def _check_life(self, asked: wire.ArmRequest) -> None:
        now = self._context.feed.now
        low, high = now + asked.timeout + SLACK, now + LIFE_MAX
        if not low <= asked.terms.expiry <= high:
            code = Reject.EXPIRED if asked.terms.expiry < now else Reject.OUT_OF_RANGE
            raise Refused(
                code,
                "cancelAll.expiry",
                str(asked.terms.expiry),
                f"{low} to {high}: the timeout and {SLACK} to {LIFE_MAX} seconds from now, {now}",
            )

    def _check(self, switch: _Switch) -> None:
        """Refuse a message that would do nothing when the time comes."""
        terms, signer = switch.verified.message, switch.verified.signer
        answers, now = self._context.answers, self._context.feed.now
        answers.require_account(terms.account, "cancelAll.account")
        if terms.instrument:
            answers.require_instrument(terms.instrument, "cancelAll.instrument")
        view = self._context.engine.account_view(terms.account)
        if signer != view.owner:
            if signer not in view.keys:
                raise Refused(
                    Reject.SIGNER_UNKNOWN,
                    "signature",
                    f"recovers to {hexed(signer)}",
                    f"the owner {hexed(view.owner)} of account {terms.account}, or one of its keys",
                )
            valid_from, valid_until = view.keys[signer]
            if valid_until < now:
                raise Refused(
                    Reject.KEY_EXPIRED,
                    "signature",
                    f"key {hexed(signer)}, valid until {valid_until}",
                    f"a key valid now, at {now}",
                )
            if valid_from > self._context.engine.built_at:
                raise Refused(
                    Reject.KEY_NOT_YET_VALID,
                    "signature",
                    f"key {hexed(signer)}, valid from {valid_from}",
                    f"a key valid at {self._context.engine.built_at}, when the batch was opened",
                )
        if self._context.feed.obeyed_cancel_all(switch.verified.digest) is not None:
            raise Refused(
                Reject.ID_USED,
                "cancelAll",
                "a message that was obeyed already",
                "one with another expiry",
            )
        if switch.key not in self._armed and len(self._armed) >= MAX_SWITCHES:
            raise Refused(
                Reject.BUSY, "switches", f"{len(self._armed)} armed", f"at most {MAX_SWITCHES}"
            )

    def _set(self, switch: _Switch) -> None:
        """Arm, from now on; what was armed of the same account and signer is replaced."""
        before = self._armed.get(switch.key)
        if before is not None:
            self._drop(before)
        self._armed[switch.key] = switch
        self._by_signature[switch.verified.signature] = switch
        loop = asyncio.get_running_loop()
        switch.timer = loop.call_later(switch.timeout, self._fire, switch, "not renewed in time")

    def _drop(self, switch: _Switch) -> None:
        switch.rest()
        del self._armed[switch.key]
        del self._by_signature[switch.verified.signature]

    async def _disarm(self, known: _Switch) -> Json:
        """Disarm what is armed of the same account and signer, at whichever gateway."""
        switch = self._armed.get(known.key)
        if switch is not None:
            self._drop(switch)
        if self._files is not None:
            async with self._writing:
                await asyncio.to_thread(self._files.clear, *known.key)
        return {"switch": None}

    # --- when it fires ----------------------------------------------------------------------------

    def session_ended(self, session: Session) -> None:
        """Fire what a session armed."""
        for switch in [s for s in self._armed.values() if s.session is session]:
            self._fire(switch, "its session ended")

    def _on_update(self, update: Update) -> None:
        """Fire what would not be valid for much longer; asked when the exchange's time moves."""
        if update.at == self._time:
            return
        self._time = update.at
        for switch in list(self._armed.values()):
            if switch.verified.message.expiry - NEAR_END <= update.at:
                self._fire(switch, "the message is near its end")

    def _fire(self, switch: _Switch, why: str) -> None:
        if self._suspended or self._armed.get(switch.key) is not switch:
            return
        self._drop(switch)
        task = asyncio.get_running_loop().create_task(self._cancel_all(switch, why))
        self._firing.add(task)
        task.add_done_callback(self._firing.discard)

    async def _cancel_all(self, switch: _Switch, why: str) -> None:
        """Have the message obeyed; never raises, as nobody waits for it."""
        said = log.bind(account=switch.key[0], signer=hexed(switch.key[1]), why=why)
        try:
            if not await self._is_ours(switch):
                said.info("switch armed elsewhere")
                return
            obeyed, _ = await self._until_obeyed(switch)
        except Stopped:
            said.warning("switch not fired: the exchange stopped")  # its file stands
            return
        except Refused as refused:
            said.warning("switch fired for nothing", reason=str(refused))
            self._tell(switch, {"type": "lapsed", "reason": str(refused)})
        except Exception:
            said.exception("switch failed")
            return
        else:
            said.info("switch fired", canceled=len(obeyed.canceled))
            canceled = [{"id": str(i), "remaining": str(lots)} for i, lots in obeyed.canceled]
            self._tell(switch, {"type": "fired", "why": why, "canceled": canceled})
        await self._forget(switch)

    async def _until_obeyed(self, switch: _Switch) -> tuple[ObeyedCancelAll, bool]:
        """Obey, as often as a busy node asks to come again, until the message's end."""
        expiry = switch.verified.message.expiry
        while not self._suspended:
            now = self._context.feed.now
            if expiry < now:
                raise Refused(
                    Reject.EXPIRED, "cancelAll.expiry", str(expiry), f"{now} (now) or later"
                )
            try:
                return await self._obey(switch.verified)
            except Refused as refused:
                if refused.code not in (Reject.BUSY, Reject.DURING_BATCH):
                    raise
            await asyncio.sleep(RETRY_SECONDS)
        raise Stopped("the gateway goes down")

    @staticmethod
    def _tell(switch: _Switch, message: Json) -> None:
        if switch.session is not None:
            switch.session.put(msgspec.json.encode(message | {"switch": switch.json()}).decode())

    # --- life -------------------------------------------------------------------------------------

    async def resume(self) -> None:
        """Arm what was armed when this gateway ended, each with its whole timeout to be renewed."""
        for kept in [] if self._files is None else await asyncio.to_thread(list, self._files):
            try:
                verified = await self._verification.signer_of(kept.terms, kept.signature)
                switch = _Switch(verified, kept.timeout)
                if kept.terms.expiry < self._context.feed.now:
                    raise Refused(Reject.EXPIRED, "expiry", str(kept.terms.expiry), "later")
                self._check(switch)
            except (SignatureError, Refused) as error:
                log.warning("switch lapsed", account=kept.terms.account, reason=str(error))
                assert self._files is not None
                await asyncio.to_thread(self._files.remove, kept)
            else:
                self._set(switch)
                log.info("switch armed again", account=kept.terms.account, timeout=kept.timeout)

    async def suspend(self) -> None:
        """Fire nothing more; what is being obeyed is finished. What is armed stays on disk."""
        self._suspended = True
        for switch in list(self._armed.values()):
            self._drop(switch)
        if self._firing:
            await asyncio.wait(self._firing)

    def _kept(self, switch: _Switch) -> Kept:
        assert self._files is not None
        verified = switch.verified
        return Kept(
            self._files.gateway,
            verified.message,
            verified.signature,
            verified.signer,
            switch.timeout,
        )

    async def _keep(self, switch: _Switch) -> None:
        if self._files is None:
            return
        async with self._writing:
            try:
                await asyncio.to_thread(self._files.write, self._kept(switch))
            except BaseException:
                if self._armed.get(switch.key) is switch:  # it would not be found to be ours
                    self._drop(switch)
                raise

    async def _is_ours(self, switch: _Switch) -> bool:
        if self._files is None:
            return True
        async with self._writing:
            return await asyncio.to_thread(self._files.holds, self._kept(switch))

    async def _forget(self, switch: _Switch) -> None:
        if self._files is not None:
            async with self._writing:
                await asyncio.to_thread(self._files.remove, self._kept(switch))
