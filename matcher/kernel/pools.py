"""The memory of the exchange: where its records lie, how it grows, and what a snapshot takes of it.

Memory comes from the system as pages of zeros, which take none until they are touched; so what
belongs to books is there for as many as there may be, and the rest grows by doubling, outside of
the compiled path. A pool that grows moves; nothing but the context holds addresses.
"""

import contextlib
import mmap
import sys
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matcher.kernel import layout, margin_layout
from matcher.kernel.bitmap import words_of
from matcher.kernel.loop import far_rehasher, holdings_rehasher, pages_rehasher
from matcher.kernel.memory import AREAS, COMPILED, kind_of
from matcher.kernel.packing import is_fragmented, pack_orders

Records = NDArray[Any]

ORDERS_LIMIT: Final = 1 << 26
HUGE_PAGE: Final = 1 << 21
_POPULATE: Final = 23  # MADV_POPULATE_WRITE of Linux, which mmap has no name for
_DEADLINES: Final = 1 << 10  # for which there is room at least
TOUCHED: Final = 1 << 12  # commands for which memory is touched at a time, at least
_NORESERVE: Final = 0x4000 if sys.platform == "linux" else 0
SLICE: Final = 1 << 14  # lines for which room is made at a time
ORDERS_OF_ONE: Final = 1 << layout.SLOT_BITS  # open at a time, of an account


class Limits(NamedTuple):
    """How much there may ever be.

    Attributes
    ----------
    books, accounts, signers, markets, series : int
        Numbers of instruments, accounts, signers and markets are below these; so many series.
    orders : int
        Orders that rest at a time.
    holdings : int
        (account, instrument) pairs with a position or an open order, at a time.
    pages : int
        Pages of eight order slots that were ever used.
    far_levels : int
        Price levels outside their band, of all books.
    band_bits : int
        A side's band has two to the power of this many ticks; 6 to 18.
    """

    books: int = 1 << 18
    accounts: int = 1 << 24
    signers: int = 1 << 25
    markets: int = 1 << 8
    series: int = 1 << 18
    orders: int = ORDERS_LIMIT
    holdings: int = 1 << 26
    pages: int = 1 << 27
    far_levels: int = 1 << 22
    band_bits: int = 12


# Words of the context that say how memory is, and not how the exchange is.
OF_MEMORY: Final = (layout.STEADY - {"lag"}) | {"ends", "free_orders", "free_order"}


