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
    BATCH_LIMITED      value: calldata, other: blob (chunks)
    HALTED             annex: reason, `strike` bytes of UTF-8; RESUMED
    CHAIN_BLOCK        value: number, time; annex: SIGNED with the hash as digest
    REDATE             value: first_batch, time: built_at, other: mode

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

Order, 64 bytes: one that rests, or the taker at hand. Its whole quantity is `remaining` and what
its slot has filled; its account and instrument are its holding's::

    | id | seq | remaining | slot | tick | holding | next | previous | due_next | due_previous |
    0    8     16          20     24     28        32     36         40         44
    | expiry (48) | signer (56) | flags (60) | sells (61) | rests (62) | timed (63): in the wheel |

Level, 16 bytes: the queue at one tick. Four to a line, as neighbors are met together::

    | head (0) | tail (4) | lots (8) |            head 0: no orders

Far level, 32 bytes: a level outside its side's band; an entry of an open-addressing table::

    | key (0): side << 32 | tick; 0: none | level (8) | 0 (24) |

Side, 32 bytes: the bids, or the asks, of one book. Book, 128 bytes: its terms::

    | base (0) | best (8): NO_BID, NO_ASK | orders (16) | far (20) | 0 (24) |
    | tick_value (0): 0, not listed | lots_max (8) | ticks_max (16): most of tick * lots |
    | strike (24) | closes_at (32) | taker_rate (40) | maker_rate (44) | top_rate (48) |
    | series (52) | market (56) | call (60) | closed (61) | next (64): of its series | cap (72) |

Market and Series (the instruments of one market and expiry), 64 bytes each::

    | tick_value (0) | strike_value (8) | old_taker (16) | old_maker (20) | new_taker (24) |
    | new_maker (28) | active_at (32) | top_rate (40) | listed (44) | active (45) |
    | market (0) | expiry (4), hours | cap (8) | price (16) | fixed_at (24) | books (32): first |
    | fixed (36) | settled (37): the price is in effect | closed (38) | zeros to 64 |

Account, 128 bytes. `floor` and `both` are sums of its groups' (`matcher.kernel.margin`)::

    | owner (0) | groups (4) | cash (8) | floor (16) | both (24) | instruments (32) |
    | positions (36) | orders (40) | pages (44) | orders_until (48) | opened (56) | waits (57) |
    | idle (60) |
    | deposited (64) | asks (72) | exited (80) | credited (88) | served (96) |
    | elsewhere (104) | leased (112) | 0 (120) |

    idle       number of a holding of nothing that is kept; 0: none
    elsewhere  positions, of those an account may hold, that are left to other shards
    leased     atoms of `cash` that came from them, less what went there

Signer, 64 bytes: who may sign for an account; an owner may be a key as well::

    | account (0) | owner (4) | key (5) | valid_from (8) | until (16) | address (24) | 0 (44) |

Holding, 64 bytes: what an account holds of an instrument, and has on order. None without either,
but the one that an account keeps `idle`, as it is likely to be used again::

    | account (0) | instrument (4) | lots (8), signed | bids (16), asks (24): lots of open orders |
    | orders (32) | group (36) | next (40): free one | zeros to 64 |

Slot, 48 bytes: an order slot of an account; a page has eight. Page, 16 bytes: whose they are::

    | seen (0): generation | generation (4) | filled (8) | order (12) | digest (16) |
    | account (0) | number (4): slot / 8 | next (8): page of the account | 0 |

    order   the open order; SEEN is added once anything was seen in the slot

Plan, 64 bytes: what is known of a command that lies ahead (`matcher.kernel.hints`). `slot` and
`holding` are addresses of the entries where they may stand, then numbers, 0: not known; `order` is
the address of the level that an order meets, then of the order that is met, or that is open::

    | kind (0): PLAN_... | line (8) | slot (16) | holding (24) | level (32) | order (40) | 0 |

