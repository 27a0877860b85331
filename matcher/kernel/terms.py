"""What the chain told, as far as op words are judged by it: in flat memory, for compiled code.

Records are found by key in open-addressing tables of their numbers, which are at most half full; 0
is no number. Telling is Python's and is not hot; `settlement` reads.
"""

from collections.abc import Iterator
from typing import Any, Final

from matcher.kernel import settlement_layout as r
from matcher.kernel.layout import FOREVER
from matcher.kernel.memory import GOLDEN, inlined, mixed, shifted
from matcher.kernel.pool import Pool
from matcher.kernel.settlement_layout import (
    expiry_fixed_at,
    expiry_key,
    instrument_key,
    market_active_at,
    market_new_maker,
    market_new_taker,
    market_old_maker,
    market_old_taker,
    opened_is_open,
    opened_key,
    seat_number,
    terms_expiries,
    terms_expiry_bits,
    terms_expiry_table,
    terms_instrument_bits,
    terms_instrument_table,
    terms_instruments,
    terms_markets,
    terms_opened,
    terms_opened_bits,
    terms_opened_table,
)
from matcher.types import POSITION_LOTS_MAX, POSITION_VALUE_MAX

EXPIRY_KEY_BITS: Final = 24  # an expiry's key is market << 24 | hours
_FIRST_BITS: Final = 6

# --- finding -------------------------------------------------------------------------------------


@inlined
def place_of(key: int, bits: int) -> int:
    """Where the search for a key begins in a table of two to the power of `bits` seats."""
    return shifted(mixed(key), 64 - bits)


@inlined
def find_instrument(t: int, key: int) -> int:
    """Address of an instrument's record; 0 if it is not listed."""
    table, rows = terms_instrument_table(t), terms_instruments(t)
    place = place_of(key, terms_instrument_bits(t))
    mask = (1 << terms_instrument_bits(t)) - 1
    while True:
        number = seat_number(table + 4 * place)
        if number == 0:
            return 0
        if instrument_key(rows + 64 * number) == key:
            return rows + 64 * number
        place = (place + 1) & mask


@inlined
def find_expiry(t: int, key: int) -> int:
    """Number of an expiry's record; 0 if it was never opened."""
    table, rows = terms_expiry_table(t), terms_expiries(t)
    place = place_of(key, terms_expiry_bits(t))
    mask = (1 << terms_expiry_bits(t)) - 1
    while True:
        number = seat_number(table + 4 * place)
        if number == 0 or expiry_key(rows + 32 * number) == key:
            return number
        place = (place + 1) & mask


@inlined
def find_opened(t: int, account: int) -> int:
    """Number of an opened account's record; 0 if it was never opened."""
    table, rows = terms_opened_table(t), terms_opened(t)
    place = place_of(account, terms_opened_bits(t))
    mask = (1 << terms_opened_bits(t)) - 1
    while True:
        number = seat_number(table + 4 * place)
        if number == 0:
            return 0
        if opened_key(rows + 32 * number) == account:
            return number if opened_is_open(rows + 32 * number) != 0 else 0
        place = (place + 1) & mask


@inlined
def is_fixed(t: int, expiry: int, built_at: int) -> bool:
    """Whether the price of an expiry's record counts in a batch."""
    return expiry_fixed_at(terms_expiries(t) + 32 * expiry) < built_at


@inlined
def taker_rate(t: int, market: int, built_at: int) -> int:
    """Atoms per lot, signed."""
    rates = terms_markets(t) + 64 * market
    if built_at >= market_active_at(rates):
        return market_new_taker(rates)
    return market_old_taker(rates)


@inlined
def maker_rate(t: int, market: int, built_at: int) -> int:
    """Atoms per lot, signed."""
    rates = terms_markets(t) + 64 * market
    if built_at >= market_active_at(rates):
        return market_new_maker(rates)
    return market_old_maker(rates)


# --- telling -------------------------------------------------------------------------------------


class _Rows:
    """Records with a key, and the table that leads to them."""

    def __init__(self, record: Any):
        self.rows = Pool(record, 16)
        self.bits = _FIRST_BITS
        self.table = Pool(r.SEAT, 1 << self.bits)
        self.count = 0
        self.numbers: dict[int, int] = {}

    def number(self, key: int) -> int:
        """Number of a key's record, which is made, all zero, if there is none."""
        number = self.numbers.get(key)
        if number is None:
            number = self.count = self.count + 1
            self.numbers[key] = number
            self.rows.grow(number + 1)
            self.rows.array["key"][number] = key
            if 2 * number > len(self.table):
                self.bits += 1
                self.table = Pool(r.SEAT, 1 << self.bits)
                for other, seat in self.numbers.items():
                    self._sit(other, seat)
            else:
                self._sit(key, number)
        return number

    def _sit(self, key: int, number: int) -> None:
        seats, mask = self.table.array["number"], (1 << self.bits) - 1
        place = (key * GOLDEN % (1 << 64)) >> (64 - self.bits)
        while seats[place]:
            place = (place + 1) & mask
        seats[place] = number


