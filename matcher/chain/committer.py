"""Archived batches to the chain, in order, each once.

The contract gives a commit the next id, whatever it holds: words that were committed twice would be
two batches, and the second a lie. So

* there is never more than one transaction of this account under way, and whatever replaces it has
  the same nonce: at most one of them is ever mined;
* the nonce and the head are read at one block: the head counts every commit below the nonce;
* the anchor is no older than the block at which the parent was seen: a reorganization that removes
  the parent's commit removes the anchor, and the commit fails.

Nothing is remembered that the chain does not say, so a restart between any two steps goes on.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec
import structlog
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import BlockNotFound

from matcher.batch import BLOB, Batch
from matcher.blobs.encoding import Sidecar
from matcher.blobs.store import Store
from matcher.chain import faults
from matcher.chain.clock import ChainClock, Moment
from matcher.chain.deployment import Deployment
from matcher.chain.fees import FeePolicy, Fees
from matcher.chain.modes import BLOB_GAS, NAMES, Choice, Prices, blob_base_fee, quote
from matcher.chain.transactions import (
    NonceUsed,
    Sender,
    Signed,
    Underpriced,
    blob_gas_limit,
    gas_limit,
)
from matcher.commands import ChainBlock
from matcher.errors import ChainError, ReorgBelowConfirmed
from matcher.types import CALLDATA_CHUNKS_MAX

log = structlog.get_logger(__name__)

MAX_FAILURES: Final = 3  # of one batch in a row, in blocks
_LOOKS: Final = 4


class Source(Protocol):
    """Where batches lie: an `matcher.archive.Archive`."""

    def __contains__(self, batch_id: int) -> bool: ...

    def read(self, batch_id: int) -> Batch: ...


class Stage(StrEnum):
    """What a step has done."""

    IDLE = "idle"  # every archived batch is committed and confirmed
    CONFIRMING = "confirming"  # every archived batch is committed
    WAITING = "waiting"  # the next block would not be later than the batch, or the node is behind
    SENT = "sent"
    PENDING = "pending"  # sent, in no block yet
    REPLACED = "replaced"  # was stuck, is sent again for more
    CAPPED = "capped"  # is stuck, and the fee cap forbids to offer more


class Progress(msgspec.Struct, frozen=True):
    """Where the committer stands after a step."""

    stage: Stage
    head: int  # newest batch on the chain
    confirmed: int  # newest batch with enough confirmations
    batch: int | None = None  # that the step was about
    transaction: bytes | None = None


class _Sight(msgspec.Struct, frozen=True):
    """The chain at one block."""

    moment: Moment
    nonce: int  # of our account
    head: int
    operator: int
    paused: bool
    frozen: bool
    word: bytes  # ring word of the head
    confirmed: int


class _Flight(msgspec.Struct):
    """A transaction under way; without `sent`, one that an earlier process may have sent."""

    nonce: int
    since: int  # block at which it was sent or first seen
    fees: Fees
    batch: int = 0
    batch_hash: bytes = b""
    capped: bool = False  # it was said that the fee cap forbids to offer more
    sent: list[Signed] = []


class Committer:
    """Commits what lies in an archive.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    source : Source
        The archive.
    account : LocalAccount
        The operator's; nobody else may send transactions with it meanwhile.
    told : callable
        The last block whose facts were told, or None: `Follower.told`. A batch holds no later fact.
    confirmations : int
        A commit is confirmed when its block and the next, so many together, are on the chain.
    policy : FeePolicy
    choice : Choice
        Which mode batches are committed in.
    store : Store, optional
        Where blobs are kept before they are sent.
    """

    def __init__(
        self,
        w3: Web3,
        deployment: Deployment,
        source: Source,
        account: LocalAccount,
        told: Callable[[], ChainBlock | None],
        confirmations: int = 1,
        policy: FeePolicy | None = None,
        choice: Choice = Choice.CALLDATA,
        store: Store | None = None,
    ):
        self._w3 = w3
        self._deployment = deployment
        self._source = source
        self._told = told
        self._confirmations = confirmations
        self._policy = policy or FeePolicy()
        self._choice = choice
        self._store = store
        self._as_it_is = 0  # batch that is committed in the mode that it has
        self._sender = Sender(w3, account, deployment.chain_id)
        self._clock = ChainClock(w3)
        self._registry = deployment.registry
        self._functions = deployment.registry.functions
        self._flight: _Flight | None = None
        self._failures = 0
        self._checked: tuple[int, bytes] | None = None  # head known to be ours: id, ring word
        self._confirmed = 0

    def step(self) -> Progress:
        """Do the next thing, if there is one; never waits.

        Raises
        ------
        CommitFault
            Why the next batch cannot be committed; nothing was sent. If it is not `fatal`, a later
            step tries again.
        """
        sight = self._look()
        self._require_ours(sight)
        self._report(sight)
        self._settle_flight(sight)
        batch_id = sight.head + 1
        if batch_id not in self._source:
            done = sight.confirmed == sight.head
            return self._progress(sight, Stage.IDLE if done else Stage.CONFIRMING)
        batch = self._source.read(batch_id)
        if self._flight is None:
            self._flight = self._unknown_flight(sight)
        if self._flight is not None:
            return self._tend(self._flight, batch, sight)
        self._require_allowed(batch, sight)
        if batch.built_at >= sight.moment.next_time:
            return self._progress(sight, Stage.WAITING, batch_id)
        self._require_mode(batch, sight)
        return self._send(batch, sight, self._first_fees(batch, sight))

    def take_as_it_is(self, batch_id: int) -> None:
        """Commit a batch in the mode that its header has: it cannot be given the other."""
        self._as_it_is = batch_id

    # --- looking ------------------------------------------------------------------------------

    def _look(self) -> _Sight:
        """The chain at the newest block, all of one view."""
        for _ in range(_LOOKS):
            moment = self._clock.look()
            number = moment.number
            nonce = self._w3.eth.get_transaction_count(self._sender.address, number)
            head = self._functions.head().call(block_identifier=number)
            word = self._functions.ringWord(head[0]).call(block_identifier=number)
            confirmed = self._head_at(number - self._confirmations + 1)
            if self._hash_at(number) == moment.hash:
                return _Sight(
                    moment=moment,
                    nonce=nonce,
                    head=head[0],
                    operator=head[4],
                    paused=head[5],
                    frozen=head[6],
                    word=bytes(word),
                    confirmed=min(confirmed, head[0]),
                )
        raise ChainError(f"the newest block changed {_LOOKS} times while it was read")

    def _head_at(self, number: int) -> int:
        """Id of the head as of a block."""
        if number < self._deployment.genesis_block:
            return 0
        return int(self._functions.head().call(block_identifier=number)[0])

    def _hash_at(self, number: int) -> bytes | None:
        try:
            return bytes(self._w3.eth.get_block(number)["hash"])
        except BlockNotFound:
            return None

    def _require_ours(self, sight: _Sight) -> None:
        """The chain's head is the archived batch of its id, and so are all before it."""
        if sight.head == 0 or self._checked == (sight.head, sight.word):
            return
        expected = self._hash_of(sight.head)
        if expected is None or not _binds(sight.word, expected):
            raise self._first_foreign(sight)
        self._checked = (sight.head, sight.word)

    def _first_foreign(self, sight: _Sight) -> faults.ForeignBatch:
        """The oldest batch in the ring that is not ours."""
        first, last = max(1, sight.head - 16_383), sight.head
        while first < last:  # each header names its parent, so from the first on all differ
            middle = (first + last) // 2
            ours = self._hash_of(middle)
            if ours is not None and _binds(self._word_of(middle, sight.moment.number), ours):
                first = middle + 1
            else:
                last = middle
        return faults.ForeignBatch(
            first, self._word_of(first, sight.moment.number)[:27], self._hash_of(first)
        )

    def _word_of(self, batch_id: int, number: int) -> bytes:
        """The ring word that a batch uses or would use, as of a block."""
        return bytes(self._functions.ringWord(batch_id).call(block_identifier=number))

    def _hash_of(self, batch_id: int) -> bytes | None:
        return self._source.read(batch_id).hash if batch_id in self._source else None

    def _report(self, sight: _Sight) -> None:
        """Say what is confirmed, and what no longer is."""
        if sight.confirmed > self._confirmed:
            log.info("batches confirmed", last=sight.confirmed, block=sight.moment.number)
        elif sight.head < self._confirmed:
            log.warning("confirmed batches left the chain", head=sight.head, had=self._confirmed)
        self._confirmed = sight.confirmed

    # --- what is under way --------------------------------------------------------------------

    def _settle_flight(self, sight: _Sight) -> None:
        """Forget a transaction that is in a block, or whose turn was undone."""
        flight = self._flight
        if flight is None or flight.nonce == sight.nonce:
            return
        self._flight = None
        if flight.nonce > sight.nonce:
            log.warning("an earlier transaction left the chain", nonce=sight.nonce)
            return
        if flight.batch and sight.head < flight.batch:
            self._diagnose(flight)
        else:
            self._failures = 0

    def _diagnose(self, flight: _Flight) -> None:
        """Say why a mined transaction committed nothing; give up after a few."""
        for signed in flight.sent:
            receipt = self._sender.receipt(signed.hash)
            if receipt is None:
                continue
            if receipt["status"] == 1:
                log.warning("commit left the chain", batch=flight.batch)
                return
            self._failures += 1
            transaction: Any = self._w3.eth.get_transaction(HexBytes(signed.hash))
            call = {"to": transaction["to"], "data": transaction["input"]}
            if "blobVersionedHashes" in transaction:
                call["blobVersionedHashes"] = transaction["blobVersionedHashes"]
            revert = self._sender.revert_of(
                call | {"gas": transaction["gas"]}, receipt["blockNumber"]
            )
            reason = "reason unknown: it would pass now" if revert is None else str(revert)
            log.error("commit failed", batch=flight.batch, reason=reason, times=self._failures)
            if self._failures >= MAX_FAILURES:
                self._failures = 0
                raise faults.CommitReverted(flight.batch, signed.hash, reason)
            return
        log.warning("another transaction took the nonce", batch=flight.batch, nonce=flight.nonce)

    def _unknown_flight(self, sight: _Sight) -> _Flight | None:
        """A transaction that an earlier process sent and no block holds; None if there is none."""
        if self._pending_nonce() <= sight.nonce:
            return None
        log.info("a transaction of an earlier process waits", nonce=sight.nonce)
        return _Flight(sight.nonce, sight.moment.number, self._policy.first(0))

    def _tend(self, flight: _Flight, batch: Batch, sight: _Sight) -> Progress:
        """Look after a transaction that is in no block: wait, send again, or offer more."""
        if not self._waits(flight):
            log.warning("the transaction was dropped", batch=batch.id, nonce=flight.nonce)
            self._flight = None
            self._require_allowed(batch, sight)
            return self._send(batch, sight, self._first_fees(batch, sight))
        changed = bool(flight.sent) and flight.batch_hash != batch.hash  # it was redated
        stuck = sight.moment.number - flight.since >= self._policy.patience
        if not (changed or stuck):
            return self._progress(sight, Stage.PENDING, batch.id, flight)
        self._require_allowed(batch, sight)
        fees = self._policy.higher(flight.fees, sight.moment.base_fee, self._blob_fee(batch))
        if fees is None:
            if not flight.capped:
                log.error("stuck at the fee cap", batch=batch.id, cap=self._policy.cap)
            flight.capped = True
            return self._progress(sight, Stage.CAPPED, batch.id, flight)
        return self._send(batch, sight, fees)

    def _waits(self, flight: _Flight) -> bool:
        """Whether the node still has a transaction under way."""
        if flight.sent:
            return any(self._sender.is_known(signed.hash) for signed in flight.sent)
        return self._pending_nonce() > flight.nonce

    def _pending_nonce(self) -> int:
        return self._w3.eth.get_transaction_count(self._sender.address, "pending")

    # --- sending ------------------------------------------------------------------------------

    def _require_allowed(self, batch: Batch, sight: _Sight) -> None:
        """Everything that the contract asks, with an answer that helps.

        All of it as of the block that was looked at: what lands meanwhile is seen a step later.
        """
        number = sight.moment.number
        if sight.frozen:
            raise faults.ExchangeFrozen(batch.id)
        if _binds(self._word_of(batch.id, number), batch.hash):
            raise faults.BatchWasReverted(batch.id, batch.hash)
        if sight.paused:
            raise faults.CommitsPaused(batch.id)
        address, bond, _, _ = self._functions.operators(sight.operator).call(
            block_identifier=number
        )
        if address != self._sender.address or batch.operator != sight.operator:
            raise faults.NotCurrentOperator(
                batch.id, self._sender.address, batch.operator, sight.operator, address
            )
        if bond < self._deployment.min_bond:
            raise faults.BondBelowMinimum(sight.operator, bond, self._deployment.min_bond)
        windows, next_time = self._deployment.windows, sight.moment.next_time
        if next_time > batch.built_at + windows.lag:
            raise faults.BatchTooOld(batch.id, batch.built_at, windows.lag, next_time)
        word = self._word_of(batch.id + 1, number)
        final_at = int.from_bytes(word[27:], "big") + windows.final_after
        if any(word) and next_time < final_at and not self._committed_before(batch.id):
            raise faults.RingIsFull(batch.id, final_at, next_time)

    def _committed_before(self, batch_id: int) -> bool:
        return bool(batch_id <= self._functions.head().call()[2])

    def _send(self, batch: Batch, sight: _Sight, fees: Fees) -> Progress:
        """Sign and send a commit under the nonce that is due."""
        flight, anchor = self._flight, self._anchor(sight)
        if anchor is None:
            return self._progress(sight, Stage.WAITING, batch.id, flight)
        sidecar = Sidecar.of(batch.words) if batch.mode == BLOB else None
        data = self._calldata(batch, anchor, sidecar)
        blobs = len(sidecar.blobs) if sidecar else 0
        gas = blob_gas_limit(data, blobs) if sidecar else gas_limit(data, len(batch.words) // 32)
        needed = gas * fees.limit + blobs * BLOB_GAS * fees.blob
        balance = self._w3.eth.get_balance(self._w3.to_checksum_address(self._sender.address))
        if balance < needed:
            raise faults.NotEnoughFunds(batch.id, self._sender.address, balance, needed)
        if flight is None and sight.moment.pending:
            self._rehearse(batch, data, gas, sidecar)
        if sidecar is not None and self._store is not None:
            for versioned_hash, blob in zip(sidecar.hashes, sidecar.blobs, strict=True):
                self._store.put(versioned_hash, blob)
        to, nonce = self._registry.address, sight.nonce
        signed = self._sender.sign(to, data, nonce, gas, fees, sidecar=sidecar)
        earlier = flight.sent if flight else []
        self._flight = _Flight(
            nonce=sight.nonce,
            since=sight.moment.number,
            fees=fees,
            batch=batch.id,
            batch_hash=batch.hash,
            sent=[*earlier, signed],
        )
        try:
            self._sender.broadcast(signed)
        except Underpriced:
            # What waits there offers as much or more: the next step offers more.
            self._flight.since = sight.moment.number - self._policy.patience
            self._flight.sent = earlier
            return self._progress(sight, Stage.PENDING, batch.id, self._flight)
        except NonceUsed:
            return self._progress(sight, Stage.PENDING, batch.id, self._flight)
        stage = Stage.SENT if flight is None else Stage.REPLACED
        log.info(
            "commit sent",
            batch=batch.id,
            chunks=batch.chunk_count,
            mode=NAMES[batch.mode],
            nonce=sight.nonce,
            replaces=flight is not None,
            max_fee=fees.limit,
            tip=fees.tip,
            max_blob_fee=fees.blob,
            transaction="0x" + signed.hash.hex(),
        )
        return self._progress(sight, stage, batch.id, self._flight)

    def _require_mode(self, batch: Batch, sight: _Sight) -> None:
        """Nothing waits: the batch goes in the mode that costs less, and both figures are said.

        Raises
        ------
        OtherMode
            If its header has the other one.
        FitsNowhere
            If it is possible in neither.
        """
        prices = Prices(sight.moment.base_fee + self._policy.tip, blob_base_fee(self._w3))
        costs = quote(batch, prices)
        if costs.calldata is None and costs.blob is None:
            raise faults.FitsNowhere(batch.id, batch.chunk_count, CALLDATA_CHUNKS_MAX)
        wanted = costs.wanted(self._choice, batch.mode)
        log.info(
            "mode chosen",
            batch=batch.id,
            mode=NAMES[wanted],
            header=NAMES[batch.mode],
            asked=self._choice.value,
            calldata_wei=costs.calldata,
            blob_wei=costs.blob,
            gas_price=prices.gas,
            blob_gas_price=prices.blob_gas,
        )
        if wanted != batch.mode and batch.id != self._as_it_is:
            raise faults.OtherMode(batch.id, wanted, f"{costs}, asked for {self._choice.value}")

    def _first_fees(self, batch: Batch, sight: _Sight) -> Fees:
        return self._policy.first(sight.moment.base_fee, self._blob_fee(batch))

    def _blob_fee(self, batch: Batch) -> int | None:
        """Price of blob gas, wei, of a batch in blob mode."""
        return blob_base_fee(self._w3) if batch.mode == BLOB else None

    def _calldata(self, batch: Batch, anchor: tuple[int, bytes], sidecar: Sidecar | None) -> bytes:
        common = (batch.built_at, batch.header[32:64], *anchor, batch.extra)
        if sidecar is None:
            words = [int.from_bytes(word, "big") for word in batch.word_list()]
            call = self._functions.commit(*common, words)
        else:
            last = batch.chunk_count - 1
            call = self._functions.commitBlobs(*common, last + 1, sidecar.opening(last))
        return bytes(HexBytes(call._encode_transaction_data()))

    def _anchor(self, sight: _Sight) -> tuple[int, bytes] | None:
        """A block that stands on every block whose facts the batch uses, and on its parent.

        As old as that allows, so that the reorganization of a young block does not fail it. None if
        the node does not reach so far, or the chain changed since it was looked at.

        Raises
        ------
        ReorgBelowConfirmed
            If the last block told is not on the chain.
        """
        newest, told = sight.moment.number, self._told()
        number = newest
        if sight.confirmed == sight.head:  # the parent stands there, too
            number = newest - self._confirmations + 1
        if told is not None:
            if told.number > newest:
                return None
            found = self._hash_at(told.number)
            if found is not None and found != told.hash:
                raise ReorgBelowConfirmed(
                    f"block {told.number}: found 0x{found.hex()}, expected 0x{told.hash.hex()}, on"
                    " whose facts the next batch was built"
                )
            number = max(number, told.number)
        block_hash = self._hash_at(number)
        if block_hash is None or self._hash_at(newest) != sight.moment.hash:
            return None
        return number, block_hash

    def _rehearse(self, batch: Batch, data: bytes, gas: int, sidecar: Sidecar | None) -> None:
        """Let the node execute the commit in its next block, and raise if it reverts."""
        call: dict[str, Any] = {"to": self._registry.address, "data": HexBytes(data), "gas": gas}
        if sidecar is not None:
            call["blobVersionedHashes"] = list(sidecar.hashes)
        revert = self._sender.revert_of(call, "pending")
        if revert is not None:
            raise faults.CommitReverted(batch.id, b"", f"{revert} (it was not sent)")

    def _progress(
        self, sight: _Sight, stage: Stage, batch: int | None = None, flight: _Flight | None = None
    ) -> Progress:
        transaction = flight.sent[-1].hash if flight and flight.sent else None
        return Progress(stage, sight.head, sight.confirmed, batch, transaction)


def _binds(word: bytes, batch_hash: bytes) -> bool:
    """Whether a ring word is that of a batch."""
    return word[:27] == batch_hash[:27]
