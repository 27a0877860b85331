"""Room for what is to come: it is there before a command needs it, and the system has given it."""

import random
import resource
from pathlib import Path

import numpy as np
import pytest

from matcher.kernel.memory import COMPILED
from matcher.kernel.pools import Pools
from tests.support.arena import BUY, LIMITS, SELL, desk, listed, order

NEW = 40  # books


def rooms(pools: Pools) -> dict[str, int]:
    """How many more of each may come before memory ends, counted from the arrays themselves."""
    count = {name: int(pools.context[name]) for name in ("live", "holdings_live", "pages_count")}
    arrays = pools.arrays
    return {
        "orders": len(arrays["orders"]) - 1 - count["live"],
        "holdings": len(arrays["holdings"]) - 1 - count["holdings_live"],
        "pages": len(arrays["pages"]) - 1 - count["pages_count"],
        "table of holdings": len(arrays["holding_table"]) // 2 - count["holdings_live"],
        "table of pages": len(arrays["page_table"]) // 2 - count["pages_count"],
    }


def test_reserve_leaves_room_for_so_many_commands_each_time() -> None:
    """However room is remembered, and whatever came in between."""
    matching = desk(LIMITS._replace(orders=1 << 15, pages=1 << 15, holdings=1 << 15))
    rng = random.Random(1)
    number = 0
    for _ in range(200):
        count = rng.randint(1, 60)
        matching.pools.reserve(count)
        found = rooms(matching.pools)
        assert min(found.values()) >= count, (number, found)
        for _ in range(rng.randint(0, count)):
            account, side = 2 + rng.randrange(30), rng.randrange(2)
            tick = 2010 if side == SELL else 1990
            matching.run(order(account, 8 * number, side, tick, 1))
            number += 1
    matching.check()
    assert matching.live > 1000


def test_prepare_makes_room_for_all_that_reserve_then_grants() -> None:
    matching, many = desk(LIMITS._replace(orders=1 << 16, pages=1 << 16, holdings=1 << 16)), 40_000
    pools = matching.pools
    pools.prepare(many)
    assert pools.granted == many
    assert min(rooms(pools).values()) >= many
    addresses = {name: int(array.ctypes.data) for name, array in pools.arrays.items()}
    for number in range(60):
        pools.reserve(40)
        matching.run(np.concatenate([order(2 + n, 8 * number, BUY, 10, 1) for n in range(10)]))
    assert pools.granted == many - 60 * 50, "a pass reserves for its lines, too"
    assert {name: int(array.ctypes.data) for name, array in pools.arrays.items()} == addresses
    matching.check()


def test_prepare_grants_no_more_than_the_limits_leave() -> None:
    matching = desk(LIMITS._replace(orders=300))
    for number in range(4):
        matching.run(np.concatenate([order(2 + n, number, BUY, 10, 1) for n in range(30)]))
    matching.pools.prepare(5000)
    assert matching.pools.granted == 180
    assert rooms(matching.pools)["orders"] == 180


@pytest.mark.skipif(not COMPILED, reason="plain Python takes memory as it goes")
def test_first_orders_of_new_books_do_not_wait_for_memory() -> None:
    """A fault costs up to milliseconds when the system must find a page."""
    limits = LIMITS._replace(books=NEW + 8, band_bits=14)  # 256 KB of levels a side
    matching = desk(limits)
    for instrument in range(8, NEW + 8):
        matching.submit(listed(instrument))
    lines = [order(2 + n % 30, n, BUY, 100, 1, instrument=8 + n) for n in range(NEW)]
    matching.run(order(2, NEW, BUY, 100, 1))  # compiles
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    matching.run(np.concatenate(lines))
    faults = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before
    assert matching.live == NEW + 1
    assert faults < 5, f"{faults} pages were given while orders came"


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.skipif(not COMPILED, reason="plain Python takes memory as it goes")
def test_room_takes_no_memory_before_it_is_touched() -> None:
    """A recovery makes room for all that it may replay; most of it may never be used."""
    matching, many = desk(LIMITS._replace(orders=1 << 18)), 1 << 18
    before = resident()
    matching.pools.make_room(many)
    room = resident() - before
    matching.pools.reserve(many)
    assert rooms(matching.pools)["orders"] >= many
    assert room < 32 << 20
    assert resident() - before > room + (64 << 20)
