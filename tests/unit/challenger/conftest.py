from collections.abc import Iterator

import pytest
import structlog

from tests.support.challenge import Arena, arena_of
from tests.support.exchange import Exchange


@pytest.fixture
def arena(exchange: Exchange) -> Arena:
    return arena_of(exchange)


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Lines of every level may be captured."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
