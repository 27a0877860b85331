import pytest

from tests.support.challenge import Arena, arena_of
from tests.support.exchange import Exchange


@pytest.fixture
def arena(exchange: Exchange) -> Arena:
    return arena_of(exchange)
