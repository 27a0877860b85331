"""Fixtures that tests of any directory may ask for; only the log is put right without asking.

The chain is made once per process; each test that asks for it gets it as it was before, by a
snapshot. So a test may move time, freeze the exchange, or empty the Vault.
"""

from collections.abc import Iterator

import pytest
import structlog

from matcher.chain.artifacts import Artifacts, load
from scripts.compile import compile_contracts
from tests.support.chain import Chain
from tests.support.exchange import Exchange, Roles, listed_exchange

pytest_plugins = ["gaslab.plugin"]


@pytest.fixture(autouse=True, scope="module")
def log_as_it_was() -> Iterator[None]:
    """A command that a module runs in this process configures the log; the next finds defaults."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def artifacts() -> Artifacts:
    """All contracts, compiled from the sources as they stand."""
    compile_contracts()
    load.cache_clear()
    return load()


@pytest.fixture(scope="session")
def roles() -> Roles:
    return Roles()


@pytest.fixture(scope="session")
def shared_chain(artifacts: Artifacts, roles: Roles) -> Chain:
    """The one chain of this process; tests ask for `chain`."""
    return Chain(artifacts, [account.address for account in roles.everybody()])


@pytest.fixture(scope="session")
def shared_exchange(shared_chain: Chain, roles: Roles) -> Exchange:
    """The one exchange of this process; tests ask for `exchange`."""
    return listed_exchange(shared_chain, roles)


@pytest.fixture
def exchange(shared_exchange: Exchange) -> Iterator[Exchange]:
    """A listed exchange with an operator and rich traders, whose facts are this test's alone."""
    chain = shared_exchange.chain
    before = chain.snapshot()
    yield shared_exchange.clone()
    chain.revert(before)


@pytest.fixture
def chain(shared_exchange: Exchange) -> Iterator[Chain]:
    """The chain under `exchange`, as it was before after the test."""
    chain = shared_exchange.chain
    before = chain.snapshot()
    yield chain
    chain.revert(before)
