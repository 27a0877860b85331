"""S9, by the challenger itself: it finds each lie, proves it, and takes its reward.

All of the catalogue under ``HYPOTHESIS_PROFILE=fuzz``, a sample of every kind otherwise.
"""

from __future__ import annotations

import os

import pytest

from matcher.challenger.challenger import Challenger, Options
from matcher.challenger.order_files import OrderFiles
from matcher.challenger.policy import Policy
from tests.support.challenge import Shelf, work
from tests.support.conviction import REWARD, Before, goes_on, is_undone, told
from tests.support.decree import Fault
from tests.support.liar import Liar, Lie, Told
from tests.support.lies import LIES
from tests.support.registry import balance
from tests.support.stage import Stage

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
SAMPLE = list(LIES.values())[:: 1 if FUZZ else 12]


def challenger_of(told: Told) -> Challenger:
    """One that has seen nothing yet."""
    x = told.stage.x
    options = Options(
        account=x.roles.challenger, poll=0.0, policy=Policy(questions=100, file_patience=0)
    )
    files = Shelf(files=dict(told.stage.watcher.files))
    return Challenger(x.deployment, options, OrderFiles([files]))


@pytest.mark.parametrize("lie", SAMPLE, ids=[lie.name for lie in SAMPLE])
def test_inv_s9_challenger_convicts(lie: Lie, stage: Stage) -> None:
    done = told(lie, stage)
    x, operator = done.stage.x, done.batch.header.operator
    before = Before(
        balance(x.chain, x.roles.challenger.address),
        balance(x.chain, x.registry.address),
        x.total(),
        operator,
    )
    challenger = challenger_of(done)
    work(challenger)
    if lie.fault == Fault.UNANSWERED:
        assert challenger.tally.asked > 0
        x.chain.travel(x.windows.answer + 1)
        x.chain.mine()
        work(challenger)
        assert challenger.tally.reclaimed == challenger.tally.asked
    assert (challenger.tally.convicted, challenger.tally.rewards) == (1, REWARD)
    gained = balance(x.chain, x.roles.challenger.address) - before.challenger
    assert gained == REWARD - challenger.tally.spent
    is_undone(done, before)
    goes_on(done)


def test_inv_s9_challenger_leaves_the_honest_alone(stage: Stage) -> None:
    done = Liar.on(stage).tell()
    challenger = challenger_of(done)
    done.stage.x.chain.mine(2)
    work(challenger)
    assert challenger.watch.judge.head.id == done.batch.header.id
    assert (challenger.tally.lies, challenger.tally.asked, challenger.tally.spent) == (0, 0, 0)
