"""One transaction of ours at a time, from its rehearsal to its receipt."""

from enum import StrEnum
from typing import Any, Final

import msgspec
import structlog
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import MethodUnavailable
from web3.types import TxReceipt

from matcher.chain.artifacts import Revert, load
from matcher.chain.clock import Moment
from matcher.chain.deployment import GAS_LIMIT, Deployment, revert_data
from matcher.chain.fees import FeePolicy, Fees
from matcher.chain.transactions import NonceUsed, Sender, Signed, Underpriced
from matcher.challenger.actions import (
    PROVERS,
    Action,
    Answer,
    Ask,
    Convict,
    Execute,
    header_tuple,
)
from matcher.challenger.faults import NotEnoughFunds

log = structlog.get_logger(__name__)

NOBODY: Final = "0x" + "00" * 20


class Fate(StrEnum):
    """What became of something that was to be sent."""

    SENT = "sent"
    REFUSED = "refused"  # it would revert: said why, not sent
    WAITING = "waiting"  # a transaction is under way
    DONE = "done"  # is in a block
    FAILED = "failed"  # is in a block, and reverted there


class Outcome(msgspec.Struct, frozen=True):
    """A fate, and what it is about."""

    fate: Fate
    name: str = ""
    verb: str = ""
    revert: Revert | None = None
    receipt: TxReceipt | None = None


class _Flight(msgspec.Struct):
    """A transaction under way; without `sent`, one that an earlier process may have sent."""

    nonce: int
    since: int  # block at which it was sent or first seen
    fees: Fees
    name: str = ""
    verb: str = ""
    to: str = ""
    data: bytes = b""
    value: int = 0
    gas: int = 0
    sent: list[Signed] = []


