"""Shards that match at the same time answer as one model does that takes the commands in turn."""

import os
import signal

import pytest

from matcher import commands as c
from matcher.errors import ChainError, Reject
from matcher.events import Event, Rejected
from matcher.reference.exchange import Exchange
from matcher.shards.processes import ShardProcesses
from matcher.shared.segments import OwnerGone
from matcher.types import Order, SignedOrder
from tests.support.streams import random_stream
from tests.support.street import START, WINDOWS, Street, address

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
SEEDS = range(20) if FUZZ else (5,)
LENGTH = 10_000 if FUZZ else 1_000
MARKETS = 5


def told(answer: list[Event]) -> list[object]:
    """An answer without the texts of rejects, which are for people."""
    return [(e.code, e.field) if isinstance(e, Rejected) else e for e in answer]


class Tape:
    """Commands in the order in which they were told, with what was answered."""

    def __init__(self) -> None:
        self.rows: list[tuple[c.Command, list[Event]]] = []

    def hear(self, command: c.Command, events: list[Event]) -> None:
        self.rows.append((command, events))

    def compare(self) -> Exchange:
        """Let the model take the same commands in this order."""
        model = Exchange(WINDOWS)
        for number, (command, events) in enumerate(self.rows):
            assert told(events) == told(model.apply(command)), f"{number}: {command}"
        return model


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_shards_that_run_at_once_equal_the_reference_in_the_order_told(
    count: int, seed: int
) -> None:
    # Made first, so that they come fast.
    commands = list(random_stream(seed, LENGTH, markets=MARKETS))
    tape, faults, most, sent = Tape(), 0, 0, 0
    with ShardProcesses(count, WINDOWS, told=tape.hear) as shards:
        for command in commands:
            try:
                shards.submit(command)
                sent += 1
            except ChainError:
                faults += 1
            most = max(most, shards.under_way)
        shards.drain()
        shards.check()
        text, moves = shards.state_text(), shards.moves
    assert len(tape.rows) == sent
    assert sent + faults == len(commands)
    assert text == tape.compare().state_text()
    assert most > 8, "nothing was sent ahead"
    assert min(moves[kind] for kind in ("atoms", "places", "slots", "judged again")) > 0


def test_shards_that_draw_on_each_other_while_both_have_work_equal_the_reference() -> None:
    """One account's orders in two shards, more than its money bears; then what is canceled in one
    is wanted in the other. What was free when it was asked must not be spent before it is lent.
    """
    tape = Tape()
    symbols = [f"{name}-23MAR26-100-C" for name in ("BTC", "ETH")]
    with ShardProcesses(2, WINDOWS, told=tape.hear) as shards:
        for command in Street(accounts=1).setup():
            shards.submit(command)
        atoms = shards.worst_with_orders(2) // 100
        for number in range(400):
            if number >= 120:
                shards.submit(c.CancelOrder(2, number - 120, address("owner 2")))
            shards.submit(a_bid(symbols[(number + number // 120) % 2], number, atoms))
        shards.drain()
        shards.check()
        text, moves = shards.state_text(), shards.moves
    assert text == tape.compare().state_text()
    assert moves["judged again"] > 10
    refused = {e.code for _, events in tape.rows for e in events if isinstance(e, Rejected)}
    assert refused == {Reject.INSUFFICIENT_MARGIN, Reject.ORDER_UNKNOWN}


def a_bid(symbol: str, number: int, atoms: int) -> c.PlaceOrder:
    """An order of account 2 that may lose so many atoms, nearly."""
    order = Order(2, symbol, True, 100, atoms // 112, number, START + 10**6, 0)
    digest = number.to_bytes(32, "big")
    return c.PlaceOrder(SignedOrder(order, bytes(65), digest, address("owner 2")))


def test_shard_that_dies_is_named_and_the_others_end() -> None:
    commands = list(random_stream(5, 400, markets=MARKETS))
    with ShardProcesses(2, WINDOWS) as shards:
        for command in commands[:-1]:
            shards.submit(command)
        shards.drain()
        os.kill(shards.processes[1].pid, signal.SIGKILL)
        with pytest.raises(OwnerGone, match="from-1"):
            shards.check()
    assert all(not process.is_alive() for process in shards.processes)
