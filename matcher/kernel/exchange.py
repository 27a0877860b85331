"""The matching kernel's memory, and the door to it: commands in, events out, as records.

Allocation, growth and checks are here, outside of the compiled path: `Matching.submit` makes room
for a whole batch of commands before it runs them. At a limit new orders are refused with BUSY;
cancels never are.

Notes
-----
Not wired into the engine. Admission (who, when, ids, notional, margin) comes with each command as
its `verdict`.
"""

import contextlib
import mmap
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InvariantBroken
from matcher.kernel import layout
from matcher.kernel.bitmap import words_of
from matcher.kernel.layout import CommandKind
from matcher.kernel.loop import holdings_rehasher, rehasher, runner
from matcher.kernel.memory import AREAS, COMPILED, kind_of
from matcher.types import KNOWN_ORDER_FLAGS, ORDER_ID_END, U32, OrderFlag, SelfTrade

Records = NDArray[Any]

ORDERS_LIMIT: Final = 1 << 26
HUGE_PAGE: Final = 1 << 21
SLICE: Final = 1 << 16  # commands for which room is made at a time


class RestingOrder(NamedTuple):
    """An open order; lots, ticks, seconds."""

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


class Limits(NamedTuple):
    """How much there may ever be.

    Attributes
    ----------
    books, accounts, signers : int
        Numbers of instruments, accounts and signers are below these.
    orders : int
        Orders that rest at a time.
    holdings : int
        (account, instrument) pairs that ever placed an order.
    far_levels : int
        Price levels outside their band, of all books.
    band_bits : int
        A side's band has two to the power of this many ticks; 6 to 18.
    """

    books: int
    accounts: int
    signers: int
    orders: int = ORDERS_LIMIT
    holdings: int = 1 << 24
    far_levels: int = 1 << 12
    band_bits: int = 12


def commands_of(count: int) -> Records:
    """`count` command records, all zero."""
    return np.zeros(count, layout.COMMAND)


def check_commands(commands: Records, limits: Limits) -> None:
    """Raise ValueError unless every field of every command is one that the kernel may be shown.

    What the gateway's `wire` guarantees of a message, and what keeps the kernel within its memory.
    """
    place = commands["kind"] == CommandKind.PLACE
    sized = place | (commands["kind"] == CommandKind.AMEND)
    flags = commands["flags"]
    both = OrderFlag.IOC | OrderFlag.FOK
    clash = (flags & both == both) | ((flags & OrderFlag.POST_ONLY > 0) & (flags & both > 0))
    for name, wrong, allowed in (
        ("kind", (commands["kind"] < 1) | (commands["kind"] > CommandKind.SIGNER), "a CommandKind"),
        ("account", commands["account"] >= limits.accounts, f"below {limits.accounts}"),
        ("signer", commands["signer"] >= limits.signers, f"below {limits.signers}"),
        ("id", (commands["id"] < 0) | (commands["id"] >= ORDER_ID_END), "0 to 2^44 - 1"),
        ("time", (commands["time"] < 0) | (commands["time"] >= layout.FOREVER), "0 to 2^62 - 2"),
        ("sells", commands["sells"] > 1, "0 or 1"),
        ("self_trade", commands["self_trade"] >= len(SelfTrade), "a SelfTrade"),
        ("flags", place & (flags & ~np.uint8(KNOWN_ORDER_FLAGS) > 0), "an OrderFlag"),
        ("flags", place & clash, "one of IOC, FOK and post-only"),
        ("quantity", sized & (commands["quantity"] == 0), "at least 1"),
    ):
        if wrong.any():
            first = int(np.argmax(wrong))
            raise ValueError(
                f"command {first}: {name} is {int(commands[name][first])}, allowed {allowed}"
            )


