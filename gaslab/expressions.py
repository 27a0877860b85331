"""What a pair's file may compute: ``"$i + 1"``, ``"$[100 + k for k in range(n)]"``.

A text that begins with ``$`` is an expression over whole numbers, lists and the names it is given.
It is a small part of Python's syntax and is evaluated here, so that a pair's file can do nothing
but compute.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gaslab.errors import InputError

MOST_ITEMS = 1_000_000
MOST_BITS = 1 << 16
ALLOWED = "whole numbers, names, + - * // % ** << >> & | ^ ~, lists, range, min, max, sum, len"

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_CALLS: Mapping[str, Callable[..., Any]] = {
    "range": range,
    "min": min,
    "max": max,
    "sum": sum,
    "len": len,
}
_HEX = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


class _Refused(Exception):
    """Something that an expression may not say."""


def evaluate(value: Any, names: Mapping[str, Any], where: str) -> Any:
    r"""A value of a TOML file with its expressions computed.

    Parameters
    ----------
    value : object
        Numbers and flags stand for themselves; text that begins with ``$`` is an expression, with
        ``$$`` text that begins with a dollar sign, with ``0x`` bytes; lists and tables are gone
        through.
    names : mapping of str to object
    where : str
        The field, for messages.

    Raises
    ------
    InputError

    Examples
    --------
    >>> evaluate(["$n", "$[2 * k for k in range(n)]", "0x1234", "$$n"], {"n": 3}, "args")
    [3, [0, 2, 4], b'\x124', '$n']
    """
    if isinstance(value, list):
        return [evaluate(one, names, f"{where}[{k}]") for k, one in enumerate(value)]
    if isinstance(value, dict):
        return {key: evaluate(one, names, f"{where}.{key}") for key, one in value.items()}
    if not isinstance(value, str):
        return value
    if value.startswith("$$"):
        return value[1:]
    if value.startswith("$"):
        return _computed(value, names, where)
    return bytes.fromhex(value[2:]) if _HEX.fullmatch(value) else value


def _computed(text: str, names: Mapping[str, Any], where: str) -> Any:
    try:
        found = _value(ast.parse(text[1:].strip(), mode="eval").body, names)
    except (SyntaxError, RecursionError, MemoryError):
        raise InputError(where, text, ALLOWED) from None
    except _Refused as refused:
        raise InputError(where, text, f"{ALLOWED}; {refused}") from None
    except (ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise InputError(where, text, f"what can be computed: {error}") from None
    return list(found) if isinstance(found, range) else found


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | str()):
            return node.value
        case ast.Name(id=name):
            if name not in names:
                known = ", ".join(sorted(names)) or "none"
                raise _Refused(f"there is no {name} here, but: {known}")
            return names[name]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_whole(_value(operand, names)))
        case ast.BinOp():
            return _binary(node, names)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(one, names) for one in items]
        case ast.Subscript(value=items, slice=index):
            return _value(items, names)[_whole(_value(index, names))]
        case ast.ListComp(elt=item, generators=[ast.comprehension(target=ast.Name(id=name)) as of]):
            return list(_each(item, name, of, names))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CALLS:
            found = _CALLS[name](*(_value(one, names) for one in args))
            return _short(found) if isinstance(found, range) else found
    raise _Refused(f"not {ast.unparse(node)}")


def _each(
    item: ast.expr, name: str, of: ast.comprehension, names: Mapping[str, Any]
) -> Iterator[Any]:
    if of.ifs or of.is_async:
        raise _Refused("without conditions")
    for value in _short(_value(of.iter, names)):
        yield _value(item, {**names, name: value})


def _binary(node: ast.BinOp, names: Mapping[str, Any]) -> Any:
    left, right = _value(node.left, names), _value(node.right, names)
    if isinstance(left, list) and isinstance(right, list) and isinstance(node.op, ast.Add):
        return _short(left + right)
    if isinstance(left, list) and isinstance(node.op, ast.Mult):
        if len(left) * _whole(right) > MOST_ITEMS:
            raise _Refused(f"at most {MOST_ITEMS} items")
        return left * right
    if type(node.op) not in _BINARY:
        raise _Refused(f"not {ast.unparse(node)}")
    left, right = _whole(left), _whole(right)
    grows = isinstance(node.op, ast.Pow | ast.LShift)
    if grows and (right < 0 or max(left.bit_length(), 1) * right > MOST_BITS):
        raise _Refused(f"at most {MOST_BITS} bits, and no negative exponent")
    return _BINARY[type(node.op)](left, right)


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise _Refused("whole numbers to compute with")
    return value


def _short(items: Any) -> Any:
    if not isinstance(items, list | range):
        raise _Refused("a list or a range to go through")
    if len(items) > MOST_ITEMS:
        raise _Refused(f"at most {MOST_ITEMS} items")
    return items
