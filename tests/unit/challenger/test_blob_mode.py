"""Batches in blob mode: their words come from sources, their proofs from points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from matcher.blobs.sources import Place, Sources
from matcher.errors import BlobMissing
from matcher.reference.openings import BlobBody
from matcher.reference.words import Op, Release
from tests.support.challenge import Arena, head, work
from tests.support.exchange import TOKENS, account_with, copy_state, state_of
from tests.support.trials import Case, Trials


@dataclass
class BlobShelf:
    """Blobs that somebody kept."""

    name: str = "the shelf"
    blobs: dict[bytes, bytes] = field(default_factory=dict)

    def fetch(self, versioned_hash: bytes, place: Place) -> bytes | None:
        return self.blobs.get(versioned_hash)

    def keep(self, case: Case) -> None:
        assert isinstance(case.body, BlobBody)
        self.blobs.update(zip(case.body.versioned_hashes, case.body.blobs, strict=True))


@pytest.fixture
def shelf() -> BlobShelf:
    return BlobShelf()


def test_wrong_root_in_a_blob_is_convicted(arena: Arena, shelf: BlobShelf) -> None:
    fill, _ = arena.trade()
    wrong = state_of({2: account_with(cash=1)})
    trials = Trials(arena.exchange)
    right = copy_state(arena.exchange.state)
    right.apply_ops([fill], arena.exchange.context)
    shelf.keep(trials.commit(([fill], right), ([], wrong), blobs=True))
    challenger = arena.challenger(blobs=Sources([shelf]))
    work(challenger)
    assert challenger.tally.convicted == 1
    assert head(arena.exchange) == 1


def released(arena: Arena) -> list[list[Op]]:
    arena.exchange.ask(arena.exchange.roles.taker, arena.taker)
    return [[Release(arena.taker, 999 * TOKENS, 1)]]


def unsigned(arena: Arena) -> list[list[Op]]:
    return [[arena.trade()[0]], [arena.trade()[0]]]


@pytest.mark.parametrize(("lie", "waits"), [(released, False), (unsigned, True)])
def test_lie_in_a_blob_is_convicted_by_the_prover_it_is_for(
    arena: Arena, shelf: BlobShelf, lie: Callable[[Arena], list[list[Op]]], waits: bool
) -> None:
    shelf.keep(Trials(arena.exchange).play(*lie(arena), blobs=True))
    challenger = arena.challenger(blobs=Sources([shelf]), file_patience=0)
    work(challenger)
    if waits:
        assert challenger.tally.asked == 4
        arena.chain.travel(arena.exchange.windows.answer + 1)
        work(challenger)
        assert challenger.tally.reclaimed == 4
    assert challenger.tally.convicted == 1
    assert head(arena.exchange) == 1


def test_question_about_a_blob_is_answered_from_the_file(arena: Arena, shelf: BlobShelf) -> None:
    fill, used = arena.trade()
    trials = Trials(arena.exchange)
    extra = arena.file(used, publish=False)
    after = copy_state(arena.exchange.state)
    after.apply_ops([fill], arena.exchange.context)
    case = trials.commit(([fill], after), blobs=True, extra=extra)
    shelf.keep(case)
    asker = arena.challenger(blobs=Sources([shelf]), file_patience=0)
    work(asker)
    assert asker.tally.asked == 2
    arena.file_of(arena.exchange.head, used)
    answerer = arena.challenger(
        arena.exchange.roles.outsider, blobs=Sources([shelf]), convict=False, answer=True
    )
    work(answerer)
    assert answerer.tally.answered == 2
    assert head(arena.exchange) == 2


def test_missing_blob_stops_the_judging_there_and_no_proof_of_what_was_judged(
    arena: Arena, shelf: BlobShelf
) -> None:
    ops = released(arena)
    arena.lie(*ops)
    fill, _ = arena.trade()
    case = Trials(arena.exchange).play([fill], blobs=True)
    challenger = arena.challenger(blobs=Sources([shelf]), convict=False)
    with pytest.raises(BlobMissing):
        work(challenger)
    assert challenger.watch.waiting == 1
    assert challenger.tally.lies == 1
    shelf.keep(case)
    work(challenger)
    assert challenger.watch.judge.head.id == 3
    hidden = arena.challenger(blobs=Sources([]))
    work(hidden)  # the batch of the blob falls with the lie: nobody has to see it
    assert hidden.tally.convicted == 1
    assert head(arena.exchange) == 1