class Matching:
    """Books, orders and positions in flat memory, and the kernel that matches.

    Parameters
    ----------
    limits : Limits
    lag : int
        Seconds before an instrument's expiry at which its orders leave.
    """

    def __init__(self, limits: Limits, lag: int = 0):
        if not 6 <= limits.band_bits <= layout.BAND_BITS_MAX:
            raise ValueError(f"band_bits is {limits.band_bits}, allowed 6 to 18")
        if not 0 < limits.orders <= ORDERS_LIMIT:
            raise ValueError(f"orders is {limits.orders}, allowed 1 to {ORDERS_LIMIT}")
        self.limits = limits
        self._arrays: dict[str, Records] = {}
        self._context = self._allocate("context", layout.CONTEXT, 1)[0]
        self._orders = 0  # room for so many
        self._holdings = 0
        self._allocate_books()
        self._grow_orders(min(limits.orders, 1024))
        self._grow_holdings(min(limits.holdings, 1024))
        self._context["lag"] = lag
        self._context["soonest"] = layout.FOREVER
        self._context["next_seq"] = 1
        self._context["high_water"] = 1

    # --- telling ---------------------------------------------------------------------------------

    def list_instrument(
        self,
        instrument: int,
        *,
        tick_value: int,
        closes_at: int,
        lots_max: int,
        rates: tuple[int, int] = (0, 0),
    ) -> None:
        """Open a book; values in atoms, `closes_at` in seconds, `rates` of taker and maker."""
        if not 0 <= instrument < self.limits.books:
            raise ValueError(f"instrument is {instrument}, allowed below {self.limits.books}")
        if not 0 < tick_value <= U32:
            raise ValueError(f"tick_value is {tick_value}, allowed 1 to 2^32 - 1")
        book = self._arrays["books"][instrument]
        book["tick_value"] = tick_value
        book["closes_at"] = closes_at
        book["lots_max"] = lots_max
        self.set_rates(instrument, *rates)
        sides = self._arrays["sides"]
        sides[2 * instrument]["best"] = layout.NO_BID
        sides[2 * instrument + 1]["best"] = layout.NO_ASK

    def set_rates(self, instrument: int, taker: int, maker: int) -> None:
        """Fee rates of an instrument from now on, atoms per lot, signed."""
        book = self._arrays["books"][instrument]
        book["taker_rate"] = taker
        book["maker_rate"] = maker

    def submit(self, commands: Records) -> Records:
        """Check and apply commands; their events, which are overwritten by the next call."""
        check_commands(commands, self.limits)
        return self.run(commands)

    def run(self, commands: Records) -> Records:
        """Apply commands that `check_commands` has passed; their events, as `submit`.

        Parameters
        ----------
        commands : array of COMMAND, shape (n,), contiguous

        Returns
        -------
        array of EVENT, shape (m,)
            A view of the kernel's memory when one pass did it, else a copy.
        """
        parts = list(self._passes(commands))
        if not parts:
            return self._arrays["events"][:0]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _passes(self, commands: Records) -> Iterator[Records]:
        """Events of each pass; a pass ends where room must be made, or events carried away."""
        if not commands.flags.c_contiguous or commands.dtype != layout.COMMAND:
            raise ValueError("commands must be contiguous COMMAND records")
        if not COMPILED:
            AREAS.declare("command", commands.ctypes.data, len(commands), 64)
        done = 0
        while done < len(commands):
            count = min(SLICE, len(commands) - done)
            self.reserve(count)
            self._context["events_count"] = 0
            at = commands.ctypes.data + 64 * done
            done += runner()(self._arrays["context"].ctypes.data, at, count)
            events = self._arrays["events"][: int(self._context["events_count"])]
            yield events if done == len(commands) else events.copy()
        if not COMPILED:
            AREAS.forget(commands.ctypes.data, commands.ctypes.data + 64 * len(commands))

    def reserve(self, count: int) -> None:
        """Make room for `count` more orders, up to the limits, in steps that double."""
        wanted = min(self.limits.orders, self.live + count)
        if wanted > self._orders:
            self._grow_orders(min(self.limits.orders, max(wanted, 2 * self._orders)))
        wanted = min(self.limits.holdings, int(self._context["holdings_count"]) + count)
        if wanted > self._holdings:
            self._grow_holdings(min(self.limits.holdings, max(wanted, 2 * self._holdings)))

    # --- reading ---------------------------------------------------------------------------------

    @property
    def live(self) -> int:
        """Orders that rest."""
        return int(self._context["live"])

    @property
    def now(self) -> int:
        return int(self._context["now"])

    @property
    def next_seq(self) -> int:
        return int(self._context["next_seq"])

    @property
    def recenterings(self) -> int:
        """How often a side's band has moved."""
        return int(self._context["recenterings"])

    @property
    def memory(self) -> int:
        """Bytes of all arrays; pages that were never touched take none."""
        return sum(array.nbytes for array in self._arrays.values())

    def best(self, instrument: int) -> tuple[int | None, int | None]:
        """(bid, ask) ticks; None where a side is empty."""
        bid = int(self._arrays["sides"][2 * instrument]["best"])
        ask = int(self._arrays["sides"][2 * instrument + 1]["best"])
        return (None if bid == layout.NO_BID else bid, None if ask == layout.NO_ASK else ask)

    def orders(self) -> list[RestingOrder]:
        """All open orders: by book, bids before asks, best first, then by arrival."""
        pool = self._arrays["orders"]
        names = RestingOrder._fields
        found = [
            RestingOrder(*(int(order[name]) for name in names))
            for order in pool[: int(self._context["high_water"])]
            if order["rests"]
        ]
        return sorted(
            found, key=lambda o: (o.instrument, o.sells, o.tick if o.sells else -o.tick, o.seq)
        )

    def positions(self) -> dict[tuple[int, int], int]:
        """Lots, signed, by (account, instrument); none that is 0."""
        held = self._arrays["holdings"][1 : int(self._context["holdings_count"]) + 1]
        return {
            (int(h["account"]), int(h["instrument"])): int(h["lots"]) for h in held if h["lots"]
        }

    def queues(self) -> Iterator[tuple[int, int, list[int], int]]:
        """(side, tick, slots of the queue, lots) of every level that holds orders."""
        size = 1 << self.limits.band_bits
        levels, sides = self._arrays["levels"], self._arrays["sides"]
        for index in np.flatnonzero(levels["head"]).tolist():
            side, place = divmod(index, size)
            base = int(sides[side]["base"])
            tick = base + (place - base) % size
            yield side, tick, self._walk(int(levels[index]["head"])), int(levels[index]["lots"])
        for far in self._arrays["far"]:
            if far["key"] != layout.VACANT:
                key = int(far["key"])
                yield key >> 32, key & U32, self._walk(int(far["head"])), int(far["lots"])

    def _walk(self, slot: int) -> list[int]:
        slots = []
        while slot:
            slots.append(slot)
            slot = int(self._arrays["orders"][slot]["next"])
        return slots

    # --- invariants ------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise InvariantBroken unless levels, queues, bits, tables and counters agree."""
        pool, standing = self._arrays["orders"], 0
        best: dict[int, int] = {}
        for side, tick, slots, lots in self.queues():
            orders = pool[slots]
            hold(orders["rests"].all(), f"side {side}, tick {tick}: an order that does not rest")
            hold((orders["tick"] == tick).all(), f"side {side}, tick {tick}: another's order")
            sides = 2 * orders["instrument"].astype(int) + orders["sells"]
            hold((sides == side).all(), f"side {side}, tick {tick}: of another side")
            hold((np.diff(orders["seq"]) > 0).all(), f"side {side}, tick {tick}: not by arrival")
            hold((orders["remaining"] > 0).all(), f"side {side}, tick {tick}: an order of 0 lots")
            total = int(orders["remaining"].sum(dtype=np.int64))
            hold(total == lots, f"side {side}, tick {tick}: {lots} lots of {total}")
            before = [0, *slots[:-1]]
            hold(orders["previous"].tolist() == before, f"side {side}, tick {tick}: links")
            standing += len(slots)
            first = best.get(side, tick)
            best[side] = min(first, tick) if side & 1 else max(first, tick)
        hold(standing == self.live, f"{standing} orders stand, {self.live} are counted")
        self._check_sides(best)
        self._check_tables()

    def _check_sides(self, best: dict[int, int]) -> None:
        size = 1 << self.limits.band_bits
        words, levels = words_of(self.limits.band_bits), self._arrays["levels"]
        far = self._arrays["far"]["key"]
        far = far[far != layout.VACANT]
        hold(len(far) == int(self._context["far_count"]), "far levels are not counted right")
        for side in np.flatnonzero(np.repeat(self._arrays["books"]["tick_value"] > 0, 2)).tolist():
            record = self._arrays["sides"][side]
            none = layout.NO_ASK if side & 1 else layout.NO_BID
            stated = int(record["best"])
            hold(stated == best.get(side, none), f"side {side}: best {stated}, {best.get(side)}")
            bits = self._arrays["bitmaps"][side * words : side * words + size // 64]["bits"]
            marked = np.unpackbits(bits.view(np.uint8), bitorder="little").astype(bool)
            heads = levels[side * size : (side + 1) * size]["head"] > 0
            hold(bool((marked == heads).all()), f"side {side}: bits and levels differ")
            own = far[far >> 32 == side] & U32
            hold(len(own) == int(record["far"]), f"side {side}: {len(own)} far levels")
            base = int(record["base"])
            beyond = own >= base + size if side & 1 else own < base
            hold(bool(beyond.all()), f"side {side}: a far level is not worse than its band")
        for bid, ask in zip(*(self._arrays["sides"]["best"][i::2] for i in (0, 1)), strict=True):
            hold(bid < ask or ask == 0, f"crossed book: bid {bid}, ask {ask}")

    def _check_tables(self) -> None:
        pool = self._arrays["orders"]
        words = self._arrays["order_table"]["word"]
        slots = (words[words != 0] & U32).tolist()
        resting = np.flatnonzero(pool["rests"]).tolist()
        hold(sorted(slots) == resting, "the table of orders is not the orders that rest")
        free = self._arrays["free"]["slot"][: int(self._context["free_count"])].tolist()
        everything = sorted(free + resting)
        hold(everything == list(range(1, self._orders + 1)), "slots are lost or given twice")
        bits = np.unpackbits(self._arrays["slots"]["bits"].view(np.uint8), bitorder="little")
        own = pool[resting]["account"].astype(int) * 4096 + pool[resting]["id"] % 4096
        hold(np.flatnonzero(bits).tolist() == sorted(own.tolist()), "bits of order slots")
        tried = self._arrays["holdings"]["tried"]
        hold(not tried.any(), "a trial was not taken back")

    # --- memory ----------------------------------------------------------------------------------

    def _allocate(self, name: str, record: np.dtype[Any], count: int) -> Records:
        """An array of zeros, page-aligned, in the context under its name."""
        old = self._arrays.get(name)
        array = zeros(count, record)
        if not COMPILED:
            if old is not None:
                AREAS.forget(old.ctypes.data, old.ctypes.data + old.nbytes)
            AREAS.declare(kind_of(record), array.ctypes.data, count, record.itemsize)
            if record is layout.FAR:
                start = array.ctypes.data + layout.FAR_LEVEL_OFFSET
                AREAS.declare("level", start, count, record.itemsize)
        self._arrays[name] = array
        if name != "context":
            self._context[name] = array.ctypes.data
        return array

    def _allocate_books(self) -> None:
        limits, context = self.limits, self._context
        sides = 2 * limits.books
        words = words_of(limits.band_bits)
        far_bits = (2 * limits.far_levels - 1).bit_length()
        self._allocate("books", layout.BOOK, limits.books)
        self._allocate("sides", layout.SIDE, sides)
        self._allocate("levels", layout.LEVEL, sides << limits.band_bits)
        self._allocate("bitmaps", layout.WORD, sides * words)
        self._allocate("signers", layout.SIGNER, limits.signers)["until"] = layout.FOREVER - 1
        self._allocate("slots", layout.WORD, limits.accounts * layout.SLOT_BIT_WORDS)
        self._allocate("far", layout.FAR, 1 << far_bits)["key"] = layout.VACANT
        self._allocate("far_sorted", layout.PAIR, limits.far_levels)
        context["band_bits"] = limits.band_bits
        context["bitmap_words"] = words
        context["far_bits"] = far_bits
        context["far_limit"] = limits.far_levels
        context["books_limit"] = limits.books

    def _grow_orders(self, count: int) -> None:
        """Room for `count` orders; slots keep their numbers."""
        old, free = self._arrays.get("orders"), self._arrays.get("free")
        pool = self._allocate("orders", layout.ORDER, count + 1)
        slots = self._allocate("free", layout.FREE, count)["slot"]
        added = np.arange(count, self._orders, -1, dtype=np.uint32)  # the lowest is on top
        known = int(self._context["free_count"])
        slots[: len(added)] = added
        if old is not None and free is not None:
            pool[: len(old)] = old
            slots[len(added) : len(added) + known] = free["slot"][:known]
        self._context["free_count"] = len(added) + known
        self._orders = count
        self._allocate("pairs", layout.PAIR, count + 1)
        events = 2 * count + 4 * SLICE
        self._allocate("events", layout.EVENT, events)
        self._context["events_limit"] = events
        bits = (2 * count - 1).bit_length()
        self._context["order_bits"] = bits
        self._allocate("order_table", layout.ENTRY, 1 << bits)
        rehasher()(self._arrays["context"].ctypes.data)

    def _grow_holdings(self, count: int) -> None:
        """Room for `count` holdings; they keep their numbers."""
        old = self._arrays.get("holdings")
        held = self._allocate("holdings", layout.HOLDING, count + 1)
        if old is not None:
            held[: len(old)] = old
        self._holdings = count
        self._context["holdings_limit"] = count
        bits = (2 * count - 1).bit_length()
        self._context["holding_bits"] = bits
        self._allocate("holding_table", layout.ENTRY, 1 << bits)
        holdings_rehasher()(self._arrays["context"].ctypes.data)


def zeros(count: int, record: np.dtype[Any]) -> Records:
    """`count` records, all zero, at a page's start; on huge pages where the system has them."""
    size = count * record.itemsize
    pages = mmap.mmap(-1, max(1, size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= HUGE_PAGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, record, count)


def hold(condition: bool | np.bool_, broken: str) -> None:
    """Raise InvariantBroken unless the condition holds."""
    if not condition:
        raise InvariantBroken(broken)
