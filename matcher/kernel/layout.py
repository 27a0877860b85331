"""The records of the matching kernel: what lies at which byte.

All are little-endian and naturally aligned, so that decoding is a cast, and fill a cache line of
64 bytes, half of one, or a quarter. `matcher.kernel.fields` reads and writes them by name.

Command, 64 bytes: what the kernel is told. `annex` lines of 64 bytes follow it, so that commands
are a stream of lines, and each begins where a line does::

     0       1       2       3            4       5      6        8               12
    | kind  | sells | flags | self_trade | annex | mark | reason | account       | instrument |
    | id                            (16) | tick (24)           | quantity (28)                |
    | time                          (32) | signer (40)         | target (44)                  |
    | amount                        (48) | origin (56)                                        |

    kind        CommandKind; those from MARKET_LISTED on are facts, and read as FACT
    sells       1: a sell, 0: a buy
    flags       OrderFlag; self_trade: SelfTrade
    mark        CommandMark
    reason      CancelReason of a CANCEL or CANCEL_ALL
    instrument  0: none that is listed; of a CANCEL_ALL with mark ALL: of all
    quantity    lots: whole; of an AMEND the new whole
    time        seconds: a PLACE's, WITHDRAW's or TRANSFER's expiry, a CLOCK's now
    signer      number of who signed; 0: nobody that is known of this account
    target      account that a TRANSFER goes to; amount: atoms of a WITHDRAW or TRANSFER
    origin      who sent it, and as what; the kernel does not read it

Fact, 64 bytes: what the chain told, in the same places (kind, annex, account, instrument, time,
signer, origin are a Command's)::

    | kind (0) | annex (4) | account (8) | instrument (12) | value (16) | market (24) |
    | expiry (28) | time (32) | signer (40) | strike (44) | other (48) | origin (56) |

    MARKET_LISTED      market, value: tick_value, other: strike_value; annex: name, `strike` bytes
    FEES_SET           market, time: active_at; annex: RATES
    EXPIRY_OPENED      market, expiry (hours), value: cap
    INSTRUMENT_LISTED  instrument, market, expiry, strike (steps), value: InstrumentKind
    ACCOUNT_OPENED     account, signer: the number of its owner; annex: SIGNED with the address
    DEPOSITED, ASKED   account, value: the total, time: when
    ORDERS_UNTIL       account, time: until
    KEY_SET            account, signer: the key's number, value: valid_from, time: valid_until;
                       annex: SIGNED with the address
    PRICE_FIXED        market, expiry, value: price, time: fixed_at
    OPERATOR_NAMED     value: operator
    HALTED             annex: reason, `strike` bytes of UTF-8; RESUMED
    CHAIN_BLOCK        value: number, time; annex: SIGNED with the hash as digest
    REDATE             value: first_batch, time: built_at

Signed, 64 bytes: the first annex line of PLACE, CANCEL_ALL, WITHDRAW and TRANSFER; a PLACE without
one has the digest 0. The second is r and s of the signature, 32 bytes each::

    | digest (0) | address (32) | v (52): 27 or 28 | zeros to 64 |

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
    REJECTED  account, id; note: Reject; lots: 1 if it is about a TRANSFER's target; amount: found,
              other: allowed, where these are single numbers
    DUPLICATE account, id, lots: filled, remaining
    CREDITED  account, amount
    RELEASED  account, amount, other: served
    WITHDRAWN account, id, amount
    TRANSFERRED  account, maker_account: to whom, id, amount
    SETTLED   account, instrument: market, tick: expiry (hours), amount: cash
    BATCH_OPENED  amount: built_at
    BATCH_CLOSED  amount: built_at, lots: ops
    FAULT     a fact that the chain cannot tell; nothing has changed

    `amount` and `other` are where `fee` and `maker_fee` are. Trades, credits, releases,
    withdrawals, transfers and settlements are the ops: each is one word for the batcher

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

from enum import IntEnum, IntFlag
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
    annex=("u1", 4),
    mark=("u1", 5),
    reason=("u2", 6),
    account=("u4", 8),
    instrument=("u4", 12),
    id=("i8", 16),
    tick=("u4", 24),
    quantity=("u4", 28),
    time=("i8", 32),
    signer=("u4", 40),
    target=("u4", 44),
    amount=("i8", 48),
    verdict=("u2", 48),
    origin=("i8", 56),
)
FACT: Final = record(
    "command",
    64,
    kind=("u1", 0),
    annex=("u1", 4),
    account=("u4", 8),
    instrument=("u4", 12),
    value=("i8", 16),
    market=("u4", 24),
    expiry=("u4", 28),
    time=("i8", 32),
    signer=("u4", 40),
    strike=("u4", 44),
    other=("i8", 48),
    origin=("i8", 56),
)
SIGNED: Final = record("annex", 64, digest=("V32", 0), address=("V20", 32), v=("u1", 52))
RATES: Final = record(
    "annex",
    64,
    old_taker=("i8", 0),
    old_maker=("i8", 8),
    new_taker=("i8", 16),
    new_maker=("i8", 24),
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
EVENT_NUMBERS: Final = record("event", 64, amount=("i8", 48), other=("i8", 56))
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
    OPEN_BATCH = 7
    CLOSE_BATCH = 8
    WITHDRAW = 9
    TRANSFER = 10
    # facts
    MARKET_LISTED = 16
    FEES_SET = 17
    EXPIRY_OPENED = 18
    INSTRUMENT_LISTED = 19
    ACCOUNT_OPENED = 20
    DEPOSITED = 21
    ASKED = 22
    ORDERS_UNTIL = 23
    KEY_SET = 24
    PRICE_FIXED = 25
    HALTED = 26
    RESUMED = 27
    CHAIN_BLOCK = 28  # a CLOCK to the kernel
    OPERATOR_NAMED = 29  # the batcher's business, as is the next
    REDATE = 30


class CommandMark(IntFlag):
    OFF_TICK = 1  # the price of a PLACE is no multiple of the tick value, or its tick is too high
    ALL = 2  # a CANCEL_ALL of all instruments


class EventKind(IntEnum):
    ACCEPTED = 1
    TRADE = 2
    RESTED = 3
    CANCELED = 4
    AMENDED = 5
    REJECTED = 6
    DUPLICATE = 7
    CREDITED = 8
    RELEASED = 9
    WITHDRAWN = 10
    TRANSFERRED = 11
    SETTLED = 12
    BATCH_OPENED = 13
    BATCH_CLOSED = 14
    FAULT = 15
