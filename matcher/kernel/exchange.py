"""The door to the kernel: lines in, events out, and what readers may ask of its memory."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from matcher.kernel import layout
from matcher.kernel.edge import check_lines, declare_lines, forget_lines
from matcher.kernel.invariants import check
from matcher.kernel.loop import runner
from matcher.kernel.memory import AREAS, COMPILED
from matcher.kernel.pools import SLICE, Limits, Pools, Records
from matcher.kernel.snapshot import Dump, dump, load
from matcher.types import FEE_ACCOUNT, U32


class RestingOrder(NamedTuple):
    """An open order; lots, ticks, seconds. `quantity` is the whole one."""

    instrument: int
    sells: int
    tick: int
    seq: int
    account: int
    id: int
    remaining: int
    quantity: int
    flags: int
    expiry: int
    signer: int


_DESK_LINES: Final = 64  # that are shown to the kernel from one place


def lines_of(count: int) -> Records:
    """`count` lines, all zero."""
    return np.zeros(count, layout.COMMAND)


class Matching:
    """A whole exchange in flat memory.

    Parameters
    ----------
    limits : Limits
    lag : int
        Seconds before an instrument's expiry at which its orders leave.

    Notes
    -----
    At a limit new orders are refused with BUSY; cancels never are.
    """

    def __init__(self, limits: Limits | None = None, lag: int = 0):
        self.limits = Limits() if limits is None else limits
        self.pools = Pools(self.limits)
        context = self.pools.context
        context["lag"] = lag
        context["soonest_close"] = layout.FOREVER
        context["next_seq"] = 1
        context["accounts_count"] = FEE_ACCOUNT + 1
        self.pools.arrays["accounts"][FEE_ACCOUNT]["opened"] = 1
        desk = lines_of(_DESK_LINES)
        self._desk, self._desk_at = desk.view(np.uint8).data, int(desk.ctypes.data)
        self._events_count = self.pools.arrays["context"]["events_count"]

    # --- telling ---------------------------------------------------------------------------------

    def submit(self, lines: Records) -> Records:
        """Check and apply lines; their events, which are overwritten by the next call."""
        check_lines(lines, self.limits)
        return self.run(lines)

    def run(self, lines: Records, ends: Any = None) -> Records:
        """Apply lines that `check_lines` has passed; their events, as `submit`.

        Parameters
        ----------
        lines : array of COMMAND, shape (n,), contiguous
            Whole commands, each with its annex.
        ends : array of int64, shape (number of commands or more,), optional
            Written: how many events there were after each command.

        Returns
        -------
        array of EVENT, shape (m,)
            A view of the kernel's memory when one pass did it, else a copy.
        """
        parts = list(self._passes(lines, ends))
        if not parts:
            return self.pools.arrays["events"][:0]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def run_bytes(self, lines: bytes) -> Records:
        """As `run`, for the lines of a command: they are few, and the cost is Python's.

        Parameters
        ----------
        lines : bytes
            64 each.
        """
        size = len(lines)
        if size > len(self._desk) or size % 64 or not COMPILED:
            return self.run(np.frombuffer(lines, layout.COMMAND))
        self._desk[:size] = lines
        pools, start = self.pools, self._desk_at
        pools.reserve(size // 64)
        self._events_count[0] = 0
        done = runner()(pools.address, start, start + size) - start
        pools.touch_books()
        events = pools.arrays["events"][: int(self._events_count[0])]
        if done == size:
            return events
        rest = np.frombuffer(lines[done:], layout.COMMAND)  # for which room must be made
        return np.concatenate([events.copy(), self.run(rest)])

    def _passes(self, lines: Records, ends: Any) -> Iterator[Records]:
        """Events of each pass; a pass ends where room must be made, or events carried away."""
        if not lines.flags.c_contiguous or lines.itemsize != 64:
            raise ValueError("lines must be contiguous records of 64 bytes")
        pools, told = self.pools, 0
        declare_lines(lines)
        if ends is not None and not COMPILED:
            AREAS.declare("word", ends.ctypes.data, len(ends), 8)
        at = start = lines.ctypes.data
        end = start + lines.nbytes
        written = wrote = 0 if ends is None else ends.ctypes.data
        context = pools.context
        while at < end:
            pools.reserve(min(SLICE, (end - at) // 64))
            context["events_count"] = 0
            context["ends"] = written
            # A pass counts as many commands as lines.
            reached = runner()(pools.address, at, min(end, at + 64 * SLICE))
            pools.touch_books()
            if reached == at:
                self._make_way(lines, (at - start) // 64)
                continue
            at = reached
            count = int(context["events_count"])
            if ends is not None:
                before, written = written, int(context["ends"])
                ends[(before - wrote) // 8 : (written - wrote) // 8] += told
                told += count
            events = pools.arrays["events"][:count]
            yield events if at == end else events.copy()
        context["ends"] = 0
        forget_lines(lines)
        if ends is not None:
            forget_lines(ends)

    def _make_way(self, lines: Records, number: int) -> None:
        """The command at this line found no room: make it."""
        pools = self.pools
        record = lines[number : number + 1].view(layout.FACT)[0]
        before = int(pools.context["far_stop"])
        pools.reserve(1)
        if int(record["kind"]) >= layout.CommandKind.MARKET_LISTED:
            pools.make_room_for(record)
        elif int(pools.context["far_stop"]) == before:
            raise AssertionError(f"line {number}: the kernel stopped, and there is room")

    # --- reading ---------------------------------------------------------------------------------

    @property
    def live(self) -> int:
        """Orders that rest."""
        return int(self.pools.context["live"])

    @property
    def now(self) -> int:
        """The exchange's time, seconds."""
        return int(self.pools.context["now"])

    @property
    def next_seq(self) -> int:
        """Of the next order that is accepted."""
        return int(self.pools.context["next_seq"])

    @property
    def recenterings(self) -> int:
        """How often a side's band has moved."""
        return int(self.pools.context["recenterings"])

    def best(self, instrument: int) -> tuple[int | None, int | None]:
        """(bid, ask) ticks; None where a side is empty."""
        sides = self.pools.arrays["sides"]
        bid = int(sides[2 * instrument]["best"])
        ask = int(sides[2 * instrument + 1]["best"])
        return (None if bid == layout.NO_BID else bid, None if ask == layout.NO_ASK else ask)

    def resting(self) -> Records:
        """Records of all open orders, by book, bids before asks, best first, then by arrival."""
        arrays = self.pools.arrays
        pool = arrays["orders"][: int(self.pools.context["high_water"])]
        found = pool[pool["rests"] > 0]
        tick = found["tick"].astype(np.int64)
        rank = np.where(found["sells"] > 0, tick, -tick)
        instrument = arrays["holdings"]["instrument"][found["holding"]]
        order: Records = found[np.lexsort((found["seq"], rank, found["sells"], instrument))]
        return order

    def orders(self) -> list[RestingOrder]:
        """All open orders: by book, bids before asks, best first, then by arrival."""
        found = self.resting()
        holdings = self.pools.arrays["holdings"][found["holding"]]
        slots = self.pools.arrays["slots"][found["slot"]]
        filled = np.where(slots["generation"] == slots["seen"], slots["filled"], 0)
        columns = (
            holdings["instrument"],
            found["sells"],
            found["tick"],
            found["seq"],
            holdings["account"],
            found["id"],
            found["remaining"],
            found["remaining"] + filled,
            found["flags"],
            found["expiry"],
            found["signer"],
        )
        return [RestingOrder(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]

    def positions(self) -> dict[tuple[int, int], int]:
        """Lots, signed, by (account, instrument); none that is 0."""
        count = int(self.pools.context["holdings_count"])
        held = self.pools.arrays["holdings"][1 : count + 1]
        held = held[held["lots"] != 0]
        keys = zip(held["account"].tolist(), held["instrument"].tolist(), strict=True)
        return dict(zip(keys, held["lots"].tolist(), strict=True))

    def queues(self) -> Iterator[tuple[int, int, list[int], int]]:
        """(side, tick, numbers of the queue, lots) of every level that holds orders."""
        arrays, size = self.pools.arrays, 1 << self.limits.band_bits
        levels, sides = arrays["levels"], arrays["sides"]
        listed = np.flatnonzero(arrays["books"]["tick_value"])
        for side in [2 * i + s for i in listed.tolist() for s in (0, 1)]:
            base = int(sides[side]["base"])
            band = levels[side * size : (side + 1) * size]
            for place in np.flatnonzero(band["head"]).tolist():
                tick = base + (place - base) % size
                yield side, tick, self._walk(int(band[place]["head"])), int(band[place]["lots"])
        far = arrays["far"]
        for level in far[far["key"] != layout.VACANT]:
            key = int(level["key"])
            yield key >> 32, key & U32, self._walk(int(level["head"])), int(level["lots"])

    def _walk(self, number: int) -> list[int]:
        numbers = []
        while number:
            numbers.append(number)
            number = int(self.pools.arrays["orders"][number]["next"])
        return numbers

    def check(self) -> None:
        """Raise InvariantBroken unless all that is counted twice agrees."""
        check(self.pools, self.queues())

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self) -> Dump:
        """All that is in memory, by name: copies of the parts in use."""
        return dump(self.pools)

    @classmethod
    def load(cls, dumped: Dump, limits: Limits | None = None) -> "Matching":
        """The exchange that was dumped; it goes on alike.

        Raises
        ------
        ValueError
            If these limits have no room for it.
        """
        loaded = cls(limits)
        load(loaded.pools, dumped)
        return loaded
