"""S8: Solidity executes random chunks to exactly the model's roots, and finds the lies it finds.

Each world is random facts, a random state, and honest chunks one after the other; each chunk is
also told again with something changed: a bit, a field, an op that the model refused, the root.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from unittest.mock import patch

import pytest

from matcher.reference import faults, state, words
from matcher.reference.context import Context
from matcher.reference.state import State
from matcher.reference.tree import keccak
from matcher.reference.words import KINDS, LAYOUTS, Op, unpack_chunk
from matcher.types import CHUNK_OPS, CHUNK_WORDS
from tests.support.decree import Fault
from tests.support.exchange import copy_state
from tests.support.judging import QuickCourt, Verdict, case, model_verdict
from tests.support.worlds import World, world

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
WORLDS = 100 if FUZZ else 25
CHUNKS = 20  # of each world
SLICES = 5  # so that progress is seen


@pytest.mark.parametrize("part", range(SLICES))
def test_inv_s8_random_chunks_follow_and_mutated_ones_are_judged_as_by_the_model(
    court: QuickCourt, part: int
) -> None:
    seen: Counter[str] = Counter()
    for seed in range(part, WORLDS, SLICES):
        one = world(("transition", seed))
        with court.facts(one.context):
            for number in range(CHUNKS):
                where = f"world {seed}, chunk {number}"
                ops, honest = one.chunk()
                require_same(court, honest, one, where)
                lie = MUTATIONS[number % len(MUTATIONS)](one, honest)
                found = require_same(court, lie, one, f"{where}, mutated")
                seen.update(type(op).__name__ for op in ops)
                seen[found.fault.name] += 1
                one.state.apply_ops(ops, one.context)
    # What was compared is worth something only if it was of all kinds.
    assert {cls.__name__ for cls in KINDS if cls not in (words.RootHi, words.RootLo)} <= set(seen)
    assert {"MALFORMED_CHUNK", "WRONG_ROOT", "NONE"} <= set(seen)
    assert len(set(seen) & set(Fault.__members__)) >= (16 if FUZZ else 8), seen


def require_same(court: QuickCourt, chunk: Sequence[int], one: World, where: str) -> Verdict:
    """The contract's verdict is the model's; of several rules broken it may name another."""
    expected = model_verdict(chunk, one.state, one.context)
    found = court.judge(case(chunk, one.state, one.context))
    if expected.fault == Fault.MALFORMED_CHUNK:
        expected = replace(expected, place=found.place)  # the model does not say where
    if found.fault != expected.fault and Fault.NONE not in (found.fault, expected.fault):
        broken = broken_rules(chunk, expected.place, one.state, one.context)
        assert {found.fault, expected.fault} <= broken, where
        expected = replace(expected, fault=found.fault)
    assert found == expected, where
    return found


def broken_rules(chunk: Sequence[int], place: int, before: State, context: Context) -> set[Fault]:
    """All rules that the op at `place` breaks: the model's own, asked to the last."""
    ops, _ = unpack_chunk(chunk)
    running = copy_state(before)
    for op in ops[:place]:
        running.apply(op, context)
    found: set[Fault] = set()

    def note(holds: bool, fault: faults.Fault, detail: str = "") -> None:
        if not holds:
            found.add(Fault[fault.name])

    with patch.object(state, "require", note):
        try:
            running.apply(ops[place], context)
        except faults.InvalidOp as error:
            found.add(Fault[error.fault.name])
    return found


# --- mutations ------------------------------------------------------------------------------------

Mutation = Callable[[World, Sequence[int]], list[int]]


def a_bit(one: World, chunk: Sequence[int]) -> list[int]:
    """One bit of any word, most often of one that says something."""
    rng, lie = one.rng, list(chunk)
    place = rng.choice([i for i, word in enumerate(lie) if word])
    lie[place] ^= 1 << rng.choice((rng.randrange(256), rng.randrange(100, 248)))
    return lie


