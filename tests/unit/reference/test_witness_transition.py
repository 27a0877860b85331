"""The witness of TRANSITION: what it shows, in which order, and where it ends."""

import pytest

from matcher.reference.openings import CalldataBody
from matcher.reference.state import State
from matcher.reference.tree import Path, keccak, root_from
from matcher.reference.witness import account, slots
from matcher.reference.witness_transition import transition
from matcher.reference.words import Fill, Nop, Op, Transfer, Withdraw, pack_chunk
from matcher.types import ACCOUNT_TREE_DEPTH
from tests.vectors.chunks import CHUNKS, facts, fill, state


def shown(ops: list[Op], before: State | None = None) -> bytes:
    """What the witness shows of the state."""
    body = CalldataBody(pack_chunk(ops, keccak(b"any root")))
    witness = transition(body, 0, before or state(), facts())
    head = b"\0\0" + body.chunk(0)
    assert witness.startswith(head)
    return witness[len(head) :]


@pytest.mark.parametrize("name", CHUNKS)
def test_witness_leaves_the_state_as_it_was(name: str) -> None:
    before, untouched = state(), state()
    shown(CHUNKS[name], before)
    assert before.accounts == untouched.accounts
    assert before.tree.nodes == untouched.tree.nodes


def test_witness_of_nothing_shows_nothing() -> None:
    assert shown([]) == shown([Nop(), Nop()]) == b""


def test_witness_of_a_malformed_chunk_ends_with_it() -> None:
    body = CalldataBody([1, *pack_chunk(CHUNKS["all kinds"], keccak(b"any root"))[1:]])
    assert transition(body, 0, state(), facts()) == b"\0\0" + body.chunk(0)


def test_witness_of_a_later_chunk_shows_the_root_before_it() -> None:
    words = pack_chunk([], state().root()) + pack_chunk([], keccak(b"any root"))
    body = CalldataBody(words)
    assert transition(body, 1, state(), facts()) == b"\0\1" + body.root(0) + body.chunk(1)


def test_witness_shows_each_account_after_those_before_it() -> None:
    op = Transfer(2, 3, 5, 99)
    before, half = state(), state()
    after = state()
    after.apply_ops([op], facts())
    half.accounts[2] = after.account(2)
    half.rehash([2])
    expected = (
        account(before.tree, 2, before.account(2))
        + slots(before.account(2).slots, 99)
        + account(half.tree, 3, before.account(3))
    )
    assert shown([op]) == expected
    again = Withdraw(3, 1, 7)
    last = account(after.tree, 3, after.account(3)) + slots(after.account(3).slots, 7)
    assert shown([op, Nop(), again]) == expected + last


def test_witness_ends_with_the_fee_account_if_there_are_fees() -> None:
    free, paid = fill(2, 3, 6, tick=0), fill(2, 3, 6)
    after = state()
    fees = after.apply(paid, facts())
    assert fees > 0
    after.rehash([2, 3])
    end = account(after.tree, 0, state().account(0))
    assert shown([paid]).endswith(end)
    path = after.tree.path(0)
    assert root_from(after.tree.get(0, 0), 0, path, ACCOUNT_TREE_DEPTH) == after.root()
    free_after = state()
    assert free_after.apply(free, facts()) == 0
    free_after.rehash([2, 3])
    assert not shown([free]).endswith(account(free_after.tree, 0, state().account(0)))


@pytest.mark.parametrize(
    ("op", "sides"),
    [
        (fill(2, 3, 6, taker_order=4097), 1),  # the taker's order is stale
        (fill(3, 2, 6, taker_order=6, maker_order=4097), 2),  # the maker's is
        (fill(5, 3, 6), 1),  # the taker's 33rd position
        (fill(3, 5, 6), 2),  # the maker's
        (Transfer(4, 2, 1 << 63, 9), 1),  # what is given is not there
        (Transfer(2, 3, (1 << 63) - 1, 99), 2),  # what is taken does not fit
    ],
)
def test_witness_of_an_invalid_op_shows_the_sides_up_to_the_one_that_is_wrong(
    op: Fill | Transfer, sides: int
) -> None:
    """And nothing of the ops behind it."""
    first, second = (op.taker, op.maker) if isinstance(op, Fill) else (op.source, op.target)
    before = state()
    order = op.taker_order if isinstance(op, Fill) else op.order
    one = account(before.tree, first, before.account(first))
    one += slots(before.account(first).slots, order)
    found = shown([op, Withdraw(2, 1, 77)])
    assert found.startswith(one)
    rest = found[len(one) :]
    assert bool(rest) == (sides == 2)
    if rest:
        # The second side is shown against another root than the first.
        at_first = account(before.tree, second, before.account(second))
        assert len(rest) >= len(at_first)
        assert not rest.startswith(at_first)


def test_witness_of_the_last_side_leads_to_the_running_root() -> None:
    found = shown([Withdraw(6, 0, 1)])
    path = state().tree.path(6)
    assert found == path.present.to_bytes(3, "big") + bytes(64) + b"".join(path.siblings) + bytes(
        2
    ) + bytes(32)
    assert isinstance(path, Path)
