"""The records of the settlement state: what lies at which byte, and accessors of each field.

Trees are pools of nodes (`matcher.kernel.tree`): node i is quad i, 32 bytes as they lie, and its
children are record i of another pool. Words of ops, of order slots and of leaves are big-endian, as
the protocol has them: `memory.turned` makes numbers of their quarters.

Terms, what the chain told, in `matcher.kernel.terms`; tables lead to them by key::

     0     8       16       24           32        40    44    48     52
    | key | strike | most  | lots_max   | closes  | exp | mkt | call | tick_value |   instrument
    | symbol (56) | its size (60) |
    | key | cap | price | fixed_at: FOREVER, not yet |                                expiry
    | old_taker | old_maker | new_taker | new_maker | active_at | zeros to 64 |       market
    | key | deposited | asks | is_open |                                              opened

    strike     atoms per lot; most: what a lot pays at its best price for who holds it
    lots_max   |position| is at most this, and its i40 ends at 2^39
    exp, mkt   numbers of the expiry's and the market's records
    deposited  atoms; asks: both all ever, the greatest that was told; is_open: 1, or 0 where an
               account is only spoken of

Entry, 320 bytes: an account while a chunk is built that names it, and 32 quarters of positions::

     0         4      8       12      16      17        18         20
    | account | leaf | slots | dirty | count | touched | released | opened |
    | cash (24) | exited (32), u64 | credited (40) | served (48) | zeros to 64 |

    leaf, slots   nodes of the account's leaf and of its slots' root before the chunk
    dirty         its first dirty slot word, from 1; 0: none
    opened        its record among the opened accounts; 0: never opened

Dirty, 32 bytes: a word of four order slots that the chunk changes; the word itself is the quad of
the same number elsewhere::

    | number (0): of the word | next (4) | named (8): bit per slot | quarter (12) | staged (16) |
    | leaf (24): its node before the chunk | zeros |

    staged        what the op at hand will write into slot `quarter`: generation:u32 | filled:u32

Pools, 64 bytes, belong to a forest; terms, 128 bytes, to the facts; context, 512 bytes, to a
ledger: one int64 after the other.
"""

from enum import IntEnum
from typing import Any, Final

import numpy as np

from matcher.kernel.layout import record
from matcher.kernel.memory import getter, setter


def numbers(kind: str, size: int, names: tuple[str, ...]) -> np.dtype[Any]:
    """A record of int64, one after the other."""
    return record(kind, size, **{name: ("i8", 8 * place) for place, name in enumerate(names)})


QUAD: Final = numbers("quad", 32, ("first", "second", "third", "last"))
CHILDREN: Final = record("children", 8, left=("u4", 0), right=("u4", 4))
BYTE: Final = record("byte", 1, value=("u1", 0))
CELL: Final = record("cell", 8, value=("i8", 0))
SEAT: Final = record("seat", 4, number=("u4", 0))
POOLS: Final = numbers("pools", 64, ("nodes", "children", "records", "end", "recorded", "young"))
WORK: Final = numbers("work", 64, ("way", "pending", "lists", "counts", "room"))

INSTRUMENT: Final = record(
    "instrument",
    64,
    key=("i8", 0),
    strike=("i8", 8),
    most=("i8", 16),
    lots_max=("i8", 24),
    closes_at=("i8", 32),
    expiry=("u4", 40),
    market=("u4", 44),
    call=("u4", 48),
    tick_value=("u4", 52),
    symbol=("u4", 56),
    symbol_size=("u4", 60),
)
EXPIRY: Final = record(
    "expiry", 32, key=("i8", 0), cap=("i8", 8), price=("i8", 16), fixed_at=("i8", 24)
)
MARKET: Final = numbers(
    "market", 64, ("old_taker", "old_maker", "new_taker", "new_maker", "active_at")
)
OPENED: Final = record(
    "opened", 32, key=("i8", 0), deposited=("i8", 8), asks=("i8", 16), is_open=("i8", 24)
)
TERMS: Final = numbers(
    "terms",
    128,
    (
        "instruments",
        "instrument_table",
        "instrument_bits",
        "expiries",
        "expiry_table",
        "expiry_bits",
        "opened",
        "opened_table",
        "opened_bits",
        "markets",
        "symbols",  # bytes, one after the other
    ),
)