class Post:
    """Sends what is due.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    account : LocalAccount or None
        Nobody else may send transactions with it meanwhile. Without it things are only rehearsed.
    policy : FeePolicy

    Notes
    -----
    There is never more than one transaction under way, whatever replaces it has the same nonce, and
    everything is rehearsed at the pending block before it is sent: what somebody else did already
    is not sent. Nothing is remembered between processes: one that an earlier process sent is waited
    for as long as the node has it.
    """

    def __init__(
        self,
        w3: Web3,
        deployment: Deployment,
        account: LocalAccount | None,
        policy: FeePolicy | None = None,
    ):
        self._w3 = w3
        self._deployment = deployment
        self._policy = policy or FeePolicy()
        self._sender = Sender(w3, account, deployment.chain_id) if account else None
        self._flight: _Flight | None = None
        self.address: str = account.address if account else NOBODY

    @property
    def under_way(self) -> str:
        """What is under way; empty if nothing is."""
        return self._flight.name or "an earlier process's" if self._flight else ""

    def balance(self) -> int:
        """Of the account, wei."""
        return int(self._w3.eth.get_balance(self._w3.to_checksum_address(self.address)))

    # --- what is under way --------------------------------------------------------------------

    def tend(self, moment: Moment) -> Outcome | None:
        """Look after what is under way; None if nothing is, and something may be sent."""
        if self._sender is None:
            return None
        nonce = self._w3.eth.get_transaction_count(self._sender.address, moment.number)
        if self._flight is None:
            return self._tend_unknown(nonce, moment)
        flight = self._flight
        if nonce > flight.nonce:
            self._flight = None
            return self._landed(flight)
        if not self._waits(flight):
            log.warning("a transaction was dropped", what=flight.name, nonce=flight.nonce)
            self._flight = None
            return None
        if flight.sent and moment.number - flight.since >= self._policy.patience:
            self._offer_more(flight, moment)
        return Outcome(Fate.WAITING, flight.name, flight.verb)

    def _tend_unknown(self, nonce: int, moment: Moment) -> Outcome | None:
        """A transaction that an earlier process sent and no block holds."""
        if self._pending_nonce() <= nonce:
            return None
        log.info("a transaction of an earlier process waits", nonce=nonce)
        self._flight = _Flight(nonce, moment.number, self._policy.first(moment.base_fee))
        return Outcome(Fate.WAITING)

    def _waits(self, flight: _Flight) -> bool:
        """Whether the node still has it under way."""
        assert self._sender is not None
        if flight.sent:
            return any(self._sender.is_known(signed.hash) for signed in flight.sent)
        return self._pending_nonce() > flight.nonce

    def _pending_nonce(self) -> int:
        assert self._sender is not None
        return self._w3.eth.get_transaction_count(self._sender.address, "pending")

    def _landed(self, flight: _Flight) -> Outcome | None:
        """What became of a transaction whose turn has passed."""
        assert self._sender is not None
        for signed in flight.sent:
            receipt = self._sender.receipt(signed.hash)
            if receipt is None:
                continue
            if receipt["status"] == 1:
                log.info(
                    "landed",
                    what=flight.name,
                    block=receipt["blockNumber"],
                    gas=receipt["gasUsed"],
                    transaction="0x" + signed.hash.hex(),
                )
                return Outcome(Fate.DONE, flight.name, flight.verb, receipt=receipt)
            call: Any = {"to": flight.to, "data": HexBytes(flight.data), "value": flight.value}
            revert = self._sender.revert_of(call, receipt["blockNumber"])
            reason = "reason unknown: it would pass now" if revert is None else str(revert)
            log.warning("failed in its block", what=flight.name, reason=reason)
            return Outcome(Fate.FAILED, flight.name, flight.verb, revert, receipt)
        if flight.sent:
            log.warning("another transaction took the nonce", what=flight.name, nonce=flight.nonce)
        return None

    def _offer_more(self, flight: _Flight, moment: Moment) -> None:
        """Send it again for more, if the cap allows it."""
        fees = self._policy.higher(flight.fees, moment.base_fee)
        flight.since = moment.number
        if fees is None:
            log.error("stuck at the fee cap", what=flight.name, cap=self._policy.cap)
            return
        flight.fees = fees
        self._broadcast(flight)
        log.info("offered more", what=flight.name, nonce=flight.nonce, max_fee=fees.limit)

    # --- sending ------------------------------------------------------------------------------

    def send(self, action: Action, moment: Moment) -> Outcome:
        """Rehearse and send; `tend` must have answered None.

        Raises
        ------
        NotEnoughFunds
            Nothing was sent.
        """
        call, value = self._call(action)
        data = bytes(HexBytes(call._encode_transaction_data()))
        if self._sender is not None and value > (balance := self.balance()):
            raise NotEnoughFunds(action.name, self.address, balance, value)
        estimate = self._rehearse(call.address, data, value)
        if isinstance(estimate, Revert):
            return Outcome(Fate.REFUSED, action.name, action.verb, estimate)
        if self._sender is None:
            return Outcome(Fate.SENT, action.name, action.verb)
        gas = min(GAS_LIMIT, estimate * 5 // 4)
        fees = self._policy.first(moment.base_fee)
        needed, balance = gas * fees.limit + value, self.balance()
        if balance < needed:
            raise NotEnoughFunds(action.name, self.address, balance, needed)
        nonce = self._w3.eth.get_transaction_count(self._sender.address, moment.number)
        flight = _Flight(
            nonce=nonce,
            since=moment.number,
            fees=fees,
            name=action.name,
            verb=action.verb,
            to=call.address,
            data=data,
            value=value,
            gas=gas,
            sent=[],
        )
        self._flight = flight
        signed = self._broadcast(flight)
        log.info(
            "sent",
            what=action.name,
            nonce=nonce,
            gas=gas,
            value=value,
            bytes=len(data),
            transaction="0x" + signed.hash.hex(),
        )
        return Outcome(Fate.SENT, action.name, action.verb)

    def _broadcast(self, flight: _Flight) -> Signed:
        """Hand it to the node under its nonce."""
        assert self._sender is not None
        signed = self._sender.sign(
            flight.to, flight.data, flight.nonce, flight.gas, flight.fees, flight.value
        )
        flight.sent = [*flight.sent, signed]
        try:
            self._sender.broadcast(signed)
        except Underpriced:
            # What waits there offers as much or more: the next look offers more.
            flight.since -= self._policy.patience
        except NonceUsed:
            pass  # the next look sees what took it
        return signed

    def _rehearse(self, to: str, data: bytes, value: int) -> int | Revert:
        """Gas of a call in the next block, or why it would revert."""
        call: Any = {
            "from": self.address,
            "to": to,
            "data": HexBytes(data),
            "gas": GAS_LIMIT,
        }
        if self._sender is not None:
            call["value"] = value
        elif value:
            return 0  # nobody's balance could pay it, even in a rehearsal
        try:
            self._w3.eth.call(call, "pending")
            return self._estimate(call)
        except Exception as error:
            returned = revert_data(error)
            if returned is None:
                raise
            return load().revert(returned)

    def _estimate(self, call: Any) -> int:
        """Gas of a call that would pass in the next block."""
        question: Any = {name: value for name, value in call.items() if name != "gas"}
        try:
            return int(self._w3.eth.estimate_gas(question, "pending"))
        except MethodUnavailable:  # nodes that estimate at the newest block alone
            return GAS_LIMIT

    def _call(self, action: Action) -> tuple[ContractFunction, int]:
        """The call that does it, and the wei it brings."""
        registry = self._deployment.registry.functions
        questions = self._deployment.contract(PROVERS["UNAUTHORIZED"]).functions
        header = header_tuple(action.header)
        if isinstance(action, Convict | Execute):
            lie = action.lie if isinstance(action, Convict) else "UNAUTHORIZED"
            prover = self._deployment.addresses[PROVERS[lie]]
            previous = header_tuple(action.previous)
            return registry.convict(prover, header, previous, action.witness), 0
        _, *spot = action.question  # type: ignore[attr-defined]
        if isinstance(action, Ask):
            bond = self._deployment.question_bond
            return questions.ask(header, *spot, action.opening), bond
        if isinstance(action, Answer):
            return questions.answer(header, *spot, action.message), 0
        return questions.reclaim(header, *spot), 0
