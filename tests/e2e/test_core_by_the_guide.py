"""The engine and the desk of docs/how-to/run-the-core.md, word for word; the engine is killed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matcher import commands as c
from matcher.journal.snapshot import Snapshots
from matcher.kernel.layout import EventKind
from matcher.lines import Encoder
from matcher.names import Names
from matcher.shared.segments import OwnerGone
from matcher.types import Order, SignedOrder

GUIDE = Path(__file__).resolve().parents[2] / "docs/how-to/run-the-core.md"
ENGINE, DESK, FACTS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
ALICE, BOB = b"\x0a" * 20, b"\x0b" * 20
OWNERS = {2: ALICE, 3: BOB}
SYMBOL = "BTC-5APR26-1000-C"


class Engine:
    """A process of the guide's program, started again and again over one directory."""

    def __init__(self, path: Path):
        self.name = f"guide-{os.getpid()}"
        self._path = path
        (path / "engine.py").write_text(ENGINE)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        """Sequence with which it says that it is ready."""
        program = [sys.executable, str(self._path / "engine.py"), str(self._path), self.name]
        root = {"PYTHONPATH": str(GUIDE.parents[2])}
        self._process = subprocess.Popen(
            program, stdout=subprocess.PIPE, text=True, env=os.environ | root
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:  # the log comes the same way
            if line.startswith("ready"):
                return int(line.split()[1])
        raise AssertionError("the engine ended before it was ready")

    def end(self, how: str = "kill") -> int:
        """Its exit code."""
        assert self._process is not None
        getattr(self._process, how)()
        code = self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self.end()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def guide() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(DESK + FACTS[: FACTS.index("\nencoder = ")], names)
    return names


def identity() -> Any:
    names: dict[str, Any] = {"__name__": "engine"}
    exec(ENGINE, names)
    return names["OURS"]


def order(guide: dict[str, Any], number: int, buy: bool, price: int = 1000) -> c.PlaceOrder:
    account, owner = (2, ALICE) if buy else (3, BOB)
    terms = Order(account, SYMBOL, buy, price, 1, number, guide["NOW"] + 10**6, 0)
    return c.PlaceOrder(SignedOrder(terms, bytes(65), number.to_bytes(32, "big"), owner))


def kinds(events: Any) -> list[tuple[EventKind, int]]:
    return [(EventKind(int(event["kind"])), int(event["account"])) for event in events]


def test_engine_of_the_guide_loses_nothing_that_it_answered(
    engine: Engine, guide: dict[str, Any], tmp_path: Path
) -> None:
    facts = guide["facts"](OWNERS)
    encoder = Encoder(Names(lag=60))
    assert engine.start() == 0
    desk = guide["Desk"](engine.name, encoder)
    desk.tell(*facts)
    desk.hear(3)  # what was deposited is credited, and a batch opened
    desk.tell(order(guide, 1, buy=True))
    assert kinds(desk.hear(2)) == [(EventKind.ACCEPTED, 2), (EventKind.RESTED, 2)]

    assert engine.end("kill") != 0
    with pytest.raises(OwnerGone):
        desk.hear(1)
    assert engine.start() == len(facts) + 1
    desk = guide["Desk"](engine.name, encoder)
    desk.tell(order(guide, 1, buy=True), order(guide, 1, buy=False))
    duplicate, taken, trade = desk.hear(3)
    assert kinds([duplicate, taken]) == [(EventKind.DUPLICATE, 2), (EventKind.ACCEPTED, 3)]
    assert kinds([trade]) == [(EventKind.TRADE, 3)]
    assert (int(trade["lots"]), int(trade["maker_account"])) == (1, 2)

    assert engine.end("terminate") == 0
    last = len(facts) + 3
    assert Snapshots(tmp_path / "snapshots", identity()).newest(last).sequence == last
    assert engine.start() == last
    assert engine.end("terminate") == 0
