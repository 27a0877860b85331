"""Orders packed again: those that rest move together, and get the lowest numbers.

A flood of orders leaves holes when it is over. Free numbers are used again, but what rests stands
apart, among records of nothing, and the memory of the flood is kept for ever. So an exchange whose
orders have become few among those that there were numbers them anew, between two passes: book by
book, level by level, each queue in a row. Nothing that can be seen changes: numbers of orders are
known to nobody else.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from matcher.kernel import layout

if TYPE_CHECKING:
    from matcher.kernel.pools import Pools

FEW: Final = 1 << 16  # numbers that are not worth it
SHARE: Final = 4  # packed when less than one number in so many rests
_LINKS: Final = ("next", "previous", "due_next", "due_previous")


def is_fragmented(pools: "Pools") -> bool:
    """Whether so few of the numbers that were ever used are of orders that rest."""
    used = int(pools.context["high_water"]) - 1
    return used > FEW and used > SHARE * int(pools.context["live"])


def pack_orders(pools: "Pools") -> None:
    """Give the orders that rest the numbers from 1 on. Between two commands only."""
    arrays, context, bits = pools.arrays, pools.context, pools.limits.band_bits
    pool = arrays["orders"][: int(context["high_water"])]
    resting = np.flatnonzero(pool["rests"])
    orders = pool[resting]
    side = 2 * arrays["holdings"]["instrument"][orders["holding"]].astype(np.int64)
    side += orders["sells"]
    row = np.lexsort((orders["seq"], orders["tick"], side))
    orders, side = orders[row], side[row]
    new = np.zeros(len(pool), np.uint32)
    new[resting[row]] = np.arange(1, len(orders) + 1)
    for link in _LINKS:
        orders[link] = new[orders[link]]

    tick = orders["tick"].astype(np.int64)
    base = arrays["sides"]["base"][side]
    near = (base <= tick) & (tick < base + (1 << bits))
    place = (side << bits) + tick % (1 << bits)
    for end, link in (("head", "previous"), ("tail", "next")):
        at_end = near & (orders[link] == 0)
        arrays["levels"][end][place[at_end]] = np.flatnonzero(at_end) + 1
        far = arrays["far"]["key"] != layout.VACANT
        arrays["far"][end][far] = new[arrays["far"][end][far]]
    slots = arrays["slots"]["order"]
    slots[orders["slot"]] = (slots[orders["slot"]] & layout.SEEN) | np.arange(
        1, len(orders) + 1, dtype=np.uint32
    )
    arrays["wheel"]["order"] = new[arrays["wheel"]["order"]]
    pool[1 : len(orders) + 1] = orders
    pools.give_back("orders", len(orders) + 1)
    context["high_water"], context["free_order"] = len(orders) + 1, 0