Context, 1024 bytes, one int64 after the other: where everything else lies, limits and counters.
The rest are single words: a head of the timing wheel, an entry of a table, a word of bits, and
pairs of a key and a value to sort.
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
ANNEX: Final = record(  # a SIGNED, word by word
    "annex",
    64,
    digest_0=("i8", 0),
    digest_1=("i8", 8),
    digest_2=("i8", 16),
    digest_3=("i8", 24),
    address_0=("i8", 32),
    address_1=("i8", 40),
    address_2=("u4", 48),
)
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
    slot=("u4", 20),
    tick=("u4", 24),
    holding=("u4", 28),
    next=("u4", 32),
    previous=("u4", 36),
    due_next=("u4", 40),
    due_previous=("u4", 44),
    expiry=("i8", 48),
    signer=("u4", 56),
    flags=("u1", 60),
    sells=("u1", 61),
    rests=("u1", 62),
    timed=("u1", 63),
)
LEVEL: Final = record("level", 16, head=("u4", 0), tail=("u4", 4), lots=("i8", 8))
FAR: Final = record("far", 32, key=("i8", 0), head=("u4", 8), tail=("u4", 12), lots=("i8", 16))
FAR_LEVEL_OFFSET: Final = 8  # of the level in a far level
SIDE: Final = record("side", 32, base=("i8", 0), best=("i8", 8), orders=("u4", 16), far=("u4", 20))
BOOK: Final = record(
    "book",
    128,
    tick_value=("i8", 0),
    lots_max=("i8", 8),
    ticks_max=("i8", 16),
    strike=("i8", 24),
    closes_at=("i8", 32),
    taker_rate=("i4", 40),
    maker_rate=("i4", 44),
    top_rate=("i4", 48),
    series=("u4", 52),
    market=("u4", 56),
    call=("u1", 60),
    closed=("u1", 61),
    next=("u4", 64),
    cap=("i8", 72),
)
MARKET: Final = record(
    "market",
    64,
    tick_value=("i8", 0),
    strike_value=("i8", 8),
    old_taker=("i4", 16),
    old_maker=("i4", 20),
    new_taker=("i4", 24),
    new_maker=("i4", 28),
    active_at=("i8", 32),
    top_rate=("i4", 40),
    listed=("u1", 44),
    active=("u1", 45),
)
SERIES: Final = record(
    "series",
    64,
    market=("u4", 0),
    expiry=("u4", 4),
    cap=("i8", 8),
    price=("i8", 16),
    fixed_at=("i8", 24),
    books=("u4", 32),
    fixed=("u1", 36),
    settled=("u1", 37),
    closed=("u1", 38),
)
ACCOUNT: Final = record(
    "account",
    128,
    owner=("u4", 0),
    groups=("u4", 4),
    cash=("i8", 8),
    floor=("i8", 16),
    both=("i8", 24),
    instruments=("u4", 32),
    positions=("u4", 36),
    orders=("u4", 40),
    pages=("u4", 44),
    orders_until=("i8", 48),
    opened=("u1", 56),
    waits=("u1", 57),
    idle=("u4", 60),
    deposited=("i8", 64),
    asks=("i8", 72),
    exited=("i8", 80),
    credited=("i8", 88),
    served=("i8", 96),
    elsewhere=("u4", 104),
    leased=("i8", 112),
)
SIGNER: Final = record(
    "signer",
    64,
    account=("u4", 0),
    owner=("u1", 4),
    key=("u1", 5),
    valid_from=("i8", 8),
    until=("i8", 16),
    address_0=("i8", 24),
    address_1=("i8", 32),
    address_2=("u4", 40),
)
HOLDING: Final = record(
    "holding",
    64,
    account=("u4", 0),
    instrument=("u4", 4),
    lots=("i8", 8),
    bids=("i8", 16),
    asks=("i8", 24),
    orders=("u4", 32),
    group=("u4", 36),
    next=("u4", 40),
)
SLOT: Final = record(
    "slot",
    48,
    seen=("u4", 0),
    generation=("u4", 4),
    filled=("u4", 8),
    order=("u4", 12),
    digest_0=("i8", 16),
    digest_1=("i8", 24),
    digest_2=("i8", 32),
    digest_3=("i8", 40),
)
PAGE: Final = record("page", 16, account=("u4", 0), number=("u4", 4), next=("u4", 8))
PLAN: Final = record(
    "plan",
    64,
    kind=("i8", 0),
    line=("i8", 8),
    slot=("i8", 16),
    holding=("i8", 24),
    level=("i8", 32),
    order=("i8", 40),
)
HEAD: Final = record("head", 4, order=("u4", 0))
ENTRY: Final = record("entry", 8, word=("i8", 0))
WORD: Final = record("word", 8, bits=("i8", 0))
PAIR: Final = record("pair", 16, key=("i8", 0), value=("i8", 8))

