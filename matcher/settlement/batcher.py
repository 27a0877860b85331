"""Ops to chunks to batches: words, roots, headers, order files, and proofs for them (section 14).

Ops stay in the order in which they happened; only where chunks end is decided here. Everything is
a function of the commands and events that were added, so a replayed journal makes the same batches.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from matcher import commands as c
from matcher import events as e
from matcher.batch import (
    BLOB,
    CALLDATA,
    CHUNK_BYTES,
    WORD_BYTES,
    Batch,
    Header,
    SignedMessage,
    commitments,
    order_file,
    parent_of,
    words_depth,
)
from matcher.errors import ProtocolError
from matcher.kernel.layout import EVENT_NUMBERS, EventKind
from matcher.kernel.opstream_layout import Stop
from matcher.kernel.pool import Pool
from matcher.kernel.settlement_layout import QUAD
from matcher.lines import Decoder
from matcher.merkle import ZERO, Path, keccak
from matcher.names import Names
from matcher.settlement.facts import Facts
from matcher.settlement.forest import WholeTree
from matcher.settlement.kept import REDATABLE, KeptBatches, Messages, Parts, packed, unpacked
from matcher.settlement.ledger import Ledger
from matcher.settlement.opstream import OpStream, OrderFiles, messages_of
from matcher.settlement.redate import Closed, RedateError, invalid_ops
from matcher.types import AS_IT_IS, CHUNK_OPS, SignedOrder, Windows

__all__ = ["Batch", "Batcher", "Path"]

MAX_CHUNKS: Final = 100


class Batcher:
    """Makes batches from commands and their events.

    Parameters
    ----------
    genesis : bytes
        Header of batch 0, 192 bytes.
    windows : Windows
        Of which it needs `lag`.
    operator : int
        Index of the operator that will commit; may be set between batches, and is by
        `commands.OperatorNamed`, so that a replay names the same one.
    max_chunks : int
        A batch with so many chunks is closed, in either mode; the next begins with the same
        builtAt. Until `commands.BatchLimited` says otherwise.

    Attributes
    ----------
    mode : int
        In which batches are closed.
    limits : BatchLimited
        What `max_chunks` is now, in either mode.

    Notes
    -----
    Roots of closed batches are kept for proofs until `forget`. Memory is proportional to the leaves
    and slots that changed in kept batches, and to their words.
    """

    def __init__(
        self, genesis: bytes, windows: Windows, operator: int, max_chunks: int = MAX_CHUNKS
    ):
        self.facts = Facts(windows.lag)
        self.ledger = Ledger(self.facts, room=max_chunks)
        self._head = Header.decode(genesis)
        self.operator = operator
        self.mode = CALLDATA
        self.limits = c.BatchLimited(max_chunks, max_chunks)
        self._built_at = self._head.built_at
        self._waiting = Pool(QUAD, CHUNK_OPS)  # op words, of which each has
        self._messages: list[tuple[SignedMessage, ...]] = []  # those that allow it
        self._used: list[SignedMessage] = []
        self._stream = OpStream()
        self._files = OrderFiles(self.facts.terms)
        names = Names(windows.lag)
        names.listings = self.facts.listings
        self._decoder = Decoder(names)
        self._ops = 0
        self._kept = KeptBatches(self._head)

    # --- building --------------------------------------------------------------------------------

    @property
    def head(self) -> Header:
        """Header of the last closed batch; genesis at first."""
        return self._head

    @property
    def pending_ops(self) -> int:
        """Ops in the batch that is being built."""
        return self._ops

    def add(self, command: c.Command, events: Sequence[e.Event]) -> list[Batch]:
        """Take in what a command did; the batches that it closed.

        Raises
        ------
        ProtocolError
            If an op breaks the protocol. The exchange is wrong then, and must stop.
        RedateError
            If a `Redate` is impossible. Nothing has changed then.
        """
        closed = self._observe(command, bool(events))
        messages: tuple[SignedMessage, ...] = ()
        for event in events:
            match event:
                case e.Trade():
                    messages = (_of(event.taker_signed), _of(event.maker_signed))
                case e.Withdrawn() | e.Transferred():
                    messages = (_moved(command, event),)
                case e.Op():
                    self._wait(event.word, messages)
                    messages = ()
                case e.BatchOpened():
                    closed += self._settle()
                    self._open(event.built_at)
                case e.BatchClosed():
                    closed += self._settle()
                    closed += self._close()
                case _:
                    pass
        return closed + self._settle()

    def add_events(
        self, lines: NDArray[Any], ends: NDArray[np.int64], events: NDArray[Any]
    ) -> list[Batch]:
        """Take in what commands did, as the kernel exchange reads and answers it.

        The same as `add` for each command, without an object for any of them. A batcher is fed by
        one of the two in all its life.

        Parameters
        ----------
        lines : array of COMMAND, shape (n,), contiguous
            Whole commands, each with its annex: of an order SIGNED, and r and s. From the lines of
            orders comes the file of signed orders.
        ends : array of int64, shape (m,)
            How many events there were after each command, as `kernel.exchange` writes it.
        events : array of EVENT, contiguous

        Returns
        -------
        list of Batch
            Those that the commands closed.

        Raises
        ------
        ProtocolError
            If an op breaks the protocol, or an order trades that was never seen to rest.
        RedateError
            If a `Redate` is impossible.
        """
        closed: list[Batch] = []
        stream = self._stream
        stream.begin(lines, ends, events)
        try:
            while True:
                stop = stream.gather()
                closed += self._settle_stream()
                if stop is Stop.DONE:
                    return closed
                if stop is Stop.FACT:
                    told = events[: int(ends[stream.command(ends)])][stream.next_event :]
                    closed += self._observe_lines(stream.fact(lines), told)
                    continue
                built_at = int(events.view(EVENT_NUMBERS)["amount"][stream.next_event - 1])
                if stop is Stop.OPENED:
                    self._open(built_at)
                else:
                    closed += self._close()
        finally:
            stream.end()

    def make_ready(self, ops: int) -> None:
        """Take the memory that so many ops may need from the system, while nobody waits."""
        self.ledger.make_ready(ops)

    def _observe_lines(self, lines: bytes, events: NDArray[Any]) -> list[Batch]:
        """Take in a fact, unless the engine found it to be none."""
        if (events["kind"] == EventKind.FAULT).any():
            return []
        return self._observe(self._decoder.decode(lines), bool(len(events)))

    def _observe(self, command: c.Command, refused: bool) -> list[Batch]:
        """Take in a fact, or what is the batcher's business; the batches that it redated."""
        self.facts.observe(command)
        if isinstance(command, c.OperatorNamed):
            self.operator = command.operator
        elif isinstance(command, c.BatchLimited):
            self.limits = command
            self._make_room()
        elif isinstance(command, c.Redate) and not refused:
            return self.redate(command.first_batch, command.built_at, command.mode)
        return []

    def _make_room(self) -> None:
        """Let the next batch have as many chunks as its mode allows."""
        if not self._ops:
            limits = self.limits
            self.ledger.make_room(limits.blob if self.mode == BLOB else limits.calldata)

    def _settle_stream(self) -> list[Batch]:
        """Apply the ops that wait in the stream; the batches that were full with them."""
        stream, done = self._stream, 0
        closed: list[Batch] = []
        while done < (count := stream.waiting()):
            applied = self.ledger.settle(stream.ops, done, count - done, self._built_at)
            stream.use(done, applied)
            self._ops += applied
            done += applied
            if self.ledger.full:
                closed += self._close()
        stream.settled()
        return closed

    def _open(self, built_at: int) -> None:
        if self._ops:
            raise ProtocolError(f"batch {self._head.id + 1}: opened anew with {self._ops} ops")
        self._built_at = built_at

    def _wait(self, word: bytes, messages: tuple[SignedMessage, ...]) -> None:
        """Remember an op until all of its command are known."""
        count = len(self._messages)
        self._waiting.grow(count + 1)
        self._waiting.array.view("V32")[count] = word.rjust(WORD_BYTES, b"\0")
        self._messages.append(messages)

    def _settle(self) -> list[Batch]:
        """Apply the ops that wait; the batches that were full with them."""
        count, done = len(self._messages), 0
        closed: list[Batch] = []
        try:
            while done < count:
                applied = self.ledger.settle(self._waiting, done, count - done, self._built_at)
                self._used += chain.from_iterable(self._messages[done : done + applied])
                self._ops += applied
                done += applied
                if self.ledger.full:
                    closed += self._close()
        finally:
            self._messages = []
        return closed

    def _close(self) -> list[Batch]:
        """Close the batch; nothing if it holds no op."""
        if not self._ops:
            return []
        self.ledger.finish(self._built_at)
        raw = self.ledger.take_words()
        lines = self._stream.take_used()
        used = tuple(dict.fromkeys(self._used))
        if lines:
            file, extra = self._files.write(self._head.id + 1, lines)
        else:
            file = order_file(self._head.id + 1, used)
            extra = keccak(file)
        chunks_root, blobs_hash = self._bound(raw, self.mode)
        header = Header(
            operator=self.operator,
            mode=self.mode,
            id=self._head.id + 1,
            built_at=self._built_at,
            chunk_count=len(raw) // CHUNK_BYTES,
            parent=parent_of(keccak(self._head.encode())),
            chunks_root=chunks_root,
            blobs_hash=blobs_hash,
            state_root=self.ledger.root,
            extra=extra,
        )
        self._head = header
        self._kept.add(header, raw, lines or used)
        self._used, self._ops = [], 0
        self._make_room()
        self.ledger.sweep(self._kept.roots())
        return [Batch(header.encode(), raw, file)]

    @staticmethod
    def _bound(words: bytes, mode: int) -> tuple[bytes, bytes]:
        """`commitments`, from the tree that is hashed in bulk."""
        if mode == CALLDATA:
            return WholeTree(words, words_depth(len(words) // CHUNK_BYTES)).root, ZERO
        return commitments(words, mode)

    def redate(self, first: int, built_at: int, mode: int = AS_IT_IS) -> list[Batch]:
        """Give closed batches other headers, with which every op stays valid.

        For batches that were not committed while their builtAt was recent enough, or that would
        cost less in another mode. Words, state roots and order files stay; headers change, and name
        the current operator. Never for a batch that stands on the chain: only who asks can know
        that.

        Parameters
        ----------
        first : int
            Id of the first batch; all after it are redated too.
        built_at : int
            Seconds; not before the newest batch's. 0: each keeps its own.
        mode : int
            Of these batches and of all that are closed later; `AS_IT_IS`: each keeps its own.

        Returns
        -------
        list of Batch
            The batches that replace those of the same ids.

        Raises
        ------
        RedateError
            With every op that would not be valid any more; nothing has changed then.
        """
        last = self._head.id
        parent = self._kept.get(first - 1)
        if self._ops:
            raise RedateError(f"redate: batch {last + 1} is being built, with {self._ops} ops")
        if not 1 <= first <= last or parent is None:
            raise RedateError(f"redate: found batch {first}, allowed 1 to {last}, not forgotten")
        if built_at and built_at < self._head.built_at:
            raise RedateError(f"redate: found {built_at}, allowed from {self._head.built_at} on")
        closed = [self._closed(batch_id) for batch_id in range(first, last + 1)]
        if built_at:
            found = invalid_ops(closed, parent.state_root, built_at, self.facts, self.ledger)
            if found:
                raise RedateError(f"redate: {len(found)} ops are not valid at {built_at}", found)
        if mode != AS_IT_IS:
            self.mode = mode
            self._make_room()
        return [self._rehead(batch, built_at, mode) for batch in closed]

    def _closed(self, batch_id: int) -> Closed:
        kept = self._kept.find(batch_id)
        if kept.messages is None:
            raise RedateError(f"redate: batch {batch_id} is not among the last {REDATABLE}")
        header = kept.header
        messages = tuple(self._told(kept.messages))
        return Closed(batch_id, header.built_at, header.state_root, kept.words, messages)

    def _told(self, messages: Messages) -> Sequence[SignedMessage]:
        if isinstance(messages, bytes):
            return messages_of(messages, self._decoder)
        return messages

    def _rehead(self, batch: Closed, built_at: int, mode: int) -> Batch:
        header = msgspec.structs.replace(
            self._kept.find(batch.id).header,
            operator=self.operator,
            built_at=built_at or batch.built_at,
            parent=parent_of(keccak(self._kept.find(batch.id - 1).header.encode())),
        )
        if mode not in (AS_IT_IS, header.mode):
            chunks_root, blobs_hash = self._bound(batch.words, mode)
            header = msgspec.structs.replace(
                header, mode=mode, chunks_root=chunks_root, blobs_hash=blobs_hash
            )
        self._kept.rehead(header)
        if batch.id == self._head.id:
            self._head = header
        return Batch(header.encode(), batch.words, order_file(batch.id, batch.messages))

    # --- proofs ----------------------------------------------------------------------------------

    def account_proof(self, batch_id: int, account: int) -> tuple[list[bytes], Path]:
        """An account after a batch, as the Vault takes it.

        Returns
        -------
        leaf : list of bytes
            Words of the leaf, 32 bytes each; none if the account is empty.
        path : Path
            In the account tree.

        Raises
        ------
        ProtocolError
            If the batch is not known (any more).
        """
        leaf, path = self.ledger.account_proof(self._kept.find(batch_id).state_root, account)
        return [leaf[i : i + 32] for i in range(0, len(leaf), 32)], path

    def slot_proof(self, batch_id: int, account: int, slot: int) -> tuple[bytes, Path]:
        """The word that holds an order slot after a batch, and its path to the slots root."""
        return self.ledger.slot_proof(self._kept.find(batch_id).state_root, account, slot)

    def word_proof(self, batch_id: int, index: int) -> tuple[bytes, Path]:
        """A word of a batch, 32 bytes as in calldata, and its path under the chunks' root."""
        return self._kept.word_proof(batch_id, index)

    def state_root(self, batch_id: int) -> bytes:
        """The state root after a kept batch."""
        return self._kept.find(batch_id).state_root

    def known(self) -> range:
        """Ids of the batches that proofs can be made for."""
        return self._kept.known()

    def forget(self, below: int) -> None:
        """Make no more proofs for batches below this id; the last one stays."""
        self._kept.forget(below)

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self) -> dict[str, NDArray[Any] | bytes]:
        """All that a batcher needs to go on from here, and to prove what this one can.

        Between two calls of `add`; what no proof needs is forgotten.
        """
        numbers = {
            "operator": self.operator,
            "mode": self.mode,
            "built_at": self._built_at,
            "ops": self._ops,
            "calldata_limit": self.limits.calldata,
            "blob_limit": self.limits.blob,
            "room": self.ledger.room,
        }
        parts: dict[str, dict[str, NDArray[Any] | bytes]] = {
            "batcher": {
                "numbers": msgspec.msgpack.encode(numbers),
                "used": packed(self._used),
                "facts": self.facts.dump(),
            },
            "ledger": self.ledger.dump(self._kept.roots()),
            "stream": self._stream.dump(),
            "kept": self._kept.dump(),
        }
        return {f"{part}.{name}": value for part in parts for name, value in parts[part].items()}

    def load(self, parts: Parts) -> None:
        """Take over what `dump` gave; this batcher was told nothing yet.

        Parameters
        ----------
        parts : mapping
            Of names to arrays and bytes, as `dump` gave them.
        """
        self.facts.load(bytes(parts["batcher.facts"]))
        numbers = msgspec.msgpack.decode(bytes(parts["batcher.numbers"]), type=dict[str, int])
        self.operator, self._built_at = numbers["operator"], numbers["built_at"]
        self._ops = numbers["ops"]
        self.mode = numbers.get("mode", CALLDATA)  # older snapshots know no other
        room = numbers.get("room", self.ledger.room)
        self.limits = c.BatchLimited(
            numbers.get("calldata_limit", room), numbers.get("blob_limit", room)
        )
        self.ledger.make_room(room)
        self._used = unpacked(bytes(parts["batcher.used"]))
        self._kept.load(_part(parts, "kept"))
        self._stream.load(_part(parts, "stream"))
        self.ledger.load(_part(parts, "ledger"), self._built_at)
        self._head = self._kept.find(self._kept.known()[-1]).header


def _part(parts: Parts, name: str) -> Parts:
    """What `dump` put together under a name."""
    size = len(name) + 1
    return {key[size:]: value for key, value in parts.items() if key.startswith(name + ".")}


def _of(order: SignedOrder) -> SignedMessage:
    return SignedMessage(order.order, order.signature, order.signer)


def _moved(command: c.Command, event: e.Withdrawn | e.Transferred) -> SignedMessage:
    if not isinstance(command, c.WithdrawRequest | c.TransferRequest):
        raise ProtocolError(f"{type(command).__name__} was answered {type(event).__name__}")
    return SignedMessage(event.message, event.signature, command.signer)
