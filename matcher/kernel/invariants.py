"""What must hold between commands: all that the kernel counts twice, or keeps in two places."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from matcher.errors import InvariantBroken
from matcher.kernel import layout
from matcher.kernel.bitmap import words_of
from matcher.kernel.pools import Pools
from matcher.types import FIRST_USER_ACCOUNT, MAX_POSITIONS, U32


def hold(condition: bool | np.bool_, broken: str) -> None:
    """Raise InvariantBroken unless the condition holds."""
    if not condition:
        raise InvariantBroken(broken)


def check(pools: Pools, queues: Iterable[tuple[int, int, list[int], int]]) -> None:
    """Raise InvariantBroken unless levels, queues, bits, tables, counters and sums agree."""
    best: dict[int, int] = {}
    standing = 0
    for side, tick, numbers, lots in queues:
        _check_queue(pools, side, tick, numbers, lots)
        standing += len(numbers)
        first = best.get(side, tick)
        best[side] = min(first, tick) if side & 1 else max(first, tick)
    live = int(pools.context["live"])
    hold(standing == live, f"{standing} orders stand, {live} are counted")
    _check_sides(pools, best)
    _check_orders(pools)
    _check_holdings(pools)
    _check_accounts(pools)
    _check_wheel(pools)


def _check_queue(pools: Pools, side: int, tick: int, numbers: list[int], lots: int) -> None:
    where = f"side {side}, tick {tick}"
    orders = pools.arrays["orders"][numbers]
    hold((orders["rests"] == 1).all(), f"{where}: an order that does not rest")
    hold((orders["tick"] == tick).all(), f"{where}: another's order")
    instrument = pools.arrays["holdings"]["instrument"][orders["holding"]].astype(int)
    hold((2 * instrument + orders["sells"] == side).all(), f"{where}: of another side")
    hold((np.diff(orders["seq"]) > 0).all(), f"{where}: not by arrival")
    hold((orders["remaining"] > 0).all(), f"{where}: an order of 0 lots")
    total = int(orders["remaining"].sum(dtype=np.int64))
    hold(total == lots, f"{where}: {lots} lots of {total}")
    hold(orders["previous"].tolist() == [0, *numbers[:-1]], f"{where}: links")


def _check_sides(pools: Pools, best: dict[int, int]) -> None:
    arrays, band_bits = pools.arrays, pools.limits.band_bits
    size, words = 1 << band_bits, words_of(band_bits)
    far = arrays["far"]["key"]
    far = far[far != layout.VACANT]
    hold(len(far) == int(pools.context["far_count"]), "far levels are not counted right")
    listed = np.flatnonzero(arrays["books"]["tick_value"])
    for side in [2 * i + s for i in listed.tolist() for s in (0, 1)]:
        record = arrays["sides"][side]
        none = layout.NO_ASK if side & 1 else layout.NO_BID
        stated = int(record["best"])
        hold(stated == best.get(side, none), f"side {side}: best {stated}, {best.get(side)}")
        bits = arrays["bitmaps"][side * words : side * words + size // 64]["bits"]
        marked = np.unpackbits(bits.view(np.uint8), bitorder="little").astype(bool)
        heads = arrays["levels"][side * size : (side + 1) * size]["head"] > 0
        hold(bool((marked == heads).all()), f"side {side}: bits and levels differ")
        own = far[far >> 32 == side] & U32
        hold(len(own) == int(record["far"]), f"side {side}: {len(own)} far levels")
        base = int(record["base"])
        beyond = own >= base + size if side & 1 else own < base
        hold(bool(beyond.all()), f"side {side}: a far level is not worse than its band")
    for instrument in listed.tolist():
        bid, ask = (int(arrays["sides"][2 * instrument + s]["best"]) for s in (0, 1))
        hold(bid < ask, f"crossed book {instrument}: bid {bid}, ask {ask}")


def _check_orders(pools: Pools) -> None:
    """Records are free or rest, and each that rests is the open one of its slot."""
    arrays, context = pools.arrays, pools.context
    pool = arrays["orders"][: int(context["high_water"])]
    resting = np.flatnonzero(pool["rests"]).tolist()
    free, number = [], int(context["free_order"])
    while number:
        free.append(number)
        number = int(pool[number]["next"])
    everything = sorted(free + resting)
    hold(everything == list(range(1, len(pool))), "orders are lost or given twice")
    room = len(arrays["orders"]) - 1
    hold(int(context["free_orders"]) == room - len(resting), "free orders are not counted right")
    slots = arrays["slots"][: layout.PAGE_SLOTS * (int(context["pages_count"]) + 1)]
    opened = slots["order"] & (layout.SEEN - 1)
    hold(sorted(opened[opened > 0].tolist()) == resting, "open orders are not those that rest")
    orders, places = pool[resting], pool[resting]["slot"].astype(int)
    hold((opened[places] == resting).all(), "an order is open in another slot")
    pages = arrays["pages"][places // layout.PAGE_SLOTS]
    number = pages["number"].astype(int) * layout.PAGE_SLOTS + places % layout.PAGE_SLOTS
    hold((number == orders["id"] % (1 << layout.SLOT_BITS)).all(), "an order in another's slot")
    hold((slots["seen"][places] == orders["id"] >> layout.SLOT_BITS).all(), "another generation")
    account = arrays["holdings"]["account"][orders["holding"]]
    hold((pages["account"] == account).all(), "an order in another account's slot")


def _check_holdings(pools: Pools) -> None:
    """Holdings count what is on order; those without anything are free."""
    arrays, context = pools.arrays, pools.context
    held = arrays["holdings"][: int(context["holdings_count"]) + 1]
    pool = arrays["orders"][: int(context["high_water"])]
    orders = pool[pool["rests"] > 0]
    count = np.bincount(orders["holding"], minlength=len(held))
    hold((count == held["orders"]).all(), "holdings do not count their orders")
    for name, sells in (("bids", 0), ("asks", 1)):
        lots = np.zeros(len(held), np.int64)
        own = orders[orders["sells"] == sells]
        np.add.at(lots, own["holding"], own["remaining"].astype(np.int64))
        hold((lots == held[name]).all(), f"holdings do not count their {name}")
    alive = held["instrument"] > 0
    idle = alive & (held["lots"] == 0) & (held["orders"] == 0)
    kept = arrays["accounts"]["idle"]
    hold(sorted(kept[kept > 0].tolist()) == np.flatnonzero(idle).tolist(), "an empty holding")
    owners = arrays["holdings"]["account"][kept]
    hold((owners[kept > 0] == np.flatnonzero(kept)).all(), "another account's idle holding")
    hold(int(alive.sum()) == int(context["holdings_live"]), "holdings are not counted right")
    words = arrays["holding_table"]["word"]
    found = sorted((words[words != 0] & U32).tolist())
    hold(found == np.flatnonzero(alive).tolist(), "the table of holdings is not the holdings")


def _check_accounts(pools: Pools) -> None:
    """Accounts count holdings, positions and orders, and sum their groups."""
    arrays, context = pools.arrays, pools.context
    held = arrays["holdings"][: int(context["holdings_count"]) + 1]
    held = held[held["instrument"] > 0]
    accounts = arrays["accounts"]
    for name, weights in (
        ("instruments", (held["lots"] != 0) | (held["orders"] > 0)),
        ("positions", held["lots"] != 0),
        ("orders", held["orders"]),
    ):
        count = np.bincount(held["account"], weights=weights, minlength=len(accounts))
        hold((count == accounts[name]).all(), f"accounts do not count their {name}")
    hold((accounts["positions"] <= MAX_POSITIONS).all(), "an account with too many positions")
    keys = arrays["group_keys"][: int(context["groups_used"]) + 1]
    groups = arrays["groups"][: len(keys)]
    for name in ("floor", "both"):
        total = np.zeros(len(accounts), np.int64)
        own = keys["account"] > 0
        np.add.at(total, keys["account"][own], groups[name][own])
        hold((total == accounts[name]).all(), f"accounts do not sum the {name} of their groups")
    numbers = np.bincount(held["group"], minlength=len(keys))
    hold((numbers[1:] == keys["instruments"][1:] * (keys["account"][1:] > 0)).all(), "groups")
    used = (np.arange(len(accounts)) >= FIRST_USER_ACCOUNT) & (accounts["opened"] > 0)
    worst = accounts["cash"] + accounts["both"]
    hold((worst[used] >= 0).all(), "S5: an account owes more than it has")


def _check_wheel(pools: Pools) -> None:
    """Each order that is timed hangs where its expiry belongs."""
    orders, now = pools.arrays["orders"], int(pools.context["now"])
    hung: list[int] = []
    for place in np.flatnonzero(pools.arrays["wheel"]["order"]).tolist():
        number, before = int(pools.arrays["wheel"][place]["order"]), 0
        while number:
            order: Any = orders[number]
            expiry = int(order["expiry"])
            level = (((now ^ expiry) | 1).bit_length() - 1) // layout.WHEEL_DIGIT
            digit = (expiry >> (layout.WHEEL_DIGIT * level)) % (1 << layout.WHEEL_DIGIT)
            belongs = (level << layout.WHEEL_DIGIT) + digit
            hold(expiry >= now and place == belongs, f"order {number} hangs at {place}")
            hold(int(order["due_previous"]) == before, f"order {number}: links of the wheel")
            hung.append(number)
            number, before = int(order["due_next"]), number
    pool = orders[: int(pools.context["high_water"])]
    timed = np.flatnonzero((pool["timed"] > 0) & (pool["rests"] > 0)).tolist()
    hold(sorted(hung) == timed, "the wheel is not the orders that are timed")
