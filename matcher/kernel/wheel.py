"""The timing wheel: which open orders expire next.

Eleven rounds of 64 lists. An order whose expiry differs from now first in digit d, counted from the
lowest in base 64, stands in round d, in the list of that digit of its expiry. So when time moves,
and the highest digit that changes is d, all orders of lower rounds are over; those of round d are
over up to the new digit, and only those at it are looked at and put into lower rounds. No order
moves down more often than it has digits.

Orders that live as long as their instrument are not in the wheel: they leave when it closes.
"""

from matcher.kernel.accounts import list_once
from matcher.kernel.book import order_at, slot_of
from matcher.kernel.context import (
    context_now,
    context_wheel,
)
from matcher.kernel.fields import (
    head_order,
    order_due_next,
    order_due_previous,
    order_expiry,
    set_head_order,
    set_order_due_next,
    set_order_due_previous,
    set_order_timed,
)
from matcher.kernel.layout import WHEEL_DIGIT
from matcher.kernel.memory import called, highest_bit, inlined

_MASK = (1 << WHEEL_DIGIT) - 1


@inlined
def round_of(now: int, expiry: int) -> int:
    """The highest digit in which two times differ; 0 if in none."""
    return highest_bit((now ^ expiry) | 1) // WHEEL_DIGIT


@inlined
def digit(time: int, number: int) -> int:
    """A digit of a time."""
    return (time >> (WHEEL_DIGIT * number)) & _MASK


@inlined
def head_at(c: int, number: int, place: int) -> int:
    """Address of the head of a list: its round, and its place there."""
    return context_wheel(c) + 4 * ((number << WHEEL_DIGIT) + place)


@inlined
def head_for(c: int, now: int, expiry: int) -> int:
    """Address of the head of the list in which an expiry stands at a time."""
    number = round_of(now, expiry)
    return head_at(c, number, digit(expiry, number))


@called
def hang(c: int, order: int) -> None:
    """Put an order that is not over into the wheel, as of now."""
    head, slot = head_for(c, context_now(c), order_expiry(order)), slot_of(c, order)
    first = head_order(head)
    set_order_due_next(order, first)
    set_order_due_previous(order, 0)
    if first != 0:
        set_order_due_previous(order_at(c, first), slot)
    set_head_order(head, slot)
    set_order_timed(order, 1)


@called
def unhang(c: int, order: int) -> None:
    """Take an order out of the wheel."""
    after, before = order_due_next(order), order_due_previous(order)
    if after != 0:
        set_order_due_previous(order_at(c, after), before)
    if before != 0:
        set_order_due_next(order_at(c, before), after)
    else:
        set_head_order(head_for(c, context_now(c), order_expiry(order)), after)
    set_order_timed(order, 0)


@called
def turn(c: int, before: int, count: int) -> int:
    """Time was `before` and is now later: list the orders that are over as (seq, address).

    They are out of the wheel then; `count` others are listed before them. How many there are.
    """
    now = context_now(c)
    top = round_of(before, now)
    for number in range(top):
        for place in range(_MASK + 1):
            count = empty_list(c, head_at(c, number, place), count)
    for place in range(digit(before, top), digit(now, top) + 1):
        count = empty_list(c, head_at(c, top, place), count)
    return count


@called
def empty_list(c: int, head: int, count: int) -> int:
    """List the orders of a list that are over; hang the others where they belong now."""
    number = head_order(head)
    set_head_order(head, 0)
    while number != 0:
        order = order_at(c, number)
        number = order_due_next(order)
        if order_expiry(order) < context_now(c):
            set_order_timed(order, 0)
            count = list_once(c, count, order)
        else:
            hang(c, order)
    return count