class Terms:
    """What is told of instruments, expiries, fees and opened accounts.

    Attributes
    ----------
    address : int
        Of the terms record. It stays.
    symbol_most : int
        Bytes of the longest symbol.
    """

    def __init__(self) -> None:
        self._terms = Pool(r.TERMS, 1)
        self.address = self._terms.address
        self._instruments = _Rows(r.INSTRUMENT)
        self._expiries = _Rows(r.EXPIRY)
        self._opened = _Rows(r.OPENED)
        self._markets = Pool(r.MARKET, r.MARKETS)
        self._symbols = Pool(r.BYTE, 1 << 10)
        self._symbols_size = 0
        self.symbol_most = 0
        self._locate()

    def _locate(self) -> None:
        record = self._terms.array[0]
        record["instruments"] = self._instruments.rows.address
        record["instrument_table"] = self._instruments.table.address
        record["instrument_bits"] = self._instruments.bits
        record["expiries"] = self._expiries.rows.address
        record["expiry_table"] = self._expiries.table.address
        record["expiry_bits"] = self._expiries.bits
        record["opened"] = self._opened.rows.address
        record["opened_table"] = self._opened.table.address
        record["opened_bits"] = self._opened.bits
        record["markets"] = self._markets.address
        record["symbols"] = self._symbols.address

    def open_expiry(self, market: int, expiry: int, cap: int) -> None:
        """An expiry and its cap, atoms per lot; the first telling counts."""
        key = market << EXPIRY_KEY_BITS | expiry
        if key in self._expiries.numbers:
            return
        row = self._expiries.number(key)
        self._expiries.rows.array[row] = (key, cap, 0, FOREVER)
        self._locate()

    def list_instrument(
        self,
        index: int,
        symbol: str,
        *,
        market: int,
        expiry: int,
        call: bool,
        strike: int,
        tick_value: int,
        closes_at: int,
    ) -> None:
        """An instrument of an open expiry; the first telling counts.

        Parameters
        ----------
        index : int
        symbol : str
        market, expiry : int
        call : bool
            Or a put.
        strike : int
            Atoms per lot, at most the cap.
        tick_value : int
            Atoms per tick and lot.
        closes_at : int
            Seconds; from then on nothing is filled.
        """
        if index in self._instruments.numbers:
            return
        group = self._expiries.numbers[market << EXPIRY_KEY_BITS | expiry]
        cap = int(self._expiries.rows.array["cap"][group])
        row = self._instruments.number(index)
        record = self._instruments.rows.array[row]
        record["strike"] = strike
        record["most"] = cap - strike if call else strike
        # An i40 ends one lot earlier above 0 than below it: the kernel sees to that one lot.
        record["lots_max"] = min(POSITION_VALUE_MAX // max(cap, 1), POSITION_LOTS_MAX + 1)
        record["closes_at"] = closes_at
        record["expiry"] = group
        record["market"] = market
        record["call"] = call
        record["tick_value"] = tick_value
        text = symbol.encode("ascii")
        record["symbol"], record["symbol_size"] = self._symbols_size, len(text)
        end = self._symbols_size + len(text)
        self._symbols.grow(end)
        self._symbols.array["value"][self._symbols_size : end] = list(text)
        self._symbols_size = end
        self.symbol_most = max(self.symbol_most, len(text))
        self._locate()

    def set_rates(
        self, market: int, old: tuple[int, int], new: tuple[int, int], active_at: int
    ) -> None:
        """Fee rates (taker, maker) of a market, atoms per lot, and when the new ones hold."""
        self._markets.array[market] = (*old, *new, active_at)

    def fix_price(self, market: int, expiry: int, price: int, fixed_at: int) -> None:
        """The settlement price of an open expiry; the first telling counts."""
        row = self._expiries.numbers[market << EXPIRY_KEY_BITS | expiry]
        record = self._expiries.rows.array[row]
        if record["fixed_at"] == FOREVER:
            record["price"] = min(price, int(record["cap"]))
            record["fixed_at"] = fixed_at

    def open_account(self, account: int) -> None:
        """An account that the chain has opened."""
        row = self._opened.number(account)
        self._opened.rows.array["is_open"][row] = 1
        self._locate()

    def deposit(self, account: int, deposited: int) -> None:
        """All atoms ever deposited; counters only grow."""
        self._count(account, "deposited", deposited)

    def ask(self, account: int, asks: int) -> None:
        """All forced withdrawals ever asked for."""
        self._count(account, "asks", asks)

    def _count(self, account: int, name: str, value: int) -> None:
        row = self._opened.number(account)
        record = self._opened.rows.array[row]
        record[name] = max(int(record[name]), value)
        self._locate()

    def all(self, name: str) -> Iterator[tuple[int, int]]:
        """(account, counter) of every account whose counter `name` is not 0."""
        rows = self._opened.rows.array[1 : self._opened.count + 1]
        rows = rows[rows[name] > 0]
        return zip(rows["key"].tolist(), rows[name].tolist(), strict=True)

    def is_listed(self, instrument: int) -> bool:
        """Whether an instrument was told of."""
        return instrument in self._instruments.numbers

    def deposited(self, account: int) -> int:
        """All atoms ever deposited, as told."""
        row = self._opened.numbers.get(account, 0)
        return int(self._opened.rows.array["deposited"][row])

    def asks(self, account: int) -> int:
        """All forced withdrawals ever asked for, as told."""
        row = self._opened.numbers.get(account, 0)
        return int(self._opened.rows.array["asks"][row])
