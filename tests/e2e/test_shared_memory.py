"""The hedger of docs/how-to/read-shared-memory.md, word for word, beside a running exchange."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matcher.publisher import Publisher
from matcher.readers import Accounts, Depths
from matcher.shared.segments import OwnerGone
from tests.support.gateway import ACCOUNTS, CALL, TRADERS, Exchange

GUIDE = Path(__file__).resolve().parents[2] / "docs/how-to/read-shared-memory.md"
NAME = f"desk-{os.getpid()}"
TIMEOUT = 120
LIMIT = 2  # lots


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    made = Exchange(tmp_path)
    yield made
    made.stop()


def on_loop(exchange: Exchange, work: Any) -> Any:
    async def run() -> Any:
        return work()

    return exchange.run(run())


def hedger() -> Any:
    """`run` of the guide."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code[: code.index("\n\ntry:")], names)
    assert names["LIMIT"] > LIMIT  # more than the accounts of this exchange can carry
    names["LIMIT"] = LIMIT
    return names["run"]


def test_hedger_of_the_guide_keeps_a_position_within_bounds(exchange: Exchange) -> None:
    publisher = on_loop(exchange, lambda: Publisher(exchange.feed, exchange.engine, NAME))
    alice, bob = exchange.client("alice"), exchange.client("bob")
    ended: list[BaseException] = []

    def run() -> None:
        try:
            hedger()(NAME, exchange.url, TRADERS["alice"].key, ACCOUNTS["alice"], CALL)
        except BaseException as error:
            ended.append(error)

    bob.sell(CALL, 2_000_000, 4)
    bob.buy(CALL, 1_000_000, 5)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    stream = iter(alice.subscribe(("account", ACCOUNTS["alice"])))
    alice.buy(CALL, 2_000_000, 4)
    accounts, depths = Accounts.attach(NAME), Depths.attach(NAME)
    fills = 0
    while fills < 2:  # what was bought, and what the hedger sold of it
        fills += len(next(stream).get("fills", ()))
    holdings = accounts.account(ACCOUNTS["alice"])
    depth = depths.depth(CALL)
    assert holdings.positions == {depth.instrument: LIMIT}
    assert [(level.price, level.lots) for level in depth.bids] == [(1_000_000, 3)]
    assert depth.asks == ()
    on_loop(exchange, publisher.close)
    thread.join(TIMEOUT)
    (error,) = ended
    assert isinstance(error, OwnerGone)
    assert "closed by its owner" in str(error)
