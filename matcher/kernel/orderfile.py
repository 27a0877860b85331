"""The file of signed orders (section 14) from the lines of messages: canonical JSON, and its hash.

Each message becomes the same bytes that `matcher.batch.order_file` writes. Texts are constants of
this module, kept in one row; a constant's name leads to its place there.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from matcher.kernel.keccak import hash_long
from matcher.kernel.layout import CommandKind
from matcher.kernel.memory import called, inlined
from matcher.kernel.opstream_layout import (
    MESSAGE_CELLS,
    command_account,
    command_amount,
    command_annex,
    command_flags,
    command_id,
    command_instrument,
    command_kind,
    command_quantity,
    command_sells,
    command_target,
    command_tick,
    command_time,
    page_end,
    page_messages,
    page_terms,
    page_texts,
    set_page_end,
)
from matcher.kernel.program import program
from matcher.kernel.settlement_layout import (
    byte_value,
    instrument_symbol,
    instrument_symbol_size,
    instrument_tick_value,
    set_byte_value,
    terms_symbols,
)
from matcher.kernel.terms import find_instrument

_PLACE = int(CommandKind.PLACE)
_WITHDRAW = int(CommandKind.WITHDRAW)

_SIGNATURE = 0
_OF_ORDER, _OF_WITHDRAWAL, _OF_TRANSFER = 1, 2, 3
_BUY, _SELL, _EXPIRY, _FLAGS, _ID, _INSTRUMENT = 4, 5, 6, 7, 8, 9
_PRICE, _QUANTITY, _AMOUNT, _FROM, _TO = 10, 11, 12, 13, 14
_ORDER_ENDS, _WITHDRAWAL_ENDS, _TRANSFER_ENDS, _NEXT, _FILE_ENDS = 15, 16, 17, 18, 19
_ALL: Final = (
    '{"signature":"0x',
    '","terms":{"account":"',
    '","terms":{"account":"',
    '","terms":{"amount":"',
    '","buy":true,"expiry":"',
    '","buy":false,"expiry":"',
    '","expiry":"',
    '","flags":"',
    '","id":"',
    '","instrument":"',
    '","price":"',
    '","quantity":"',
    '","amount":"',
    '","from":"',
    '","to":"',
    '"},"type":"Order"}',
    '"},"type":"Withdrawal"}',
    '"},"type":"Transfer"}',
    ",",
    '],"version":1}',
)
TEXT_BYTES: Final = 32  # of each constant: its length, and then it
TEXTS: Final = b"".join(
    (bytes([len(text)]) + text.encode()).ljust(TEXT_BYTES, b"\0") for text in _ALL
)
MESSAGE_MOST: Final = 512  # bytes that a message takes at most, but for its symbol
HASH_SLACK: Final = 8 * 136  # bytes behind a file that are read, or padded


@inlined
def put_byte(f: int, value: int) -> None:
    """Write a byte at the end of the file."""
    set_byte_value(page_end(f), value)
    set_page_end(f, page_end(f) + 1)


@called
def put_bytes(f: int, source: int, count: int) -> None:
    """Write bytes as they lie."""
    target = page_end(f)
    for place in range(count):
        set_byte_value(target + place, byte_value(source + place))
    set_page_end(f, target + count)


@inlined
def put_text(f: int, text: int) -> None:
    """Write a constant."""
    start = page_texts(f) + 32 * text
    put_bytes(f, start + 1, byte_value(start))


@called
def put_number(f: int, value: int) -> None:
    """Write a number that is not negative, in decimal."""
    digits, rest = 1, value // 10
    while rest > 0:
        digits += 1
        rest = rest // 10
    at = page_end(f) + digits
    set_page_end(f, at)
    for _ in range(digits):
        at -= 1
        set_byte_value(at, 48 + value % 10)
        value = value // 10


@inlined
def digit(value: int) -> int:
    """A hexadecimal digit in ASCII."""
    return 48 + value if value < 10 else 87 + value


@called
def put_hex(f: int, source: int, count: int) -> None:
    """Write bytes in hexadecimal."""
    target = page_end(f)
    for place in range(count):
        value = byte_value(source + place)
        set_byte_value(target + 2 * place, digit(value >> 4))
        set_byte_value(target + 2 * place + 1, digit(value & 15))
    set_page_end(f, target + 2 * count)


@inlined
def put_signature(f: int, line: int) -> None:
    """Write r, s and v of a message; zeros where it has none."""
    put_text(f, _SIGNATURE)
    put_hex(f, line + 128, 64)
    if command_annex(line) >= 2:
        put_hex(f, line + 64 + 52, 1)
    else:
        put_number(f, 0)
        put_number(f, 0)


@called
def put_order(f: int, line: int) -> None:
    """Write the terms of an order."""
    terms = find_instrument(page_terms(f), command_instrument(line))
    put_text(f, _OF_ORDER)
    put_number(f, command_account(line))
    put_text(f, _SELL if command_sells(line) != 0 else _BUY)
    put_number(f, command_time(line))
    put_text(f, _FLAGS)
    put_number(f, command_flags(line))
    put_text(f, _ID)
    put_number(f, command_id(line))
    put_text(f, _INSTRUMENT)
    symbol = terms_symbols(page_terms(f)) + instrument_symbol(terms)
    put_bytes(f, symbol, instrument_symbol_size(terms))
    put_text(f, _PRICE)
    put_number(f, command_tick(line) * instrument_tick_value(terms))
    put_text(f, _QUANTITY)
    put_number(f, command_quantity(line))
    put_text(f, _ORDER_ENDS)


@called
def put_withdrawal(f: int, line: int) -> None:
    """Write the terms of a withdrawal."""
    put_text(f, _OF_WITHDRAWAL)
    put_number(f, command_account(line))
    put_text(f, _AMOUNT)
    put_number(f, command_amount(line))
    put_text(f, _EXPIRY)
    put_number(f, command_time(line))
    put_text(f, _ID)
    put_number(f, command_id(line))
    put_text(f, _WITHDRAWAL_ENDS)


@called
def put_transfer(f: int, line: int) -> None:
    """Write the terms of a transfer."""
    put_text(f, _OF_TRANSFER)
    put_number(f, command_amount(line))
    put_text(f, _EXPIRY)
    put_number(f, command_time(line))
    put_text(f, _FROM)
    put_number(f, command_account(line))
    put_text(f, _ID)
    put_number(f, command_id(line))
    put_text(f, _TO)
    put_number(f, command_target(line))
    put_text(f, _TRANSFER_ENDS)


def write_file(f: int, count: int, start: int, digest: int) -> int:
    """Write the messages of a batch behind its head, and the end; how many bytes there are.

    Parameters
    ----------
    f : int
        Address of the page, which ends behind the head. Written.
    count : int
        Messages.
    start : int
        Address of the head.
    digest : int
        Address of 32 bytes, and of the space that hashing needs behind them. Written: the hash.
    """
    for place in range(count):
        line = page_messages(f) + 8 * MESSAGE_CELLS * place
        if place > 0:
            put_text(f, _NEXT)
        put_signature(f, line)
        kind = command_kind(line)
        if kind == _PLACE:
            put_order(f, line)
        elif kind == _WITHDRAW:
            put_withdrawal(f, line)
        else:
            put_transfer(f, line)
    put_text(f, _FILE_ENDS)
    size = page_end(f) - start
    hash_long(start, size, digest, digest + 32)
    return size


@cache
def file_writer() -> Callable[[int, int, int, int], int]:
    """`write_file`, compiled when it is first asked for, or read from what is kept."""
    return program(write_file, 4)
