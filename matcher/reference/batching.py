"""Ops to chunks to batches (sections 6 and 14)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from matcher import events
from matcher.reference.context import Context
from matcher.reference.header import Header, parent_of
from matcher.reference.leaf import generation_of, slot_of
from matcher.reference.orderfile import Signed, encode, file_hash
from matcher.reference.state import State, accounts_of, named_by
from matcher.reference.tree import words_root
from matcher.reference.words import Fill, Op, Release, Transfer, Withdraw, pack_chunk, unpack
from matcher.types import CHUNK_OPS, FEE_ACCOUNT, SignedOrder


@dataclass(frozen=True)
class Batch:
    """What is committed and published together."""

    header: Header
    words: tuple[int, ...]
    order_file: bytes


@dataclass(frozen=True)
class SignedOp:
    """An op and the messages that allow it; of a FILL the taker's first."""

    op: Op
    messages: tuple[Signed, ...] = ()


# --- from events to ops --------------------------------------------------------------------


def signed_ops(happened: Iterable[events.Event]) -> Iterator[SignedOp]:
    """The ops among events, each with the messages of the event that it follows."""
    messages: tuple[Signed, ...] = ()
    for event in happened:
        match event:
            case events.Trade():
                messages = (of(event.taker_signed), of(event.maker_signed))
            case events.Withdrawn() | events.Transferred():
                messages = (Signed(event.message, event.signature),)
            case events.Op():
                yield SignedOp(read(event.word), messages)
                messages = ()
            case _:
                messages = ()


def of(order: SignedOrder) -> Signed:
    """An order as the order file takes it."""
    return Signed(order.order, order.signature)


def read(word: bytes) -> Op:
    """The op of an event's 31 bytes."""
    op = unpack(int.from_bytes(word, "big"))
    if not isinstance(op, Op):
        raise TypeError(f"not an op: {op}")
    return op


# --- from ops to chunks --------------------------------------------------------------------


@dataclass
class Chunk:
    """Ops that may stand together."""

    ops: list[SignedOp] = field(default_factory=list)
    generations: dict[tuple[int, int], int] = field(default_factory=dict)  # (account, slot)
    released: set[int] = field(default_factory=set)

    def takes(self, op: Op) -> bool:
        """Whether an op may stand in this chunk after those that do."""
        if len(self.ops) == CHUNK_OPS:
            return False
        for account, order in orders_of(op):
            generation = generation_of(order)
            if self.generations.get((account, slot_of(order)), generation) != generation:
                return False  # the older fill could not be answered for
        if self.released.intersection(named_by([op])):
            return False  # what was released must be everything still at the chunk's end
        releases_fees = isinstance(op, Release) and op.account == FEE_ACCOUNT
        return not (releases_fees and any(isinstance(s.op, Fill) for s in self.ops))

    def add(self, signed: SignedOp) -> None:
        """Put an op at the end."""
        self.ops.append(signed)
        for account, order in orders_of(signed.op):
            self.generations[account, slot_of(order)] = generation_of(order)
        if isinstance(signed.op, Release):
            self.released.update(accounts_of(signed.op))


def orders_of(op: Op) -> list[tuple[int, int]]:
    """(account, order id) of each order slot that an op uses."""
    match op:
        case Fill():
            return [(op.taker, op.taker_order), (op.maker, op.maker_order)]
        case Withdraw():
            return [(op.account, op.order)]
        case Transfer():
            return [(op.source, op.order)]
        case _:
            return []


def chunks_of(ops: Iterable[SignedOp]) -> list[Chunk]:
    """Ops in the order in which they happened, as few chunks as that allows."""
    chunks: list[Chunk] = []
    for signed in ops:
        if not chunks or not chunks[-1].takes(signed.op):
            chunks.append(Chunk())
        chunks[-1].add(signed)
    return chunks


# --- from chunks to batches ----------------------------------------------------------------


@dataclass
class Batcher:
    """Makes batches, one after the other, and keeps the state after the last.

    Parameters
    ----------
    head : Header
        Genesis, at first.
    operator : int
        Index of the operator that will commit.
    chunk_limit : int
        Most chunks in a batch.
    """

    head: Header
    operator: int = 1
    chunk_limit: int = 100
    state: State = field(default_factory=State)

    def close(self, happened: Iterable[events.Event], context: Context) -> list[Batch]:
        """Batches of all that happened at one builtAt; none if there was no op.

        Raises
        ------
        ProtocolError
            If a chunk would be convicted: then the exchange is wrong.
        """
        chunks = chunks_of(signed_ops(happened))
        return [
            self.make(chunks[start : start + self.chunk_limit], context)
            for start in range(0, len(chunks), self.chunk_limit)
        ]

    def make(self, chunks: Sequence[Chunk], context: Context) -> Batch:
        """The next batch."""
        words: list[int] = []
        for chunk in chunks:
            words += self.run([signed.op for signed in chunk.ops], context)
        used = [message for chunk in chunks for s in chunk.ops for message in s.messages]
        order_file = encode(self.head.id + 1, used)
        self.head = Header(
            operator=self.operator,
            id=self.head.id + 1,
            built_at=context.built_at,
            chunk_count=len(chunks),
            parent=parent_of(self.head.batch_hash()),
            chunks_root=words_root(words),
            state_root=self.state.root(),
            extra=file_hash(order_file),
        )
        return Batch(self.head, tuple(words), order_file)

    def run(self, ops: Sequence[Op], context: Context) -> list[int]:
        """Apply the ops of a chunk; its words."""
        before = {index: self.state.account(index) for index in named_by(ops)}
        root = self.state.apply_ops(ops, context)
        self.state.require_margin(before, ops, context)
        return pack_chunk(ops, root)
