"""S9 by the challenger itself: it reads the logs from the deployment on, and convicts each lie.

Of the catalogue one lie in ten, of every kind some; all of them with HYPOTHESIS_PROFILE=fuzz.
"""

from __future__ import annotations

import os

import pytest

from matcher.blobs.sources import Sources
from matcher.challenger.challenger import Challenger, Options
from matcher.challenger.order_files import OrderFiles
from matcher.challenger.policy import Policy
from tests.support.challenge import head, work
from tests.support.conviction import told
from tests.support.decree import Fault
from tests.support.liar import Lie
from tests.support.lies import LIES
from tests.support.stage import Stage

EVERY = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 10
CHOSEN = dict(list(LIES.items())[::EVERY])


class Published:
    """The order files that were published on a stage."""

    name = "the stage"

    def __init__(self, stage: Stage):
        self._files = stage.watcher.judge.chain.order_files

    def fetch(self, batch_id: int, extra: bytes) -> bytes | None:
        return self._files.get(extra)


def challenger_on(stage: Stage, **policy: int) -> Challenger:
    options = Options(account=stage.x.roles.challenger, policy=Policy(**policy))
    blobs = Sources([stage.watcher.shelf])
    return Challenger(stage.x.deployment, options, OrderFiles([Published(stage)]), blobs)


@pytest.mark.parametrize("lie", CHOSEN.values(), ids=list(CHOSEN))
def test_inv_s9_challenger_convicts_a_lie_of_the_catalogue(lie: Lie, stage: Stage) -> None:
    done = told(lie, stage)
    x = done.stage.x
    challenger = challenger_on(done.stage)
    work(challenger)
    if lie.fault == Fault.UNANSWERED:
        assert 1 <= challenger.tally.asked <= 4
        assert head(x) == done.batch.header.id
        x.chain.travel(x.windows.answer + 1)
        work(challenger)
        assert challenger.tally.reclaimed == challenger.tally.asked
    assert challenger.tally.convicted == 1
    assert challenger.tally.refused == challenger.tally.failed == 0
    assert head(x) == done.previous.header.id
    assert challenger.watch.judge.state.root() == done.states[0].root()


def test_inv_s9_challenger_finds_nothing_in_an_honest_life(stage: Stage) -> None:
    own = stage.clone()
    own.x.chain.mine()
    challenger = challenger_on(own, file_patience=0)
    height = own.x.chain.height
    work(challenger)
    assert challenger.watch.judge.head == own.x.head.header
    assert challenger.tally.lies == challenger.tally.asked == 0
    assert own.x.chain.height == height