_WORDS: Final = (
    # where the records lie
    "orders",
    "levels",
    "bitmaps",
    "books",
    "sides",
    "markets",
    "series",
    "accounts",
    "signers",
    "holdings",
    "holding_table",
    "slots",
    "pages",
    "page_table",
    "groups",  # these three: matcher.kernel.margin_layout
    "group_keys",
    "group_blocks",
    "far",
    "far_sorted",
    "wheel",
    "deadlines",  # pairs of a second and a signer, a heap
    "waiting",  # pairs of an account and 0, in no order
    "pairs",
    "undo",  # pairs: what a trial did, to be taken back
    "plans",
    "events",
    "ends",  # words: events so far after each command; 0: nobody asks
    # how many there may be, or are room for
    "band_bits",  # log2 of the ticks of a band
    "bitmap_words",  # of one band
    "holding_bits",  # log2 of the entries of the tables
    "page_bits",
    "far_bits",
    "far_limit",
    "far_stop",  # with so many, more room must be made before the next command
    "books_limit",
    "markets_limit",
    "series_limit",
    "accounts_limit",
    "signers_limit",
    "holdings_limit",
    "pages_limit",
    "groups_limit",
    "group_blocks_limit",
    "deadlines_limit",
    "events_limit",
    # how many there are
    "free_orders",
    "free_order",  # the first that was used before; the others follow by `next`
    "high_water",  # no order from here on was ever used
    "live",  # orders that rest
    "holdings_count",  # ever used at a time; those that are free are linked by `next`
    "holdings_live",
    "free_holding",
    "pages_count",
    "groups_used",
    "groups_free",
    "group_blocks_used",
    "group_blocks_free",
    "books_count",
    "series_count",
    "accounts_count",  # no account from here on is open
    "far_count",
    "deadlines_count",
    "waiting_count",
    "money",  # atoms that were ever deposited
    "undo_count",
    "events_count",
    # time and order
    "now",
    "built_at",
    "batch_open",
    "ops",
    "halted",
    "lag",
    "soonest_close",  # the first second at which a series closes
    "next_seq",
    "recenterings",
    # what a refusal says
    "found",
    "allowed",
)
# Words that no kernel changes while it runs: where the records lie, and what there is room for.
STEADY: Final = (set(_WORDS[: _WORDS.index("free_orders")]) - {"ends"}) | {"lag"}
CONTEXT: Final = record(
    "context", 1024, **{name: ("i8", 8 * place) for place, name in enumerate(_WORDS)}
)

SLOT_BITS: Final = 12  # an order's slot is the low bits of its id
PAGE_SLOTS: Final = 8
SEEN: Final = 1 << 31  # in a slot's `order`
PLANS: Final = 32
PLAN_NONE: Final = 0  # nothing is known, and nothing to ask for
PLAN_PLACE: Final = 1
PLAN_ORDER: Final = 2  # a command about one open order
WHEEL_DIGIT: Final = 6  # bits of time that one round of the timing wheel tells apart
WHEEL_HEADS: Final = 11 << WHEEL_DIGIT  # for all times that there are
NO_BID: Final = -1
NO_ASK: Final = U32 + 1
NOTHING: Final = -1  # no such tick, entry, or reason
VACANT: Final = 0  # key of a far level that is none
FOREVER: Final = (1 << 62) - 1
BAND_BITS_MAX: Final = 18  # a bitmap of three levels of 64


class CommandKind(IntEnum):
    PLACE = 1
    CANCEL = 2
    CANCEL_ALL = 3
    AMEND = 4
    CLOCK = 5
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
    OPERATOR_NAMED = 29  # the batcher's business, as are the next
    REDATE = 30
    BATCH_LIMITED = 31


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
