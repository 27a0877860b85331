"""The records of margin (`matcher.kernel.margin`): what lies at which byte, and their accessors.

A *group* is all that one account holds and has on order of one (market, expiry), which settle at
one price. Its *points* are the settlement prices at which its least value may lie: 0, the cap, and
strikes. Four points stand side by side in a *quad*, so that a processor can work on them at once;
the first quad lies in the group itself, eight more in a block that large groups have.

Quad, 96 bytes: of each of four points the price, what the positions pay there, and what the open
orders may lose there; atoms::

    | price (0), 4 words | held (32), 4 words | pending (64), 4 words |

Group, 128 bytes: what every order and fill touches, two lines side by side::

    | quad (0)                                                          |
    | floor (96) | both (104) | block (112) | rate (116) | quads (120) | points (121) | zeros |

    floor   the least of `held` over the points; both: of held + pending
    block   number of the block with the quads from the second on; 0: none
    rate    fee rate that open orders are charged at, atoms per lot
    quads   how many are in use; points: how many are. Words behind them repeat the first point, 0

Group key, 64 bytes: whose group it is, and which strikes are in use; met by those that look for a
group, and when a first order of an instrument comes or a last one leaves::

    | account (0): 0, a free group | market (4) | expiry (8), hours | next (12) |
    | instruments (16): held or on order | zeros (17) | uses (24), 36 bytes: by point | zeros (60) |

    next    number of the account's next group, or of the next free one; 0: none

Block, 768 bytes: eight quads. The first word of a free one is the next free one's number.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from matcher.kernel import layout as r
from matcher.kernel.memory import AREAS, COMPILED, getter, kind_of, setter

LANES: Final = 4  # points of a quad
QUADS: Final = 9  # of a group, at most: 36 points, of which 34 can be needed
POINTS: Final = LANES * QUADS

QUAD: Final = r.record("quad", 96, price=("i8", 0), held=("i8", 32), pending=("i8", 64))
GROUP: Final = r.record(
    "group",
    128,
    floor=("i8", 96),
    both=("i8", 104),
    block=("u4", 112),
    rate=("u4", 116),
    quads=("u1", 120),
    points=("u1", 121),
)
GROUP_KEY: Final = r.record(
    "group key",
    64,
    account=("u4", 0),
    market=("u4", 4),
    expiry=("u4", 8),
    next=("u4", 12),
    instruments=("u1", 16),
    uses=("u1", 24),
)
GROUP_BLOCK: Final = r.record("group block", 96 * (QUADS - 1), next=("i8", 0))


def item_getter(record: np.dtype[Any], name: str, count: int) -> Callable[[int, int], int]:
    """Function of a record's address and a number below `count`: one of the fields in a row.

    The first of them is the field of that name.
    """
    fields = record.fields
    assert fields is not None, "a record has fields"
    field, offset = fields[name][0], fields[name][1]
    if not COMPILED:
        return _plain_item_getter(kind_of(record), field, offset, count)
    bits = 8 * field.itemsize

    @intrinsic
    def get(_typing: Any, _address: Any, _number: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            at = _item_address(builder, arguments, offset, bits)
            value = builder.load(at, align=bits // 8)
            return value if bits == 64 else builder.zext(value, ir.IntType(64))

        return types.int64(types.int64, types.int64), generate

    return cast(Callable[[int, int], int], get)


def item_setter(record: np.dtype[Any], name: str, count: int) -> Callable[[int, int, int], None]:
    """Function of a record's address, a number below `count` and an int64: writes that field."""
    fields = record.fields
    assert fields is not None, "a record has fields"
    field, offset = fields[name][0], fields[name][1]
    if not COMPILED:
        return _plain_item_setter(kind_of(record), field, offset, count)
    bits = 8 * field.itemsize

    @intrinsic
    def put(_typing: Any, _address: Any, _number: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            at = _item_address(builder, arguments, offset, bits)
            value = arguments[2]
            if bits != 64:
                value = builder.trunc(value, ir.IntType(bits))
            builder.store(value, at, align=bits // 8)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), generate

    return cast(Callable[[int, int, int], None], put)


def _item_address(builder: Any, arguments: Any, offset: int, bits: int) -> Any:
    word = ir.IntType(64)
    distance = builder.mul(arguments[1], ir.Constant(word, bits // 8))
    at = builder.add(builder.add(arguments[0], distance), ir.Constant(word, offset))
    return builder.inttoptr(at, ir.IntType(bits).as_pointer())


_WORDS: Final[dict[str, Any]] = {"u1": ctypes.c_uint8, "i8": ctypes.c_int64}


def _plain_item_getter(
    kind: str, field: np.dtype[Any], offset: int, count: int
) -> Callable[[int, int], int]:
    row, cells = _WORDS[field.str[1:]] * count, AREAS.cells(kind)

    def get(address: int, number: int) -> int:
        cell = cells.get(address)
        if cell is None:
            AREAS.require(kind, address)
            cell = cells[address] = row.from_address(address + offset)
        if not 0 <= number < count:
            raise IndexError(f"{number} of {count} at {offset} of {kind}")
        value: int = cell[number]
        return value

    return get


def _plain_item_setter(
    kind: str, field: np.dtype[Any], offset: int, count: int
) -> Callable[[int, int, int], None]:
    row, cells = _WORDS[field.str[1:]] * count, AREAS.cells(kind)
    least, most = int(np.iinfo(field).min), int(np.iinfo(field).max)

    def put(address: int, number: int, value: int) -> None:
        cell = cells.get(address)
        if cell is None:
            AREAS.require(kind, address)
            cell = cells[address] = row.from_address(address + offset)
        if not 0 <= number < count:
            raise IndexError(f"{number} of {count} at {offset} of {kind}")
        if not least <= value <= most:
            raise OverflowError(f"{value} does not fit {field.str} at {offset} of {kind}")
        cell[number] = value

    return put


quad_price = item_getter(QUAD, "price", LANES)
set_quad_price = item_setter(QUAD, "price", LANES)
quad_held = item_getter(QUAD, "held", LANES)
set_quad_held = item_setter(QUAD, "held", LANES)
quad_pending = item_getter(QUAD, "pending", LANES)
set_quad_pending = item_setter(QUAD, "pending", LANES)

group_floor = getter(GROUP, "floor")
set_group_floor = setter(GROUP, "floor")
group_both = getter(GROUP, "both")
set_group_both = setter(GROUP, "both")
group_block = getter(GROUP, "block")
set_group_block = setter(GROUP, "block")
group_rate = getter(GROUP, "rate")
set_group_rate = setter(GROUP, "rate")
group_quads = getter(GROUP, "quads")
set_group_quads = setter(GROUP, "quads")
group_points = getter(GROUP, "points")
set_group_points = setter(GROUP, "points")

key_account = getter(GROUP_KEY, "account")
set_key_account = setter(GROUP_KEY, "account")
key_market = getter(GROUP_KEY, "market")
set_key_market = setter(GROUP_KEY, "market")
key_expiry = getter(GROUP_KEY, "expiry")
set_key_expiry = setter(GROUP_KEY, "expiry")
key_next = getter(GROUP_KEY, "next")
set_key_next = setter(GROUP_KEY, "next")
key_instruments = getter(GROUP_KEY, "instruments")
set_key_instruments = setter(GROUP_KEY, "instruments")
key_uses = item_getter(GROUP_KEY, "uses", POINTS)
set_key_uses = item_setter(GROUP_KEY, "uses", POINTS)

block_next = getter(GROUP_BLOCK, "next")
set_block_next = setter(GROUP_BLOCK, "next")

context_groups = getter(r.CONTEXT, "groups")
context_group_keys = getter(r.CONTEXT, "group_keys")
context_group_blocks = getter(r.CONTEXT, "group_blocks")
context_groups_limit = getter(r.CONTEXT, "groups_limit")
context_groups_used = getter(r.CONTEXT, "groups_used")
set_context_groups_used = setter(r.CONTEXT, "groups_used")
context_groups_free = getter(r.CONTEXT, "groups_free")
set_context_groups_free = setter(r.CONTEXT, "groups_free")
context_group_blocks_limit = getter(r.CONTEXT, "group_blocks_limit")
context_group_blocks_used = getter(r.CONTEXT, "group_blocks_used")
set_context_group_blocks_used = setter(r.CONTEXT, "group_blocks_used")
context_group_blocks_free = getter(r.CONTEXT, "group_blocks_free")
set_context_group_blocks_free = setter(r.CONTEXT, "group_blocks_free")


def declare(record: np.dtype[Any], start: int, count: int) -> None:
    """Tell debug mode which records lie inside those of `record`; the caller declares these."""
    if record is GROUP:
        AREAS.declare("quad", start, count, GROUP.itemsize)
    elif record is GROUP_BLOCK:
        AREAS.declare("quad", start, count * (QUADS - 1), QUAD.itemsize)
