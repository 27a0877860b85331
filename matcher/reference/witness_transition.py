"""The witness of TRANSITION: a chunk, and what each of its ops touches.

The prover opens every account against the running root, op by op, so each part shows the state
after the parts before it. Where the model finds an op invalid, the witness ends.
"""

from collections.abc import Iterator, Sequence

from matcher.reference.context import Context
from matcher.reference.faults import Fault, InvalidOp, MalformedChunk
from matcher.reference.fees import fee
from matcher.reference.leaf import Account, account_hash, outside_width
from matcher.reference.openings import Body
from matcher.reference.state import State, named_by, require, use_slot, use_whole_slot
from matcher.reference.witness import account, slots
from matcher.reference.words import Fill, Nop, Op, Transfer, Withdraw, unpack_chunk
from matcher.types import CHUNK_WORDS, FEE_ACCOUNT, MAX_POSITIONS


def transition(body: Body, number: int, state: State, context: Context) -> bytes:
    """What TRANSITION takes to judge one chunk.

    Parameters
    ----------
    body : Body
        The words of the batch.
    number : int
        Of the chunk.
    state : State
        Before the chunk, with the root that the chunk before it (or the batch before) states.
        Left as it was.
    context : Context
        At the batch's builtAt.
    """
    parts = [body.begin(), number.to_bytes(2, "big")]
    if number:
        parts.append(body.root(number - 1))
    parts.append(body.chunk(number))
    try:
        ops, _ = unpack_chunk(body.words[CHUNK_WORDS * number : CHUNK_WORDS * (number + 1)])
    except MalformedChunk:
        return b"".join(parts)
    running = State()
    running.accounts = dict(state.accounts)
    running.tree = state.tree  # lent: what changes in it is put back
    try:
        parts.extend(_executed(ops, running, context))
    finally:
        state.rehash(named_by(ops))
    return b"".join(parts)


def _executed(ops: Sequence[Op], state: State, context: Context) -> Iterator[bytes]:
    """Each account that an op touches, as it stands just before that; up to an invalid op."""
    fees = 0
    for op in ops:
        sides = _sides(op)
        before = {index: state.account(index) for index, _ in sides}
        try:
            fees += state.apply(op, context)
        except InvalidOp:
            yield from _of_invalid(op, state, context)
            return
        for index, order in sides:
            yield from _side(state, index, before[index], order)
            state.rehash([index])
    if fees:
        yield account(state.tree, FEE_ACCOUNT, state.account(FEE_ACCOUNT))


def _of_invalid(op: Op, state: State, context: Context) -> Iterator[bytes]:
    """The accounts of an invalid op. Whatever makes it so may lie with the second of them."""
    sides = _sides(op)
    for place, (index, order) in enumerate(sides):
        yield from _side(state, index, state.account(index), order)
        if place + 1 < len(sides):
            try:
                half = _first_half(op, state.account(index).copy(), context)
            except InvalidOp:
                return
            state.tree.set(index, account_hash(half))


def _side(state: State, index: int, shown: Account, order: int | None) -> Iterator[bytes]:
    yield account(state.tree, index, shown)
    if order is not None:
        yield slots(shown.slots, order)


def _sides(op: Op) -> list[tuple[int, int | None]]:
    """The accounts that an op touches, in the order in which the prover does, and the order whose
    slot it uses there.
    """
    match op:
        case Fill():
            return [(op.taker, op.taker_order), (op.maker, op.maker_order)]
        case Transfer():
            return [(op.source, op.order), (op.target, None)]
        case Withdraw():
            return [(op.account, op.order)]
        case Nop():
            return []
        case _:
            return [(op.account, None)]


def _first_half(op: Op, first: Account, context: Context) -> Account:
    """The taker of a FILL, or who gives in a TRANSFER, after its part.

    Raises
    ------
    InvalidOp
        If it is this part that is invalid.
    """
    match op:
        case Fill():
            listed = context.instruments.get(op.instrument)
            if listed is None:
                raise InvalidOp(Fault.INSTRUMENT_UNLISTED, f"instrument {op.instrument}")
            use_slot(first, op.taker_order, op.lots)
            notional = op.tick * op.lots * context.markets[listed.market].tick_value
            rate, _ = context.fees[listed.market].at(context.built_at)
            bought = -1 if op.taker_sells else 1
            first.cash -= bought * notional + fee(rate, op.lots, notional)
            first.add_lots(op.instrument, bought * op.lots)
        case Transfer():
            use_whole_slot(first, op.order)
            first.cash -= op.amount
        case _:
            raise AssertionError(f"{op} has one side")
    require(not outside_width(first), Fault.FIELD_OVERFLOW)
    require(len(first.positions) <= MAX_POSITIONS, Fault.TOO_MANY_POSITIONS)
    return first