class Pools:
    """The arrays of one exchange, and the context that says where they are.

    Parameters
    ----------
    limits : Limits
    """

    def __init__(self, limits: Limits):
        if not 6 <= limits.band_bits <= layout.BAND_BITS_MAX:
            raise ValueError(f"band_bits is {limits.band_bits}, allowed 6 to 18")
        if not 0 < limits.orders <= ORDERS_LIMIT:
            raise ValueError(f"orders is {limits.orders}, allowed 1 to {ORDERS_LIMIT}")
        self.limits = limits
        self.arrays: dict[str, Records] = {}
        self._memory: dict[str, tuple[mmap.mmap, int]] = {}  # of the arrays, and where in it
        self._touched: dict[str, int] = {}  # bytes of it that the system has given
        self._ready = 0  # commands for which it has
        self._books = 0  # that were listed when their bands were looked at
        self._bands = np.zeros(limits.books, np.bool_)  # of which the system has given the memory
        self._granted = 0  # commands for which there is room, and memory touched, without a look
        contexts = self._allocate("context", layout.CONTEXT, 1)
        self.context = contexts[0]
        # Single words as arrays of one, which are read in half the time.
        self._far_count, self._far_stop = contexts["far_count"], contexts["far_stop"]
        self._books_count = contexts["books_count"]
        self.address = int(contexts.ctypes.data)  # asked for before each call of the kernel
        self.context["high_water"] = 1
        self._orders = self._holdings = self._pages = 0  # room for so many
        self._allocate_books()
        self.grow_accounts(min(limits.accounts, 64))
        self.grow_signers(min(limits.signers, 64))
        self._grow_far(min(limits.far_levels, max(64, 2 << limits.band_bits)))
        self.reserve(1)

    # --- room ------------------------------------------------------------------------------------

    def reserve(self, count: int) -> None:
        """Make room for what `count` more commands may need, up to the limits, and touch it."""
        if count <= self._granted and self._far_count[0] <= self._far_stop[0]:
            self._granted -= count
            self._ready -= count
            return
        self.make_room(count)
        if count > self._ready:
            self._ready = max(count, TOUCHED)
            self._touch_next(self._ready)
        self._ready -= count
        self._granted = max(0, min(self._ready, self._room() - count))

    @property
    def granted(self) -> int:
        """Commands for which there is room, and memory touched, without another look."""
        return self._granted

    def prepare(self, count: int) -> None:
        """Make room for `count` commands at once, which `reserve` then finds without a look.

        For who runs many in passes of few; less if there is less room, up to the limits.
        """
        self.make_room(count)
        self.make_tables(count)
        if count > self._ready:
            self._ready = count
            self._touch_next(count)
        self._granted = max(0, min(self._ready, self._room()))

    def make_room(self, count: int) -> None:
        """Make room for what `count` more commands may need, up to the limits.

        The room takes no memory before it is touched. Orders that have become few are packed.
        """
        context, limits = self.context, self.limits
        if is_fragmented(self):
            pack_orders(self)
        wanted = self._orders - int(context["free_orders"]) + count
        if wanted > self._orders < limits.orders:
            self._grow_orders(_doubled(self._orders, wanted, limits.orders))
        wanted = int(context["holdings_live"]) + count
        if wanted > self._holdings < limits.holdings:
            self._grow_holdings(_doubled(self._holdings, wanted, limits.holdings))
        wanted = int(context["pages_count"]) + count
        if wanted > self._pages < limits.pages:
            self._grow_pages(_doubled(self._pages, wanted, limits.pages))
        wanted = int(context["deadlines_count"]) + count
        if wanted > int(context["deadlines_limit"]):
            room = max(2 * wanted, _DEADLINES)
            self._grow("deadlines", layout.PAIR, room, int(context["deadlines_count"]))
            context["deadlines_limit"] = room
        if int(context["far_count"]) > int(context["far_stop"]):
            self._grow_far(min(limits.far_levels, 2 * int(context["far_limit"])))
        self.make_tables(min(count, SLICE))

    def _room(self) -> int:
        """Commands that find room now: none needs more than one of anything."""
        context, arrays = self.context, self.arrays
        holdings, pages = int(context["holdings_live"]), int(context["pages_count"])
        return min(
            int(context["free_orders"]),
            self._holdings - holdings,
            len(arrays["holding_table"]) // 2 - holdings,
            self._pages - pages,
            len(arrays["page_table"]) // 2 - pages,
            int(context["deadlines_limit"]) - int(context["deadlines_count"]),
        )

    def _touch_next(self, count: int) -> None:
        """Let the system give the memory that `count` commands may use first, before they do."""
        context = self.context
        for name, used in (
            ("orders", "high_water"),
            ("holdings", "holdings_count"),
            ("groups", "groups_used"),
            ("group_keys", "groups_used"),
        ):
            self._touch(name, int(context[used]) + count + 1)
        pages = int(context["pages_count"]) + count // layout.PAGE_SLOTS + 1
        self._touch("pages", pages)
        self._touch("slots", layout.PAGE_SLOTS * pages)

    def touch_books(self) -> None:
        """Take the memory of the bands of books that were listed since; give that of closed ones.

        Else the first orders of a new book wait for it, up to milliseconds each, and an exchange
        holds on to the bands of all that ever expired.
        """
        count = int(self._books_count[0])
        if count == self._books:
            return
        self._books = count
        books = self.arrays["books"][: 2 * count + 1]  # numbers are dense: these are nearly all
        if np.count_nonzero(books["tick_value"]) < count:
            books = self.arrays["books"]
        listed = np.flatnonzero(books["tick_value"])
        has_band, closed = self._bands[listed], books["closed"][listed] != 0
        orders = self.arrays["sides"]["orders"]
        over = closed & (orders[2 * listed] == 0) & (orders[2 * listed + 1] == 0)
        last = int(listed[-1]) + 1
        self._touch("sides", 2 * last)
        self._touch("bitmaps", 2 * last * words_of(self.limits.band_bits))
        for instrument in listed[over & has_band].tolist():
            self._advise_band(instrument, mmap.MADV_DONTNEED)
        for instrument in listed[~closed & ~has_band].tolist():
            self._advise_band(instrument, _POPULATE)

    def _advise_band(self, instrument: int, advice: int) -> None:
        """Tell the system about the levels of a book's two bands, which lie side by side."""
        self._bands[instrument] = advice == _POPULATE
        pages, start = self._memory["levels"]
        size = 2 * layout.LEVEL.itemsize << self.limits.band_bits
        if size % mmap.PAGESIZE == 0:  # else they share pages with others
            with contextlib.suppress(OSError):  # an older system gives it when it is used
                pages.madvise(advice, start + size * instrument, size)

    def _touch(self, name: str, count: int) -> None:
        """Let the system give the memory of an array's first records."""
        array, (pages, start) = self.arrays[name], self._memory[name]
        before, after = self._touched[name], min(count, len(array)) * array.itemsize
        if after > before:
            before = before // mmap.PAGESIZE * mmap.PAGESIZE
            self._touched[name] = after
            with contextlib.suppress(OSError):  # an older system gives it when it is used
                pages.madvise(_POPULATE, start + before, after - before)

    def give_back(self, name: str, count: int) -> None:
        """Make all records of an array but the first `count` zeros, and let go of their memory."""
        array, (pages, start) = self.arrays[name], self._memory[name]
        end = -(-count * array.itemsize // mmap.PAGESIZE) * mmap.PAGESIZE
        array[count : end // array.itemsize] = 0
        if end < array.nbytes:
            pages.madvise(mmap.MADV_DONTNEED, start + end, array.nbytes - end)
        self._touched[name] = min(self._touched[name], end)
        self._ready = self._granted = 0

    def make_room_for(self, fact: Any) -> None:
        """Make room for the numbers that a fact names, or say which limit it meets."""
        context, limits = self.context, self.limits
        for name, number, limit in (
            ("account", int(fact["account"]), limits.accounts),
            ("signer", int(fact["signer"]), limits.signers),
            ("market", int(fact["market"]), limits.markets),
            ("instrument", int(fact["instrument"]), limits.books),
            ("series", int(context["series_count"]) + 1, limits.series),
        ):
            if number >= limit:
                raise ValueError(f"fact: {name} is {number}, allowed below {limit}")
        if int(fact["account"]) >= int(context["accounts_limit"]):
            room = int(context["accounts_limit"])
            self.grow_accounts(_doubled(room, int(fact["account"]) + 1, limits.accounts))
        if int(fact["signer"]) >= int(context["signers_limit"]):
            room = int(context["signers_limit"])
            self.grow_signers(_doubled(room, int(fact["signer"]) + 1, limits.signers))

    def make_room_of(
        self, *, orders: int, holdings: int, pages: int, deadlines: int, far: int
    ) -> None:
        """Make room for so many of each in an exchange that has none yet, up to the limits."""
        limits = self.limits
        if self._orders < orders <= limits.orders:
            self._grow_orders(orders)
        if self._holdings < holdings <= limits.holdings:
            self._grow_holdings(holdings)
        if self._pages < pages <= limits.pages:
            self._grow_pages(pages)
        if int(self.context["deadlines_limit"]) < deadlines:
            self._grow("deadlines", layout.PAIR, deadlines, 0)
            self.context["deadlines_limit"] = deadlines
        while int(self.context["far_stop"]) < far:
            self._grow_far(min(limits.far_levels, 2 * int(self.context["far_limit"])))

    def take_orders(self, free: int) -> None:
        """Count the free orders of an exchange that was loaded; the first that was used is told."""
        self.context["free_order"] = free
        self.context["free_orders"] = self._orders - int(self.context["live"])
        self._granted = 0

    def take_far(self, rows: NDArray[np.uint8]) -> None:
        """Take far levels, given as bytes, into a table that has none."""
        levels = np.ascontiguousarray(rows).view(layout.FAR).reshape(len(rows))
        if not COMPILED:
            AREAS.declare("far", levels.ctypes.data, len(levels), layout.FAR.itemsize)
        far_rehasher()(self.address, levels.ctypes.data, len(levels))
        self._forget(levels)

    def grow_accounts(self, count: int) -> None:
        """Room for account numbers below `count`."""
        self._grow("accounts", layout.ACCOUNT, count, int(self.context["accounts_count"]))
        self._grow("waiting", layout.PAIR, count, int(self.context["waiting_count"]))
        self.context["accounts_limit"] = count
        self._make_lists()

    def grow_signers(self, count: int) -> None:
        """Room for signer numbers below `count`."""
        self._grow("signers", layout.SIGNER, count, int(self.context["signers_limit"]))
        self.context["signers_limit"] = count

    def _grow_orders(self, count: int) -> None:
        """Room for `count` orders; they keep their numbers."""
        self._grow("orders", layout.ORDER, count + 1, int(self.context["high_water"]))
        self.context["free_orders"] += count - self._orders
        self._orders = count
        self._allocate("undo", layout.PAIR, 8 * count + 16)
        self._make_lists()

    def _grow_holdings(self, count: int) -> None:
        """Room for `count` holdings, and as many groups; they keep their numbers."""
        context = self.context
        self._grow("holdings", layout.HOLDING, count + 1, int(context["holdings_count"]) + 1)
        used, blocks = int(context["groups_used"]), int(context["group_blocks_used"])
        self._grow("groups", margin_layout.GROUP, count + 1, used + 1)
        self._grow("group_keys", margin_layout.GROUP_KEY, count + 1, used + 1)
        self._grow("group_blocks", margin_layout.GROUP_BLOCK, count + 1, blocks + 1)
        self._holdings = count
        for name in ("holdings_limit", "groups_limit", "group_blocks_limit"):
            context[name] = count
        self._make_lists()

    def _grow_pages(self, count: int) -> None:
        """Room for `count` pages of slots; they keep their numbers."""
        context, used = self.context, int(self.context["pages_count"]) + 1
        self._grow("pages", layout.PAGE, count + 1, used)
        self._grow("slots", layout.SLOT, (count + 1) * layout.PAGE_SLOTS, used * layout.PAGE_SLOTS)
        self._pages = count
        context["pages_limit"] = count + 1

    def make_tables(self, count: int, *, anew: bool = False) -> None:
        """Make the tables of holdings and pages twice as long as either may become by `count`.

        They are filled when they have become longer, or `anew`.
        """
        if anew:
            del self.arrays["holding_table"], self.arrays["page_table"]
        holdings = min(int(self.context["holdings_live"]) + count, self._holdings)
        if self._lengthen("holding_table", "holding_bits", holdings):
            holdings_rehasher()(self.address)
        pages = min(int(self.context["pages_count"]) + count, self._pages)
        if self._lengthen("page_table", "page_bits", pages):
            pages_rehasher()(self.address)

    def _lengthen(self, name: str, word: str, count: int) -> bool:
        """Whether a table was too short for `count` entries: it is longer now, and empty."""
        known = self.arrays.get(name)
        if known is not None and 2 * count <= len(known):
            return False
        bits = max(6, (3 * count).bit_length())
        self.context[word] = bits
        self._allocate(name, layout.ENTRY, 1 << bits)
        self._touch(name, 1 << bits)
        return True

    def _grow_far(self, count: int) -> None:
        """Room for `count` far levels; it grows again before a command might need more."""
        context = self.context
        bits = (2 * count - 1).bit_length()
        old = self.arrays.get("far")
        context["far_bits"] = bits
        self._allocate("far", layout.FAR, 1 << bits, forget=False)
        self._allocate("far_sorted", layout.PAIR, count)
        if old is not None:
            far_rehasher()(self.address, old.ctypes.data, len(old))
            self._forget(old)
        context["far_limit"] = count
        ends = count >= self.limits.far_levels
        context["far_stop"] = (1 << 62) if ends else count - (1 << self.limits.band_bits) - 2

    def _make_lists(self) -> None:
        """Room to list all orders or holdings, and for what one command may answer."""
        orders, holdings = self._orders, self._holdings
        self._allocate("pairs", layout.PAIR, max(orders, holdings) + ORDERS_OF_ONE + 2)
        waiting = int(self.context["accounts_limit"])
        count = 2 * (orders + waiting) + holdings + 4 * SLICE
        self._allocate("events", layout.EVENT, count)
        self._touch("events", 2 * SLICE)
        self.context["events_limit"] = count

    # --- arrays ----------------------------------------------------------------------------------

    def _allocate(
        self, name: str, record: np.dtype[Any], count: int, *, forget: bool = True
    ) -> Records:
        """An array of zeros, page-aligned, in the context under its name."""
        old = self.arrays.get(name)
        pages, start = memory(count * record.itemsize)
        self._memory[name] = pages, start
        self._touched[name] = 0
        array = np.frombuffer(pages, record, count, start)
        if old is not None and forget:
            self._forget(old)
        self._forget(array)  # an exchange that is gone may have had something there
        if not COMPILED:
            AREAS.declare(kind_of(record), array.ctypes.data, count, record.itemsize)
            margin_layout.declare(record, array.ctypes.data, count)
            if record is layout.FAR:
                start = array.ctypes.data + layout.FAR_LEVEL_OFFSET
                AREAS.declare("level", start, count, record.itemsize)
        self.arrays[name] = array
        if name != "context":
            self.context[name] = array.ctypes.data
        return array

    def _forget(self, array: Records) -> None:
        """Nothing lies in an array any more."""
        if not COMPILED:
            AREAS.forget(array.ctypes.data, array.ctypes.data + array.nbytes)

    def _grow(self, name: str, record: np.dtype[Any], count: int, used: int) -> Records:
        """Room for `count` records; the first `used` stay as they are."""
        old = self.arrays.get(name)
        array = self._allocate(name, record, count)
        self._ready = 0
        if old is not None:
            raw(array)[:used] = raw(old)[:used]
        return array

    def _allocate_books(self) -> None:
        limits, context = self.limits, self.context
        sides, words = 2 * limits.books, words_of(limits.band_bits)
        self._allocate("books", layout.BOOK, limits.books)
        self._allocate("sides", layout.SIDE, sides)
        self._allocate("levels", layout.LEVEL, sides << limits.band_bits)
        self._allocate("bitmaps", layout.WORD, sides * words)
        self._allocate("markets", layout.MARKET, limits.markets)
        self._allocate("series", layout.SERIES, limits.series)
        self._allocate("wheel", layout.HEAD, layout.WHEEL_HEADS)
        self._allocate("plans", layout.PLAN, layout.PLANS)
        context["band_bits"] = limits.band_bits
        context["bitmap_words"] = words
        context["books_limit"] = limits.books
        context["markets_limit"] = limits.markets
        context["series_limit"] = limits.series


def _doubled(room: int, wanted: int, limit: int) -> int:
    """The next room: at least twice as much, as wanted, and a page's worth; at most the limit."""
    return min(limit, max(2 * room, wanted, 64))


def raw(records: Records) -> NDArray[np.uint8]:
    """The bytes of records, one row each: numpy leaves out those that no field names."""
    return records.view(np.uint8).reshape(len(records), records.itemsize)


def memory(size: int) -> tuple[mmap.mmap, int]:
    """Zeros, and where among them to begin: on huge pages, whole ones, where the system has them.

    What is smaller than half of one stays on small pages.
    """
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
    if size < HUGE_PAGE // 2 or not hasattr(mmap, "MADV_HUGEPAGE"):
        return mmap.mmap(-1, max(1, size), flags=flags), 0
    pages = mmap.mmap(-1, -(-size // HUGE_PAGE) * HUGE_PAGE + HUGE_PAGE, flags=flags)
    start = -np.frombuffer(pages, np.uint8).ctypes.data % HUGE_PAGE
    with contextlib.suppress(OSError):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages, start
