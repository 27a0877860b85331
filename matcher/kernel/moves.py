"""What moves between shards: money, places for positions, and what an order slot remembers
(docs/reference/sharding.md). None of it is an event.
"""

from collections.abc import Callable
from functools import cache

from matcher.kernel.accounts import account_at, slot_for
from matcher.kernel.compiled import compiled
from matcher.kernel.fields import (
    account_cash,
    account_elsewhere,
    account_leased,
    set_account_cash,
    set_account_elsewhere,
    set_account_leased,
)
from matcher.kernel.slots import find_slot


def lend(c: int, account: int, atoms: int, places: int) -> int:
    """Change what may be used of an account here; what it may use elsewhere changes oppositely."""
    at = account_at(c, account)
    set_account_cash(at, account_cash(at) + atoms)
    set_account_leased(at, account_leased(at) + atoms)
    set_account_elsewhere(at, account_elsewhere(at) - places)
    return account_cash(at)


def make_slot(c: int, account: int, message: int) -> int:
    """Number of the slot of an id, whose page is made if it was never used. There is room."""
    return slot_for(c, account, message, find_slot(c, account, message))


@cache
def lender() -> Callable[[int, int, int, int], int]:
    """`lend`, compiled."""
    return compiled("int64(int64, int64, int64, int64)")(lend)


@cache
def slot_maker() -> Callable[[int, int, int], int]:
    """`make_slot`, compiled."""
    return compiled("int64(int64, int64, int64)")(make_slot)
