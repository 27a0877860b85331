"""The stage on which lies are told, made once per process."""

from collections.abc import Iterator

import pytest

from tests.support.exchange import Exchange
from tests.support.stage import Stage


@pytest.fixture(scope="module")
def shared_stage(shared_exchange: Exchange) -> Iterator[Stage]:
    """The one stage of this module; tests ask for `stage`."""
    before = shared_exchange.chain.snapshot()
    yield Stage.prepared(shared_exchange.clone())
    shared_exchange.chain.revert(before)


@pytest.fixture
def stage(shared_stage: Stage) -> Iterator[Stage]:
    """An exchange in the middle of its life, as it was before after the test."""
    chain = shared_stage.x.chain
    before = chain.snapshot()
    yield shared_stage.clone()
    chain.revert(before)
