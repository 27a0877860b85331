"""Fixtures of the contracts' unit tests."""

from collections.abc import Iterator

import pytest

from tests.support.chain import Chain
from tests.support.exchange import Roles
from tests.support.registry import Registry


@pytest.fixture
def fresh_chain(shared_chain: Chain) -> Iterator[Chain]:
    """The process's chain, as it was before after the test; nothing is deployed for it."""
    before = shared_chain.snapshot()
    yield shared_chain
    shared_chain.revert(before)


@pytest.fixture
def registry(fresh_chain: Chain, roles: Roles) -> Registry:
    """A BatchRegistry alone, with one operator under bond."""
    return Registry(fresh_chain, roles)