ENTRY: Final = record(
    "entry_of_chunk",
    320,
    account=("u4", 0),
    leaf=("u4", 4),
    slots=("u4", 8),
    dirty=("u4", 12),
    count=("u1", 16),
    touched=("u1", 17),
    released=("u1", 18),
    opened=("u4", 20),
    cash=("i8", 24),
    exited=("i8", 32),
    credited=("i8", 40),
    served=("i8", 48),
)
POSITIONS_OFFSET: Final = 64  # of an entry's positions, each a cell: instrument:u24 | lots:i40
DIRTY: Final = record(
    "dirty",
    32,
    number=("u4", 0),
    next=("u4", 4),
    named=("u4", 8),
    quarter=("u4", 12),
    staged=("i8", 16),
    leaf=("u4", 24),
)

_CONTEXT_WORDS: Final = (
    # what it works on
    "pools",
    "terms",
    "work",  # of the account tree
    "slots_work",  # of slots trees
    # the chunk that is built
    "entries",
    "seats",  # table of entries by account
    "dirties",
    "slot_words",  # of the dirties, four cells each
    "sorted",  # entries that were named, ascending by account: account and address
    "starts",  # cells of the records to hash
    "numbers",  # and nodes that they are hashed to
    "space",  # for hashing
    "leaves",  # nodes of the leaves that change, by account
    "words_sorted",  # dirties of an account, ascending by number: number and address
    "word_leaves",  # and their nodes
    "root",  # node of the account tree's root before the chunk
    "built_at",
    "entries_count",
    "dirties_count",
    "ops",
    "filled",
    "fees_high",  # fees are high * 2^32 + low
    "fees_low",
    "earlier",  # an entry: an account as it was before the chunk
    # the batch that is built
    "out",  # quads
    "out_count",
    "out_limit",
    # why an op, or a chunk, was refused
    "code",
    "account",
    "found",
    "allowed",
    "found_low",
    "allowed_low",
)
SETTLEMENT: Final = numbers("settlement", 512, _CONTEXT_WORDS)

EMPTY: Final = 0  # the node that stands for a subtree without leaves
ENTRIES: Final = 61  # accounts that 30 ops can name: two each, and that of the fees
DIRTIES: Final = 60  # slot words that they can change
SEATS_BITS: Final = 8
LIST_ROOM: Final = 64  # nodes of one level that a chunk can change, and a multiple of the lanes
MARKETS: Final = 256


class Refusal(IntEnum):
    """Why an op or a chunk was refused, and what `account`, `found` and `allowed` are then."""

    NONE = 0
    MALFORMED = 1  # the word is none, or a root's
    CHUNK_FULL = 2
    UNOPENED = 3  # account
    RESERVED = 4  # account
    ONE_ACCOUNT = 5
    NO_LOTS = 6
    AFTER_RELEASE = 7
    UNLISTED = 8
    TOO_LATE = 9  # allowed: closes_at
    NOTIONAL = 10  # allowed: the tick's value
    ORDER_ID = 11  # found: order
    STALE = 12  # found: order, allowed: the slot's generation
    USED = 13  # found: order
    OVERFILLED = 14  # found: order
    POSITION = 15  # account, found: lots
    POSITIONS = 16  # account, found: how many
    CASH = 17  # found: wrapped, allowed: 1 or -1, which way
    OVER_CREDITED = 18  # found: credited, as u64, allowed: deposited
    TO_ITSELF = 19
    SERVED = 20  # found: served, allowed: asks
    FEES_BESIDE_FILL = 21
    EXITED = 22  # found: wrapped
    NO_PRICE = 23  # allowed: built_at
    FEES = 24  # found, found_low: high * 2^32 + low
    MARGIN = 25  # account, found and found_low: worth, allowed and allowed_low: what it was
    KEPT_BACK = 26  # account, found and found_low: worth