def a_field(one: World, chunk: Sequence[int]) -> list[int]:
    """One field of one op: at an end, one more or less, or as in another op."""
    rng, lie = one.rng, list(chunk)
    ops, _ = unpack_chunk(chunk)
    places = [i for i, op in enumerate(ops) if fields(op)]
    if not places:
        return a_bit(one, chunk)
    place = rng.choice(places)
    op = ops[place]
    position = rng.randrange(len(fields(op)))
    name, width = fields(op)[position].name, LAYOUTS[KINDS[type(op)]][1][position]
    value, most = getattr(op, name), (1 << width) - 1
    other = getattr(rng.choice([ops[i] for i in places]), name, rng.getrandbits(width))
    changed = rng.choice((0, most, value + 1, value - 1, other, rng.getrandbits(width)))
    lie[place] = words.pack(replace(op, **{name: min(max(changed, 0), most)}))
    return lie


def a_field_and_its_root(one: World, chunk: Sequence[int]) -> list[int]:
    """The same, and if the ops are valid all the same, the root that follows: no lie at all."""
    lie = a_field(one, chunk)
    verdict = model_verdict(lie, one.state, one.context)
    return lie[:CHUNK_OPS] + words.root_words(verdict.root) if any(verdict.root) else lie


def the_order(one: World, chunk: Sequence[int]) -> list[int]:
    """Two ops change places, or one happens twice."""
    rng, lie = one.rng, list(chunk)
    here, there = (rng.randrange(CHUNK_OPS) for _ in range(2))
    lie[here] = chunk[there]
    if rng.random() < 0.5:
        lie[there] = chunk[here]
    return lie


def a_refused_op(one: World, chunk: Sequence[int]) -> list[int]:
    """An op that the model refused, where it refused it."""
    if not one.refused:
        return a_field(one, chunk)
    place, op = one.rng.choice(one.refused)
    if place == CHUNK_OPS:
        return a_field(one, chunk)
    return [*chunk[:place], words.pack(op), *chunk[place + 1 :]]


def the_root(one: World, chunk: Sequence[int]) -> list[int]:
    """Another root: the one before, one of nowhere, one that forgets the fees or the last op."""
    rng = one.rng
    ops, _ = unpack_chunk(chunk)
    shorter = copy_state(one.state)
    feeless = copy_state(one.state)
    _apply_without_fees(feeless, ops, one.context)
    roots = [one.state.root(), keccak(b"nowhere"), feeless.root()]
    with contextlib.suppress(faults.InvalidOp):  # without the last op the fees may not fit
        roots.append(shorter.apply_ops(ops[:-1], one.context))
    return [*chunk[:CHUNK_OPS], *words.root_words(rng.choice(roots))]


def _apply_without_fees(running: State, ops: Sequence[Op], context: Context) -> None:
    for op in ops:
        running.apply(op, context)
    running.rehash(running.accounts)


def the_shape(one: World, chunk: Sequence[int]) -> list[int]:
    """A word that may not stand where it stands."""
    rng, lie = one.rng, list(chunk)
    place = rng.randrange(CHUNK_WORDS)
    lie[place] = rng.choice(
        (
            lie[place] | 1 << rng.randrange(248, 256),
            rng.choice((0x07, 0x0A, 0x10, 0x1F, 0xFD)) << 240,
            lie[30],
            lie[31],
            rng.getrandbits(240),
            words.pack(words.Release(0, 0, 1)),
        )
    )
    return lie


MUTATIONS: list[Mutation] = [
    a_bit,
    the_shape,
    a_refused_op,
    a_field,
    a_refused_op,
    the_order,
    a_field_and_its_root,
    the_root,
    a_refused_op,
    a_field,
    a_field_and_its_root,
]


def test_worlds_are_the_same_for_the_same_seed() -> None:
    once, again = (world("seed") for _ in range(2))
    assert [once.chunk() for _ in range(3)] == [again.chunk() for _ in range(3)]
    assert a_field(once, once.chunk()[1]) == a_field(again, again.chunk()[1])
