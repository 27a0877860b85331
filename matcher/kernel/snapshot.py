"""What a snapshot takes of an exchange's memory, and how an exchange begins from it.

Records are taken as they lie, those in use only; tables, lists of free records and addresses are
made anew. Nothing that the exchange answers depends on where a record lies.
"""

from typing import Any, Final

import numpy as np

from matcher.kernel import layout
from matcher.kernel.bitmap import words_of
from matcher.kernel.pools import OF_MEMORY, Pools, Records, raw

Dump = dict[str, Records]

# Arrays of which the first records are in use: so many as this word of the context says, and more.
_COUNTED: Final = {
    "orders": ("high_water", 0),
    "holdings": ("holdings_count", 1),
    "pages": ("pages_count", 1),
    "groups": ("groups_used", 1),
    "group_keys": ("groups_used", 1),
    "group_blocks": ("group_blocks_used", 1),
    "accounts": ("accounts_count", 0),
    "signers": ("signers_limit", 0),
    "deadlines": ("deadlines_count", 0),
    "waiting": ("waiting_count", 0),
    "series": ("series_count", 1),
}
_WHOLE: Final = ("markets", "wheel")


def used(pools: Pools, name: str) -> int:
    """How many records of an array are in use, from the first."""
    if name == "slots":
        return layout.PAGE_SLOTS * (int(pools.context["pages_count"]) + 1)
    word, more = _COUNTED[name]
    return int(pools.context[word]) + more


def dump(pools: Pools) -> Dump:
    """All that is in memory, by name: copies of the parts in use."""
    arrays = pools.arrays
    taken: Dump = {name: raw(arrays[name]).copy() for name in (*_WHOLE, "context")}
    for name in (*_COUNTED, "slots"):
        taken[name] = raw(arrays[name])[: used(pools, name)].copy()
    listed = np.flatnonzero(arrays["books"]["tick_value"])
    sides = np.repeat(2 * listed, 2) + np.tile([0, 1], len(listed))
    taken["listed"] = listed
    taken["books"] = raw(arrays["books"])[listed]
    taken["sides"] = raw(arrays["sides"])[sides]
    bands = arrays["levels"].reshape(-1, 1 << pools.limits.band_bits)
    full = sides[arrays["sides"]["orders"][sides] > 0]
    taken["levels_at"] = np.array(
        [place for side in full.tolist() for place in _occupied(bands, side)], np.int64
    )
    taken["levels"] = raw(arrays["levels"])[taken["levels_at"]]
    taken["bitmaps"] = _bitmaps(pools)[sides]
    taken["far"] = raw(arrays["far"])[arrays["far"]["key"] != layout.VACANT]
    taken["band_bits"] = np.array([pools.limits.band_bits])
    return taken


def _bitmaps(pools: Pools) -> Any:
    """The bitmaps, one row of words for each side."""
    return pools.arrays["bitmaps"]["bits"].reshape(-1, words_of(pools.limits.band_bits))


def _occupied(bands: Records, side: int) -> list[int]:
    """Numbers of a side's levels that hold orders."""
    found: list[int] = (np.flatnonzero(bands[side]["head"]) + side * bands.shape[1]).tolist()
    return found


def load(pools: Pools, dumped: Dump) -> None:
    """Fill the memory of a new exchange.

    Raises
    ------
    ValueError
        If it has other bands, or its limits leave no room.
    """
    if int(dumped["band_bits"][0]) != pools.limits.band_bits:
        found, allowed = pools.limits.band_bits, int(dumped["band_bits"][0])
        raise ValueError(f"band_bits is {found}, allowed {allowed}, as in the snapshot")
    _make_room(pools, dumped)
    arrays = pools.arrays
    for name in (*_WHOLE, *_COUNTED, "slots"):
        if len(dumped[name]) > len(arrays[name]):
            raise ValueError(f"{name} is {len(dumped[name])} records, allowed {len(arrays[name])}")
        raw(arrays[name])[: len(dumped[name])] = dumped[name]
    context = _context(dumped)
    for name in layout.CONTEXT.names or ():
        if name not in OF_MEMORY:
            pools.context[name] = context[name]
    listed = dumped["listed"]
    sides = np.repeat(2 * listed, 2) + np.tile([0, 1], len(listed))
    raw(arrays["books"])[listed] = dumped["books"]
    raw(arrays["sides"])[sides] = dumped["sides"]
    raw(arrays["levels"])[dumped["levels_at"]] = dumped["levels"]
    _bitmaps(pools)[sides] = dumped["bitmaps"]
    pools.take_orders(int(context["free_order"]))
    pools.make_tables(1, anew=True)
    pools.take_far(dumped["far"])


def _context(dumped: Dump) -> Any:
    """The context that was dumped."""
    return np.ascontiguousarray(dumped["context"]).view(layout.CONTEXT)[0, 0]


def _make_room(pools: Pools, dumped: Dump) -> None:
    """As much room as the exchange had that was dumped."""
    context = _context(dumped)
    pools.grow_accounts(max(64, int(context["accounts_limit"])))
    pools.grow_signers(max(64, int(context["signers_limit"])))
    pools.make_room_of(
        orders=int(context["high_water"]),
        holdings=int(context["holdings_count"]),
        pages=int(context["pages_count"]),
        deadlines=int(context["deadlines_count"]),
        far=len(dumped["far"]),
    )