# --- accessors -----------------------------------------------------------------------------------

quad_first, set_quad_first = getter(QUAD, "first"), setter(QUAD, "first")
quad_second, set_quad_second = getter(QUAD, "second"), setter(QUAD, "second")
quad_third, set_quad_third = getter(QUAD, "third"), setter(QUAD, "third")
quad_last, set_quad_last = getter(QUAD, "last"), setter(QUAD, "last")

children_left, set_children_left = getter(CHILDREN, "left"), setter(CHILDREN, "left")
children_right, set_children_right = getter(CHILDREN, "right"), setter(CHILDREN, "right")

byte_value, set_byte_value = getter(BYTE, "value"), setter(BYTE, "value")
cell_value, set_cell_value = getter(CELL, "value"), setter(CELL, "value")
seat_number, set_seat_number = getter(SEAT, "number"), setter(SEAT, "number")

pools_nodes = getter(POOLS, "nodes")
pools_children = getter(POOLS, "children")
pools_records = getter(POOLS, "records")
pools_end, set_pools_end = getter(POOLS, "end"), setter(POOLS, "end")
pools_recorded, set_pools_recorded = getter(POOLS, "recorded"), setter(POOLS, "recorded")
pools_young = getter(POOLS, "young")

work_way = getter(WORK, "way")
work_pending = getter(WORK, "pending")
work_lists = getter(WORK, "lists")
work_counts = getter(WORK, "counts")
work_room = getter(WORK, "room")

instrument_key = getter(INSTRUMENT, "key")
instrument_strike = getter(INSTRUMENT, "strike")
instrument_most = getter(INSTRUMENT, "most")
instrument_lots_max = getter(INSTRUMENT, "lots_max")
instrument_closes_at = getter(INSTRUMENT, "closes_at")
instrument_expiry = getter(INSTRUMENT, "expiry")
instrument_market = getter(INSTRUMENT, "market")
instrument_call = getter(INSTRUMENT, "call")
instrument_tick_value = getter(INSTRUMENT, "tick_value")
instrument_symbol = getter(INSTRUMENT, "symbol")
instrument_symbol_size = getter(INSTRUMENT, "symbol_size")

expiry_key = getter(EXPIRY, "key")
expiry_cap = getter(EXPIRY, "cap")
expiry_price = getter(EXPIRY, "price")
expiry_fixed_at = getter(EXPIRY, "fixed_at")

market_old_taker = getter(MARKET, "old_taker")
market_old_maker = getter(MARKET, "old_maker")
market_new_taker = getter(MARKET, "new_taker")
market_new_maker = getter(MARKET, "new_maker")
market_active_at = getter(MARKET, "active_at")

opened_key = getter(OPENED, "key")
opened_deposited = getter(OPENED, "deposited")
opened_asks = getter(OPENED, "asks")
opened_is_open = getter(OPENED, "is_open")

terms_instruments = getter(TERMS, "instruments")
terms_instrument_table = getter(TERMS, "instrument_table")
terms_instrument_bits = getter(TERMS, "instrument_bits")
terms_expiries = getter(TERMS, "expiries")
terms_expiry_table = getter(TERMS, "expiry_table")
terms_expiry_bits = getter(TERMS, "expiry_bits")
terms_opened = getter(TERMS, "opened")
terms_opened_table = getter(TERMS, "opened_table")
terms_opened_bits = getter(TERMS, "opened_bits")
terms_markets = getter(TERMS, "markets")
terms_symbols = getter(TERMS, "symbols")

