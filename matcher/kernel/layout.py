"""The records of the matching kernel: what lies at which byte.

All are little-endian and naturally aligned, so that decoding is a cast, and fill a cache line of
64 bytes, half of one, or a quarter. `matcher.kernel.fields` reads and writes them by name.

Command, 64 bytes: what the kernel is told::

     0       1       2       3           4       6       8               12
    | kind  | sells | flags | self_trade | verdict | reason | account    | instrument |
    | id                            (16) | tick (24)       | quantity (28)            |
    | time                          (32) | signer (40)     |  zeros to 64             |

    kind        PLACE, CANCEL, CANCEL_ALL, AMEND, CLOCK or SIGNER
    sells       1: a sell, 0: a buy
    flags       OrderFlag; self_trade: SelfTrade
    verdict     of admission: 0, or the Reject code with which the command is refused
    reason      CancelReason of a CANCEL or CANCEL_ALL
    instrument  of a CANCEL_ALL: 0 for all
    quantity    lots: whole; of an AMEND the new whole
    time        seconds: a PLACE's expiry, a CLOCK's now, until when a SIGNER's orders stand
    signer      number of who signed; what a number means is admission's

Event, 64 bytes: what the kernel answers. Each kind fills the fields of its row, others are 0::

     0       1       2       4              8     16         24        28
    | kind  | sells | note  | instrument   | id  | maker_id | account | maker_account |
    | tick (32) | lots (36) | remaining (40) | maker_remaining (44) | fee (48) | maker_fee (56) |

    ACCEPTED  account, id, instrument, sells, tick, lots: whole quantity
    TRADE     instrument, tick, lots, sells: the taker does; account, id, remaining, fee: the
              taker's; maker_...: the maker's. Fees are atoms, signed
    RESTED    account, id, instrument, sells, tick, remaining
    CANCELED  account, id, instrument, sells, tick, remaining; note: CancelReason
    AMENDED   account, id, instrument, sells, tick, lots: new whole quantity, remaining
    REJECTED  account, id; note: Reject

Order, 64 bytes: one that rests, or the taker at hand::

     0    8     16          20         24     28           32     36         40        44
    | id | seq | remaining | quantity | tick | instrument | next | previous | account | holding |
    | expiry (48) | signer (56) | flags (60) | sells (61) | rests (62) | 0 (63) |

Level, 16 bytes: the queue at one tick. Four to a line, as neighbors are met together::

    | head (0) | tail (4) | lots (8) |            head 0: no orders

Far level, 32 bytes: a level outside its side's band; an entry of an open-addressing table::

    | key (0): side << 32 | tick, or -1 | level (8) | 0 (24) |

Side, 32 bytes: the bids, or the asks, of one book. Book, 64 bytes: its terms::

    | base (0) | best (8): NO_BID, NO_ASK | orders (16) | far (20) | 0 (24) |
    | tick_value (0): 0, not listed | closes_at (8) | lots_max (16) | taker_rate (24) |
    | maker_rate (28) | zeros to 64 |

Holding, 32 bytes: what an account holds of an instrument::

    | account (0) | instrument (4) | lots (8), signed | tried (16): lots that a trial adds | 0 |

Context, 512 bytes, one int64 after the other: where everything else lies, limits and counters.
The rest are single words: an index (u32) that is free, an entry of a table, a word of bits, the
time until which a signer's orders stand, and pairs of a key and a value to sort.
"""

from enum import IntEnum
from typing import Any, Final

import numpy as np

from matcher.types import U32


def record(kind: str, size: int, /, **fields: tuple[str, int]) -> np.dtype[Any]:
    """A dtype of `size` bytes; `fields` are (format, offset) by name."""
    names = list(fields)
    spec = {
        "names": names,
        "formats": ["<" + fields[name][0] for name in names],
        "offsets": [fields[name][1] for name in names],
        "itemsize": size,
    }
    return np.dtype(np.dtype(spec), metadata={"kind": kind})  # type: ignore[call-overload]


