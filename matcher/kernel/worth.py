"""What an account is worth (section 5, margin): its floor, its worst, and its positions settled.

A payoff times the lots of a position is at most 2^57 atoms, of 32 positions together at most 2^62:
sums over positions are int64. With cash they need not be; so worths are pairs, high * 2^32 + low,
which compare as pairs do.
"""

from matcher.kernel.leaves import instrument_of, lots_of, position_at
from matcher.kernel.memory import called, inlined
from matcher.kernel.settlement_layout import (
    cell_value,
    entry_cash,
    entry_count,
    expiry_cap,
    expiry_price,
    instrument_call,
    instrument_expiry,
    instrument_most,
    instrument_strike,
    terms_expiries,
)
from matcher.kernel.terms import find_instrument, is_fixed
from matcher.types import U32

SUM_MAX = 1 << 62  # of the positions of an account, atoms, either way


@inlined
def payoff(instrument: int, price: int) -> int:
    """Atoms per lot at a settlement price of at most the cap."""
    strike = instrument_strike(instrument)
    gain = price - strike if instrument_call(instrument) != 0 else strike - price
    return max(gain, 0)


@inlined
def terms_at(t: int, entry: int, place: int) -> int:
    """The instrument's record of an entry's position."""
    return find_instrument(t, instrument_of(cell_value(position_at(entry, place))))


@inlined
def sold_most(t: int, entry: int) -> int:
    """What positions pay at least, cheaply: all that was sold its most, the rest nothing."""
    total = 0
    for place in range(entry_count(entry)):
        lots = lots_of(cell_value(position_at(entry, place)))
        if lots < 0:
            total += lots * instrument_most(terms_at(t, entry, place))
    return total


@called
def paid_at(t: int, entry: int, expiry: int, price: int) -> int:
    """What the positions of one expiry pay at a settlement price."""
    total = 0
    for place in range(entry_count(entry)):
        terms = terms_at(t, entry, place)
        if instrument_expiry(terms) == expiry:
            total += lots_of(cell_value(position_at(entry, place))) * payoff(terms, price)
    return total


@called
def least_paid(t: int, entry: int, expiry: int, built_at: int) -> int:
    """The least that the positions of one expiry pay: at 0, the cap, a strike, or the price."""
    terms = terms_expiries(t) + 32 * expiry
    if is_fixed(t, expiry, built_at):
        return paid_at(t, entry, expiry, expiry_price(terms))
    least = min(paid_at(t, entry, expiry, 0), paid_at(t, entry, expiry, expiry_cap(terms)))
    for place in range(entry_count(entry)):
        held = terms_at(t, entry, place)
        if instrument_expiry(held) == expiry:
            least = min(least, paid_at(t, entry, expiry, instrument_strike(held)))
    return least


@called
def worst_paid(t: int, entry: int, built_at: int) -> int:
    """The least that an account's positions pay, each expiry at its worst or at its price."""
    total = 0
    for place in range(entry_count(entry)):
        expiry = instrument_expiry(terms_at(t, entry, place))
        first = True
        for before in range(place):
            first = first and instrument_expiry(terms_at(t, entry, before)) != expiry
        if first:
            total += least_paid(t, entry, expiry, built_at)
    return total


@inlined
def high_of(entry: int, paid: int) -> int:
    """The upper part of cash and payments, signed."""
    low = (entry_cash(entry) & U32) + (paid & U32)
    return (entry_cash(entry) >> 32) + (paid >> 32) + (low >> 32)


@inlined
def low_of(entry: int, paid: int) -> int:
    """The lower 32 bits of cash and payments."""
    return ((entry_cash(entry) & U32) + (paid & U32)) & U32
