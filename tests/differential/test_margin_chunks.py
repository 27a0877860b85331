"""S5: MARGIN finds of any account exactly what the model finds, over random chunks.

Each world is random facts, a random state, and honest transitions one after the other, which break
margin as they like. Beside them stand pairs of arbitrary accounts, which no transition joins.
"""

import os
from collections import Counter
from dataclasses import replace

import pytest

from matcher.reference.context import Context
from matcher.reference.faults import MarginBroken
from matcher.reference.header import BLOB, CALLDATA, Header
from matcher.reference.leaf import Account
from matcher.reference.openings import BlobBody, CalldataBody
from matcher.reference.state import State, named_by
from matcher.reference.tree import ZERO
from matcher.reference.witness_margin import margin
from matcher.reference.words import Nop, Op, Release, pack_chunk
from matcher.types import CHUNK_WORDS
from tests.support.decree import Fault
from tests.support.exchange import copy_state, state_of
from tests.support.judging import WHOLE, Case, QuickCourt, Verdict
from tests.support.worlds import LAST, World, account, world

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
WORLDS = 100 if FUZZ else 15
CHUNKS = 15  # of each world
PAIRS = 40  # of each world
SLICES = 5  # so that progress is seen
BLOBS = 0.02  # share of chunks in blobs, whose proofs take time


@pytest.mark.parametrize("part", range(SLICES))
def test_inv_s5_margin_of_random_chunks_is_judged_as_by_the_model(
    court: QuickCourt, part: int
) -> None:
    seen: Counter[Fault] = Counter()
    for seed in range(part, WORLDS, SLICES):
        one = real_world(("margin", seed))
        with court.facts(one.context):
            for number in range(CHUNKS):
                ops, _ = one.chunk()
                after = copy_state(one.state)
                after.apply_ops(ops, one.context)
                shown = {*named_by(ops), one.rng.randint(2, LAST)}
                for index in sorted(shown):
                    where = f"world {seed}, chunk {number}, account {index}"
                    found = require_same(court, one, ops, after, index, where)
                    seen[found] += 1
                one.state = after
    assert seen.keys() == {Fault.NONE, Fault.MARGIN_BROKEN, Fault.RELEASE_KEPT}, seen


@pytest.mark.parametrize("part", range(SLICES))
def test_inv_s5_margin_of_any_two_leaves_is_judged_as_by_the_model(
    court: QuickCourt, part: int
) -> None:
    seen: Counter[Fault] = Counter()
    for seed in range(part, WORLDS, SLICES):
        one = real_world(("pairs", seed))
        with court.facts(one.context):
            for number in range(PAIRS):
                index = one.rng.randint(2, LAST)
                one.state, after = (
                    state_of({index: leaf, 1 << 20: Account(cash=1)}) for leaf in pair(one, index)
                )
                op = Release(index, 1, 1) if one.rng.random() < 0.4 else Nop()
                found = require_same(court, one, [op], after, index, f"world {seed}, pair {number}")
                seen[found] += 1
    assert seen.keys() == {Fault.NONE, Fault.MARGIN_BROKEN, Fault.RELEASE_KEPT}, seen


def real_world(seed: object) -> World:
    """A world without prices that were fixed before their expiry, which no chain has."""
    one = world(seed)
    prices = one.context.prices.items()
    one.context.prices = {key: fixed for key, fixed in prices if fixed[1] >= key[1] * 3600}
    return one


def pair(one: World, index: int) -> tuple[Account, Account]:
    """Two leaves: of nothing in common, or alike, or at the very edge of what margin allows."""
    rng, context = one.rng, one.context
    first = account(rng, context, index)
    kind = rng.randrange(4)
    if kind == 0:
        return first, account(rng, context, index)
    second = first.copy()
    if kind == 1:
        for instrument in rng.sample(list(context.instruments), 3):
            if len(second.positions) < 32 or instrument in second.positions:
                second.add_lots(instrument, rng.choice((-2, -1, 1, 2)))
    worst = context.worst(second.cash, second.positions)
    goal = rng.choice((0, context.worst(first.cash, first.positions))) + rng.choice((-1, 0, 1))
    second.cash += goal - worst
    if not -(1 << 63) <= second.cash < 1 << 63 or any(
        not -(1 << 39) <= lots < 1 << 39 for lots in second.positions.values()
    ):
        return first, first.copy()
    return first, second


def require_same(
    court: QuickCourt, one: World, ops: list[Op], after: State, index: int, where: str
) -> Fault:
    """The contract's verdict about an account is the model's."""
    rng = one.rng
    number = rng.randrange(2)
    words = pack_chunk([], one.state.root()) + pack_chunk(ops, after.root())
    if number == 0:
        words = words[CHUNK_WORDS:] + pack_chunk([], ZERO)  # which nobody opens
    in_blobs = rng.random() < BLOBS
    body = BlobBody(words) if in_blobs else CalldataBody(words)
    header = Header(
        operator=1,
        mode=BLOB if in_blobs else CALLDATA,
        id=1,
        built_at=one.context.built_at,
        chunk_count=2,
        chunks_root=ZERO if isinstance(body, BlobBody) else body.tree.root(),
        blobs_hash=body.blobs_hash if isinstance(body, BlobBody) else ZERO,
    )
    previous = Header(state_root=ZERO if number else one.state.root())
    releases = [
        place for place, op in enumerate(ops) if isinstance(op, Release) and op.account == index
    ]
    place = rng.choice(releases) if releases else None
    witness = margin(body, number, index, one.state, after, place)
    fault = model_fault(ops, one.state.account(index), after, index, one.context)
    expected = Verdict(fault, number, WHOLE)
    if fault == Fault.RELEASE_KEPT:
        assert place is not None
        expected = replace(expected, place=place)
    assert court.judge(Case(header, previous, witness), "margin_prover") == expected, where
    return fault


def model_fault(ops: list[Op], was: Account, after: State, index: int, context: Context) -> Fault:
    try:
        after.require_margin({index: was}, ops, context)
    except MarginBroken as error:
        return Fault.MARGIN_BROKEN if error.after < 0 else Fault.RELEASE_KEPT
    return Fault.NONE


def test_pairs_reach_the_edges() -> None:
    """Worst after at and beside 0, and at and beside worst before."""
    one = real_world("edges")
    gaps: Counter[str] = Counter()
    for _ in range(300):
        first, second = pair(one, 2)
        before, after = (one.context.worst(a.cash, a.positions) for a in (first, second))
        for name, gap in (("zero", after), ("before", after - before)):
            if abs(gap) <= 1:
                gaps[f"{name} {gap}"] += 1
    assert gaps.keys() == {f"{name} {gap}" for name in ("zero", "before") for gap in (-1, 0, 1)}
