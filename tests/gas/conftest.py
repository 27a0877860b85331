"""Gas snapshots: figures that are committed beside the code and compared for equality.

A test asks for `snapshot`, which is bound to the test's module: ``test_commit.py`` has
``snapshots/commit.json``. It measures a transaction and hands it over with its limit::

    def test_deposit_repeated_costs_little(exchange, snapshot):
        call = exchange.vault.functions.deposit(2, 5)
        measured = measure(exchange.chain, exchange.roles.maker, call)
        snapshot.check("repeat deposit", measured, limit=64_000)

`check` fails if the gas is above the limit, or if any figure is not the committed one. After a
change that is meant, ``pytest tests/gas --gas-update`` writes the figures anew (the limits hold all
the same), and the difference of the files is what a reviewer reads.

Calldata costs by its bytes that are not zero, so a figure stands still only if the calldata does.
Each module therefore has a chain of its own, on which time and nonces are always the same, whatever
other tests ran; and what depends on bytecode (block hashes) is kept out: see `still` in meter.py.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.chain.artifacts import Artifacts
from tests.gas.snapshot import Snapshot
from tests.support.chain import Chain
from tests.support.exchange import Exchange, Roles, listed_exchange

SNAPSHOTS = Path(__file__).parent / "snapshots"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gas-update", action="store_true", help="write the gas snapshots anew")


@pytest.fixture(scope="module")
def shared_chain(artifacts: Artifacts, roles: Roles) -> Chain:
    """A chain of the module's own."""
    return Chain(artifacts, [account.address for account in roles.everybody()])


@pytest.fixture(scope="module")
def shared_exchange(shared_chain: Chain, roles: Roles) -> Exchange:
    return listed_exchange(shared_chain, roles)


@pytest.fixture(scope="module")
def snapshot(request: pytest.FixtureRequest) -> Iterator[Snapshot]:
    module = request.path
    name = module.stem.removeprefix("test_")
    update = bool(request.config.getoption("--gas-update", default=False))
    found = Snapshot(SNAPSHOTS / f"{name}.json", update)
    failed = request.session.testsfailed
    yield found
    ran = [item for item in request.session.items if item.path == module]
    whole = not request.config.getoption("keyword") and not any(
        "::" in argument for argument in request.config.args
    )
    found.close(complete=whole and bool(ran) and request.session.testsfailed == failed)