entry_account, set_entry_account = getter(ENTRY, "account"), setter(ENTRY, "account")
entry_leaf, set_entry_leaf = getter(ENTRY, "leaf"), setter(ENTRY, "leaf")
entry_slots, set_entry_slots = getter(ENTRY, "slots"), setter(ENTRY, "slots")
entry_dirty, set_entry_dirty = getter(ENTRY, "dirty"), setter(ENTRY, "dirty")
entry_count, set_entry_count = getter(ENTRY, "count"), setter(ENTRY, "count")
entry_touched, set_entry_touched = getter(ENTRY, "touched"), setter(ENTRY, "touched")
entry_released, set_entry_released = getter(ENTRY, "released"), setter(ENTRY, "released")
entry_opened, set_entry_opened = getter(ENTRY, "opened"), setter(ENTRY, "opened")
entry_cash, set_entry_cash = getter(ENTRY, "cash"), setter(ENTRY, "cash")
entry_exited, set_entry_exited = getter(ENTRY, "exited"), setter(ENTRY, "exited")
entry_credited, set_entry_credited = getter(ENTRY, "credited"), setter(ENTRY, "credited")
entry_served, set_entry_served = getter(ENTRY, "served"), setter(ENTRY, "served")

dirty_number, set_dirty_number = getter(DIRTY, "number"), setter(DIRTY, "number")
dirty_next, set_dirty_next = getter(DIRTY, "next"), setter(DIRTY, "next")
dirty_named, set_dirty_named = getter(DIRTY, "named"), setter(DIRTY, "named")
dirty_quarter, set_dirty_quarter = getter(DIRTY, "quarter"), setter(DIRTY, "quarter")
dirty_staged, set_dirty_staged = getter(DIRTY, "staged"), setter(DIRTY, "staged")
dirty_leaf, set_dirty_leaf = getter(DIRTY, "leaf"), setter(DIRTY, "leaf")

context_pools = getter(SETTLEMENT, "pools")
context_terms = getter(SETTLEMENT, "terms")
context_work = getter(SETTLEMENT, "work")
context_slots_work = getter(SETTLEMENT, "slots_work")
context_entries = getter(SETTLEMENT, "entries")
context_seats = getter(SETTLEMENT, "seats")
context_dirties = getter(SETTLEMENT, "dirties")
context_slot_words = getter(SETTLEMENT, "slot_words")
context_sorted = getter(SETTLEMENT, "sorted")
context_starts = getter(SETTLEMENT, "starts")
context_space = getter(SETTLEMENT, "space")
context_leaves = getter(SETTLEMENT, "leaves")
context_words_sorted = getter(SETTLEMENT, "words_sorted")
context_word_leaves = getter(SETTLEMENT, "word_leaves")
context_numbers = getter(SETTLEMENT, "numbers")
context_root, set_context_root = getter(SETTLEMENT, "root"), setter(SETTLEMENT, "root")
context_built_at = getter(SETTLEMENT, "built_at")
context_entries_count = getter(SETTLEMENT, "entries_count")
set_context_entries_count = setter(SETTLEMENT, "entries_count")
context_dirties_count = getter(SETTLEMENT, "dirties_count")
set_context_dirties_count = setter(SETTLEMENT, "dirties_count")
context_ops, set_context_ops = getter(SETTLEMENT, "ops"), setter(SETTLEMENT, "ops")
context_filled, set_context_filled = getter(SETTLEMENT, "filled"), setter(SETTLEMENT, "filled")
context_fees_high = getter(SETTLEMENT, "fees_high")
set_context_fees_high = setter(SETTLEMENT, "fees_high")
context_fees_low = getter(SETTLEMENT, "fees_low")
set_context_fees_low = setter(SETTLEMENT, "fees_low")
context_earlier = getter(SETTLEMENT, "earlier")
context_out = getter(SETTLEMENT, "out")
context_out_count = getter(SETTLEMENT, "out_count")
set_context_out_count = setter(SETTLEMENT, "out_count")
context_out_limit = getter(SETTLEMENT, "out_limit")
set_context_code = setter(SETTLEMENT, "code")
context_code = getter(SETTLEMENT, "code")
set_context_account = setter(SETTLEMENT, "account")
set_context_found = setter(SETTLEMENT, "found")
set_context_allowed = setter(SETTLEMENT, "allowed")
set_context_found_low = setter(SETTLEMENT, "found_low")
set_context_allowed_low = setter(SETTLEMENT, "allowed_low")
