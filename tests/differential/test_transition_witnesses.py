"""S9: a witness that does not belong to its batch reverts; it never convicts an honest chunk.

Every byte of a witness of an honest chunk is needed, so whatever is changed in it must revert; but
a sibling of zeros may be shown where the witness ends, which changes no root, and of two witnesses
put together one may be left whole. Of a chunk that lies, what stands behind the lie is not read:
there the verdict stands, or it reverts.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from matcher.reference.state import State
from matcher.reference.witness import account
from matcher.reference.words import Credit, Fill, Release, Settle, Transfer, Withdraw
from matcher.types import CHUNK_WORDS
from tests.support.chain import Reverted
from tests.support.decree import Fault
from tests.support.exchange import account_with, copy_state
from tests.support.judging import Case, QuickCourt, Verdict, case, honest_words
from tests.support.worlds import NOON, World, world

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
WORLDS = 200 if FUZZ else 15
SPOILED = 40  # witnesses of each
CHUNKS = 3  # of the batch; the one between is judged

# What a witness that does not belong is refused with: never by a panic, never without a reason.
REFUSALS = {
    "AccountNotInState",
    "SlotsNotInAccount",
    "WordsNotInBatch",
    "ChunkUnknown",
    "RootMissing",
    "PathTooDeep",
    "TooManyPositions",
    "UnknownRule",
    "InvalidPosition",
    "UnusedQuarterNotZero",
}


SAME = "an honest verdict"


def refusal(court: QuickCourt, spoiled: Case, *verdicts: Verdict) -> str:
    """What the witness is refused with, or `SAME`; no verdict but these does it find."""
    try:
        found = court.judge(spoiled)
    except Reverted as reverted:
        return reverted.revert.name
    assert found in verdicts
    return SAME


@pytest.mark.parametrize("part", range(5))
def test_inv_s9_spoiled_witness_of_an_honest_chunk_is_refused(court: QuickCourt, part: int) -> None:
    refused: Counter[str] = Counter()
    for seed in range(part, WORLDS, 5):
        one = world(("witness", seed))
        with court.facts(one.context):
            honest, other = batch(one)
            verdict, others = court.judge(honest), court.judge(other)
            assert verdict.fault == others.fault == Fault.NONE
            for spoil in SPOILS * (SPOILED // len(SPOILS)):
                spoiled = spoil(one.rng, honest.witness, other.witness)
                if spoiled.startswith(honest.witness):
                    continue  # not spoiled after all, or only behind the end
                refused[refusal(court, replace(honest, witness=spoiled), verdict, others)] += 1
            longer = honest.witness + one.rng.randbytes(70)
            assert court.judge(replace(honest, witness=longer)) == verdict
    assert refused.pop(SAME, 0) < sum(refused.values()) / 100, refused
    assert set(refused) <= REFUSALS, refused
    assert len(refused) >= 3, refused


@pytest.mark.parametrize("part", range(3))
def test_inv_s9_spoiled_witness_of_a_lie_finds_that_lie_or_is_refused(
    court: QuickCourt, part: int
) -> None:
    refused: Counter[str] = Counter()
    for seed in range(part, WORLDS // 2, 3):
        one = world(("lie", seed))
        with court.facts(one.context):
            _, words = one.chunk()
            wrong = [*words[:5], words[5] ^ 1 << one.rng.randrange(120, 230), *words[6:]]
            lie, other = (case(each, one.state, one.context) for each in (wrong, words))
            verdict = court.judge(lie)
            for spoil in SPOILS * (SPOILED // len(SPOILS)):
                spoiled = spoil(one.rng, lie.witness, other.witness)
                try:
                    found = court.judge(replace(lie, witness=spoiled))
                except Reverted as reverted:
                    refused[reverted.revert.name] += 1
                else:
                    assert found == verdict
    assert set(refused) <= REFUSALS, refused


def test_inv_s9_witness_with_any_byte_changed_is_refused(court: QuickCourt) -> None:
    """Byte by byte, of a chunk with all kinds of ops."""
    one = all_kinds()
    with court.facts(one.context):
        words = one.words
        honest = case(words, one.state, one.context)
        verdict = court.judge(honest)
        assert verdict.fault == Fault.NONE
        last = last_present(one, honest)
        for place in range(0, len(honest.witness), 1 if FUZZ else 5):
            spoiled = bytearray(honest.witness)
            spoiled[place] ^= 1 << one.rng.randrange(8)
            found = refusal(court, replace(honest, witness=bytes(spoiled)), verdict)
            assert found in REFUSALS or (found == SAME and place == last), place


def test_inv_s9_zero_sibling_behind_the_last_leads_to_the_same_root(court: QuickCourt) -> None:
    """The first bits of the last `present`: what stands behind the end of a witness reads as zero,
    and a sibling of zeros is as good as none.
    """
    one = all_kinds()
    with court.facts(one.context):
        honest = case(one.words, one.state, one.context)
        verdict = court.judge(honest)
        last = last_present(one, honest)
        for bit, found in ((7, SAME), (6, SAME), (5, SAME), (4, "AccountNotInState")):
            spoiled = bytearray(honest.witness)
            spoiled[last] ^= 1 << bit
            assert refusal(court, replace(honest, witness=bytes(spoiled)), verdict) == found
            behind = bytes(spoiled) + bytes([*bytes(31), 1])
            refused = refusal(court, replace(honest, witness=behind), verdict)
            assert refused == "AccountNotInState"


def test_inv_s9_witness_of_another_state_is_refused(court: QuickCourt) -> None:
    """Of the state before one account changed, whichever the chunk touches."""
    one = all_kinds()
    with court.facts(one.context):
        header = case(one.words, one.state, one.context)
        for index in (0, 2, 3, 4):
            stale = copy_state(one.state)
            stale.accounts[index] = replace(stale.account(index).copy(), cash=1)
            stale.rehash([index])
            witness = case(one.words, stale, one.context).witness
            with pytest.raises(Reverted) as caught:
                court.judge(replace(header, witness=witness))
            assert caught.value.revert.name == "AccountNotInState"


# --- cases ----------------------------------------------------------------------------------------


def batch(one: World) -> tuple[Case, Case]:
    """An honest batch: the case of its middle chunk, and that of its last."""
    one.chunk()
    built_at = one.context.built_at
    states: list[State] = []
    words: list[int] = []
    while len(words) < CHUNKS * CHUNK_WORDS:
        ops, chunk = one.chunk()
        if one.context.built_at != built_at:
            continue  # one batch, one builtAt
        states.append(copy_state(one.state))
        words += chunk
        one.state.apply_ops(ops, one.context)
    middle, last = (case(words, states[number], one.context, number=number) for number in (1, 2))
    return middle, last


class AllKinds(World):
    """One op of each kind, in a world with little beside."""

    words: list[int]
    after: State


def all_kinds() -> AllKinds:
    facts = world("kinds").context
    facts.built_at = NOON
    facts.prices = {(1, 499_999): (5, NOON - 1)}
    facts.caps[1, 499_999] = 10
    facts.deposited, facts.asks = {2: 100}, {3: 1}
    late = facts.built_at + facts.lag
    instrument = next(i for i, one in facts.instruments.items() if one.expires_at > late)
    state = State()
    state.accounts = {
        index: account_with(cash=10**15, **{f"i{i}": i for i in list(facts.instruments)[:7]})
        for index in (0, 2, 3, 4, 5, 1 << 20)
    }
    state.rehash(state.accounts)
    ops = [
        Fill(0, 2, 3, instrument, 1, 1, 4096, 8192),
        Credit(2, 100),
        Settle(4, 1, 499_999),
        Transfer(4, 5, 7, 4097),
        Withdraw(2, 1, 9000),
        Release(3, 3, 1),
    ]
    one = AllKinds(random.Random("kinds"), facts, state)
    one.words = honest_words(ops, state, facts)
    one.after = copy_state(state)
    one.after.apply_ops(ops, facts)
    return one


def last_present(one: AllKinds, honest: Case) -> int:
    """Place of the `present` of the account that its last op, the RELEASE, touches: no fees."""
    return len(honest.witness) - len(account(one.after.tree, 3, one.after.account(3)))


# --- spoiling -------------------------------------------------------------------------------------

Spoil = Callable[[random.Random, bytes, bytes], bytes]


def a_bit(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    place = rng.randrange(8 * len(witness))
    spoiled = bytearray(witness)
    spoiled[place // 8] ^= 1 << place % 8
    return bytes(spoiled)


def a_word_lost(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(witness) - 32)
    return witness[:place] + witness[place + 32 :]


def a_word_twice(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(witness) - 32)
    return witness[: place + 32] + witness[place:]


def a_zero_word(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(witness) - 32)
    return witness[:place] + bytes(32) + witness[place + 32 :]


def cut_short(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    return witness[: rng.randrange(len(witness.rstrip(b"\0")))]


def shifted(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    place = rng.randrange(len(witness))
    return witness[:place] + rng.randbytes(1) + witness[place:]


def from_another(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    """What belongs to another chunk, from some byte on."""
    place = rng.randrange(min(len(witness), len(other)))
    return witness[:place] + other[place:]


def to_another(rng: random.Random, witness: bytes, other: bytes) -> bytes:
    """What belongs to another chunk, up to some byte."""
    place = rng.randrange(1, min(len(witness), len(other)))
    return other[:place] + witness[place:]


SPOILS: list[Spoil] = [
    a_bit,
    a_word_lost,
    a_word_twice,
    a_zero_word,
    cut_short,
    shifted,
    from_another,
    to_another,
]
