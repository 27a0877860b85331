"""Orders that are numbered anew are the same orders, whenever it happens."""

from collections import Counter

import numpy as np
import pytest

from matcher.kernel import packing
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import CommandKind
from matcher.kernel.packing import is_fragmented, pack_orders
from matcher.kernel.pools import Pools, Records
from tests.support.flow import as_lines, flow, told, world
from tests.support.fuzz import run_slice
from tests.support.scenes import SCENES

EVERY = 7  # looks for room
COMMANDS = 1_000


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Every exchange packs its orders all the time; counts that."""
    counted: Counter[str] = Counter()
    reserve = Pools.reserve

    def reserve_packed(pools: Pools, count: int) -> None:
        counted["looks"] += 1
        if counted["looks"] % EVERY == 0 and "orders" in pools.arrays:
            counted["packed"] += 1
            counted["moved"] += int(pools.context["high_water"]) - 1 > int(pools.context["live"])
            pack_orders(pools)
        reserve(pools, count)

    monkeypatch.setattr(Pools, "reserve", reserve_packed)
    return counted


@pytest.mark.parametrize("scene", SCENES)
def test_exchange_that_is_packed_all_the_time_equals_the_model(
    packed: Counter[str], scene: str
) -> None:
    run_slice(scene, 11, COMMANDS)
    assert packed["packed"] > COMMANDS // (2 * EVERY)
    assert packed["moved"] > 0


def test_kernel_that_is_packed_between_passes_answers_the_same() -> None:
    lines = flow(4, 20_000)
    plain, packed, holes = told(world()), told(world()), 0
    for first in range(0, len(lines), 1000):
        part = as_lines(lines[first : first + 1000])
        expected = plain.run(part).copy()
        assert (packed.run(part) == expected).all()
        holes += int(packed.pools.context["high_water"]) - 1 - packed.live
        pack_orders(packed.pools)
        packed.check()
        assert packed.orders() == plain.orders()
    assert int(packed.pools.context["high_water"]) == packed.live + 1
    assert holes > 0


def canceled(matching: Matching, lines: Records, keep: int) -> None:
    """Cancel all orders that rest, but every so many."""
    rest = {(order.account, order.id) for order in matching.orders()}
    places = lines[lines["kind"] == CommandKind.PLACE]
    known = [place for place in places if (int(place["account"]), int(place["id"])) in rest]
    cancels = np.array([place for i, place in enumerate(known) if i % keep], lines.dtype)
    cancels["kind"], cancels["flags"], cancels["annex"] = CommandKind.CANCEL, 0, 0
    matching.run(as_lines(cancels))


def test_orders_are_packed_once_few_of_many_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "FEW", 200)
    matching, lines = told(world()), flow(5, 20_000)
    matching.run(as_lines(lines))
    used = int(matching.pools.context["high_water"])
    assert used > 200
    canceled(matching, lines, 20)
    assert is_fragmented(matching.pools)
    before = matching.orders()
    assert before
    matching.pools.make_room(1)
    assert not is_fragmented(matching.pools)
    live = matching.live
    assert int(matching.pools.context["high_water"]) == live + 1 < used
    pool = matching.pools.arrays["orders"]
    assert not pool[live + 1 :].view(np.uint8).any(), "what is behind was given back"
    matching.check()
    assert matching.orders() == before
    more = flow(6, 5_000, first=20_000)
    twin = Matching.load(matching.dump(), matching.limits)
    assert (matching.run(as_lines(more)) == twin.run(as_lines(more))).all()
    matching.check()