COMMAND: Final = record(
    "command",
    64,
    kind=("u1", 0),
    sells=("u1", 1),
    flags=("u1", 2),
    self_trade=("u1", 3),
    verdict=("u2", 4),
    reason=("u2", 6),
    account=("u4", 8),
    instrument=("u4", 12),
    id=("i8", 16),
    tick=("u4", 24),
    quantity=("u4", 28),
    time=("i8", 32),
    signer=("u4", 40),
)
EVENT: Final = record(
    "event",
    64,
    kind=("u1", 0),
    sells=("u1", 1),
    note=("u2", 2),
    instrument=("u4", 4),
    id=("i8", 8),
    maker_id=("i8", 16),
    account=("u4", 24),
    maker_account=("u4", 28),
    tick=("u4", 32),
    lots=("u4", 36),
    remaining=("u4", 40),
    maker_remaining=("u4", 44),
    fee=("i8", 48),
    maker_fee=("i8", 56),
)
ORDER: Final = record(
    "order",
    64,
    id=("i8", 0),
    seq=("i8", 8),
    remaining=("u4", 16),
    quantity=("u4", 20),
    tick=("u4", 24),
    instrument=("u4", 28),
    next=("u4", 32),
    previous=("u4", 36),
    account=("u4", 40),
    holding=("u4", 44),
    expiry=("i8", 48),
    signer=("u4", 56),
    flags=("u1", 60),
    sells=("u1", 61),
    rests=("u1", 62),
)
LEVEL: Final = record("level", 16, head=("u4", 0), tail=("u4", 4), lots=("i8", 8))
FAR: Final = record("far", 32, key=("i8", 0), head=("u4", 8), tail=("u4", 12), lots=("i8", 16))
FAR_LEVEL_OFFSET: Final = 8  # of the level in a far level
SIDE: Final = record("side", 32, base=("i8", 0), best=("i8", 8), orders=("u4", 16), far=("u4", 20))
BOOK: Final = record(
    "book",
    64,
    tick_value=("i8", 0),
    closes_at=("i8", 8),
    lots_max=("i8", 16),
    taker_rate=("i4", 24),
    maker_rate=("i4", 28),
)
HOLDING: Final = record(
    "holding",
    32,
    account=("u4", 0),
    instrument=("u4", 4),
    lots=("i8", 8),
    tried=("i8", 16),
)
FREE: Final = record("free", 4, slot=("u4", 0))
ENTRY: Final = record("entry", 8, word=("i8", 0))
WORD: Final = record("word", 8, bits=("i8", 0))
SIGNER: Final = record("signer", 8, until=("i8", 0))
PAIR: Final = record("pair", 16, key=("i8", 0), value=("i8", 8))

_WORDS: Final = (
    # where the records lie
    "orders",
    "free",
    "levels",
    "bitmaps",
    "books",
    "sides",
    "order_table",
    "holdings",
    "holding_table",
    "far",
    "far_sorted",
    "events",
    "signers",
    "slots",
    "pairs",
    # how many there may be
    "band_bits",  # log2 of the ticks of a band
    "bitmap_words",  # of one band
    "order_bits",  # log2 of the entries of the tables
    "holding_bits",
    "far_bits",
    "far_limit",
    "holdings_limit",
    "events_limit",
    "books_limit",
    # how many there are
    "free_count",
    "holdings_count",
    "far_count",
    "events_count",
    "live",  # orders that rest
    "high_water",  # no slot from here on was ever used
    # time and order
    "now",
    "lag",
    "soonest",  # no order leaves by time before this second
    "next_seq",
    "recenterings",
)
CONTEXT: Final = record(
    "context", 512, **{name: ("i8", 8 * place) for place, name in enumerate(_WORDS)}
)

SLOT_BITS: Final = 12  # an order's slot is the low bits of its id
SLOT_BIT_WORDS: Final = 64  # words of bits per account: one bit for each of its order slots
NO_BID: Final = -1
NO_ASK: Final = U32 + 1
NOTHING: Final = -1  # no such tick, entry, or reason
VACANT: Final = -1  # key of a far level that is none
LATE_VERDICT: Final = 500  # verdicts from here on are given after checks 15 and 16
FOREVER: Final = (1 << 62) - 1
BAND_BITS_MAX: Final = 18  # a bitmap of three levels of 64


class CommandKind(IntEnum):
    PLACE = 1
    CANCEL = 2
    CANCEL_ALL = 3
    AMEND = 4
    CLOCK = 5
    SIGNER = 6


class EventKind(IntEnum):
    ACCEPTED = 1
    TRADE = 2
    RESTED = 3
    CANCELED = 4
    AMENDED = 5
    REJECTED = 6
