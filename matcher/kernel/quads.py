"""The arithmetic of margin on four points at once: one order or fill in one quad.

What stands here as plain Python, a lane after the other, is emitted as vector instructions over
four lanes where numba compiles; LLVM lowers them to what the processor has, as in
`matcher.kernel.keccak`. An order is given as the lots and the cash that filling it would add, so
its profit at a price is ``lots * paid + cash``; no lots and no cash are no order.
"""

from collections.abc import Callable
from typing import Any, Final, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from matcher.kernel.margin_layout import (
    LANES,
    QUAD,
    quad_held,
    quad_pending,
    quad_price,
    set_quad_held,
    set_quad_pending,
)
from matcher.kernel.memory import COMPILED

_declare: Any = cgutils.get_or_insert_function
_I64: Final = ir.IntType(64)
_LANES: Final = ir.VectorType(_I64, LANES)
_tuple: Any = types.Tuple
_TWO: Final = _tuple((types.int64, types.int64))
_ZEROS: Final = ir.Constant(_LANES, [0] * LANES)


# --- as plain Python -----------------------------------------------------------------------------


def _paid(put: int, strike: int, price: int) -> int:
    """Atoms that one lot pays at a settlement price of at most the cap."""
    return max(strike - price if put else price - strike, 0)


def _plain_count(
    quad: int, put: int, strike: int, old: int, old_cash: int, new: int, new_cash: int
) -> int:
    least = []
    for lane in range(LANES):
        paid = _paid(put, strike, quad_price(quad, lane))
        loss = min(0, new * paid + new_cash) - min(0, old * paid + old_cash)
        set_quad_pending(quad, lane, quad_pending(quad, lane) + loss)
        least.append(quad_held(quad, lane) + quad_pending(quad, lane))
    return min(least)


def _plain_move(
    quad: int, put: int, strike: int, old: int, old_cash: int, new: int, new_cash: int, bought: int
) -> tuple[int, int]:
    for lane in range(LANES):
        paid = _paid(put, strike, quad_price(quad, lane))
        set_quad_held(quad, lane, quad_held(quad, lane) + bought * paid)
    floor = min(quad_held(quad, lane) for lane in range(LANES))
    return floor, _plain_count(quad, put, strike, old, old_cash, new, new_cash)


# --- as instructions -----------------------------------------------------------------------------


def _splat(b: Any, value: Any) -> Any:
    """The value in every lane."""
    one = b.insert_element(ir.Constant(_LANES, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return b.shuffle_vector(one, ir.Constant(_LANES, ir.Undefined), order)


def _at(b: Any, quad: Any, name: str) -> Any:
    """Pointer to the four words of a quad's field."""
    assert QUAD.fields is not None, "a record has fields"
    place = ir.Constant(_I64, QUAD.fields[name][1])
    return b.inttoptr(b.add(quad, place), _LANES.as_pointer())


def _least(b: Any, x: Any, y: Any) -> Any:
    return b.select(b.icmp_signed("<", x, y), x, y)


def _least_lane(b: Any, x: Any) -> Any:
    kind = ir.FunctionType(_I64, [_LANES])
    reduce = _declare(b.module, kind, f"llvm.vector.reduce.smin.v{LANES}i64")
    return b.call(reduce, [x])


def _emit_paid(b: Any, quad: Any, put: Any, strike: Any) -> Any:
    price = b.load(_at(b, quad, "price"), align=8)
    difference = b.sub(price, _splat(b, strike))
    # A put's difference is turned around: ~x + 1 is -x.
    turned = _splat(b, b.neg(put))
    difference = b.sub(b.xor(difference, turned), turned)
    return b.select(b.icmp_signed(">", difference, _ZEROS), difference, _ZEROS)


def _emit_loss(b: Any, paid: Any, lots: Any, cash: Any) -> Any:
    return _least(b, b.add(b.mul(_splat(b, lots), paid), _splat(b, cash)), _ZEROS)


def _emit_pending(b: Any, quad: Any, paid: Any, old: tuple[Any, Any], new: tuple[Any, Any]) -> Any:
    at = _at(b, quad, "pending")
    change = b.sub(_emit_loss(b, paid, *new), _emit_loss(b, paid, *old))
    pending = b.add(b.load(at, align=8), change)
    b.store(pending, at, align=8)
    return pending


def _count(
    _typing: Any,
    _quad: Any,
    _put: Any,
    _strike: Any,
    _old: Any,
    _old_cash: Any,
    _new: Any,
    _new_cash: Any,
) -> Any:
    def generate(_context: Any, b: Any, _signature: Any, arguments: Any) -> Any:
        quad, put, strike, old, old_cash, new, new_cash = arguments
        paid = _emit_paid(b, quad, put, strike)
        pending = _emit_pending(b, quad, paid, (old, old_cash), (new, new_cash))
        return _least_lane(b, b.add(b.load(_at(b, quad, "held"), align=8), pending))

    return types.int64(*[types.int64] * 7), generate


def _move(
    _typing: Any,
    _quad: Any,
    _put: Any,
    _strike: Any,
    _old: Any,
    _old_cash: Any,
    _new: Any,
    _new_cash: Any,
    _bought: Any,
) -> Any:

    def generate(context: Any, b: Any, _signature: Any, arguments: Any) -> Any:
        quad, put, strike, old, old_cash, new, new_cash, bought = arguments
        paid = _emit_paid(b, quad, put, strike)
        pending = _emit_pending(b, quad, paid, (old, old_cash), (new, new_cash))
        at = _at(b, quad, "held")
        held = b.add(b.load(at, align=8), b.mul(_splat(b, bought), paid))
        b.store(held, at, align=8)
        answer = _least_lane(b, held), _least_lane(b, b.add(held, pending))
        return context.make_tuple(b, _TWO, answer)

    return _TWO(*[types.int64] * 8), generate


# --- the doors -----------------------------------------------------------------------------------

_Count = Callable[[int, int, int, int, int, int, int], int]
_Move = Callable[[int, int, int, int, int, int, int, int], tuple[int, int]]

# An order that would add `old` lots and `old_cash` adds `new` ones from now on. Answers the least
# of held + pending. Arguments: quad, put, strike, old, old_cash, new, new_cash.
count_in: Final = cast(_Count, intrinsic(_count) if COMPILED else _plain_count)
# The same, and `bought` lots join the position. Answers the least of held, and of held + pending.
# Arguments: those of `count_in`, and bought.
move_in: Final = cast(_Move, intrinsic(_move) if COMPILED else _plain_move)
