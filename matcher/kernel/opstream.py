"""From the kernel exchange's lines and events to op words, and the messages that allow them.

Each event that is an op (section 5) becomes its word. The lines of an order are kept from when it
trades or rests until it is done, so that a batch can publish what was signed (section 14): a
message is copied when the batch uses it first, and once.
"""

from collections.abc import Callable
from functools import cache

from matcher.kernel.layout import CommandKind, EventKind
from matcher.kernel.memory import called, inlined, raised, shifted, turned
from matcher.kernel.opstream_layout import (
    MESSAGE_CELLS,
    Stop,
    StreamErrand,
    command_account,
    command_annex,
    command_id,
    command_kind,
    event_account,
    event_amount,
    event_id,
    event_instrument,
    event_kind,
    event_lots,
    event_maker_account,
    event_maker_id,
    event_maker_remaining,
    event_other,
    event_sells,
    event_tick,
    message_batch,
    message_id,
    message_key,
    message_next,
    reference_first,
    reference_second,
    set_message_batch,
    set_message_id,
    set_message_key,
    set_message_next,
    set_reference_first,
    set_reference_second,
    set_stream_account,
    set_stream_doomed_count,
    set_stream_ends,
    set_stream_event,
    set_stream_free,
    set_stream_line,
    set_stream_messages_count,
    set_stream_observed,
    set_stream_ops_count,
    set_stream_order,
    set_stream_rested,
    set_stream_row,
    set_stream_seated,
    set_stream_used_count,
    stream_batch,
    stream_doomed,
    stream_doomed_count,
    stream_end,
    stream_ends,
    stream_event,
    stream_events,
    stream_free,
    stream_line,
    stream_message_lines,
    stream_messages,
    stream_messages_count,
    stream_observed,
    stream_ops,
    stream_ops_count,
    stream_references,
    stream_rested,
    stream_row,
    stream_seated,
    stream_table,
    stream_table_bits,
    stream_used,
    stream_used_count,
)
from matcher.kernel.opwords import CREDIT, FILL, RELEASE, SETTLE, TRANSFER, WITHDRAW
from matcher.kernel.program import program
from matcher.kernel.settlement_layout import (
    cell_value,
    seat_number,
    set_cell_value,
    set_quad_first,
    set_quad_last,
    set_quad_second,
    set_quad_third,
    set_seat_number,
)
from matcher.kernel.terms import place_of
from matcher.types import U24

_GATHER, _USE, _FREE, _SEAT = (int(errand) for errand in StreamErrand)
_DONE, _FACT, _OPENED, _CLOSED, _UNKNOWN = (int(stop) for stop in Stop)
_TRADE = int(EventKind.TRADE)
_RESTED = int(EventKind.RESTED)
_CANCELED = int(EventKind.CANCELED)
_CREDITED = int(EventKind.CREDITED)
_RELEASED = int(EventKind.RELEASED)
_WITHDRAWN = int(EventKind.WITHDRAWN)
_TRANSFERRED = int(EventKind.TRANSFERRED)
_SETTLED = int(EventKind.SETTLED)
_BATCH_OPENED = int(EventKind.BATCH_OPENED)
_BATCH_CLOSED = int(EventKind.BATCH_CLOSED)
_FIRST_FACT = int(CommandKind.MARKET_LISTED)
_SLOT_BITS = 12
_SLOT_MASK = (1 << _SLOT_BITS) - 1

# --- words ---------------------------------------------------------------------------------------


@inlined
def put(word: int, first: int, second: int, third: int, last: int) -> None:
    """Write a word of four numbers, the highest first."""
    set_quad_first(word, turned(first))
    set_quad_second(word, turned(second))
    set_quad_third(word, turned(third))
    set_quad_last(word, turned(last))


@inlined
def put_account(word: int, kind: int, account: int, amount: int, low: int, third: int) -> None:
    """A word of kind:8 account:24 amount:64, and what follows from bit 151 down."""
    first = (kind << 48) | (account << 24) | shifted(amount, 40)
    put(word, first, raised(amount, 24) | low, third, 0)


@called
def put_word(word: int, event: int) -> bool:
    """Write the op word that an event says; whether it is an op."""
    kind, account = event_kind(event), event_account(event)
    if kind == _TRADE:
        maker, order = event_maker_account(event), event_id(event)
        first = (FILL << 48) | (event_sells(event) << 40) | (account << 16) | (maker >> 8)
        second = raised(maker & 0xFF, 56) | (event_instrument(event) << 32) | event_tick(event)
        third = raised(event_lots(event), 32) | (order >> 16)
        put(word, first, second, third, raised(order & 0xFFFF, 48) | event_maker_id(event))
    elif kind == _CREDITED:
        put_account(word, CREDIT, account, event_amount(event), 0, 0)
    elif kind == _RELEASED:
        put_account(word, RELEASE, account, event_amount(event), event_other(event), 0)
    elif kind == _WITHDRAWN:
        order = event_id(event)
        third = raised(order & U24, 40)
        put_account(word, WITHDRAW, account, event_amount(event), order >> 24, third)
    elif kind == _TRANSFERRED:
        first = (TRANSFER << 48) | (account << 24) | event_maker_account(event)
        put(word, first, event_amount(event), raised(event_id(event), 16), 0)
    elif kind == _SETTLED:
        expiry = event_tick(event)
        first = (SETTLE << 48) | (account << 24) | (event_instrument(event) << 16) | (expiry >> 8)
        put(word, first, raised(expiry & 0xFF, 56), 0, 0)
    else:
        return False
    return True


# --- messages ------------------------------------------------------------------------------------


@inlined
def message_at(s: int, number: int) -> int:
    """Address of a message's record."""
    return stream_messages(s) + 32 * number


@inlined
def lines_at(s: int, number: int) -> int:
    """Address of a message's lines."""
    return stream_message_lines(s) + 8 * MESSAGE_CELLS * number


@inlined
def key_of(account: int, order: int) -> int:
    """By which the message of an order in a book is found."""
    return (account << _SLOT_BITS) | (order & _SLOT_MASK)


@inlined
def seat_for(s: int, key: int) -> int:
    """Place in the table of the message with a key, or where it would be."""
    mask = (1 << stream_table_bits(s)) - 1
    place = place_of(key, stream_table_bits(s))
    while True:
        number = seat_number(stream_table(s) + 4 * place)
        if number == 0 or message_key(message_at(s, number)) == key:
            return place
        place = (place + 1) & mask


@called
def find(s: int, account: int, order: int) -> int:
    """Number of the message of an order that stands in a book; 0 if none is known."""
    number = seat_number(stream_table(s) + 4 * seat_for(s, key_of(account, order)))
    if number != 0 and message_id(message_at(s, number)) == order:
        return number
    return 0


@called
def sit(s: int, number: int) -> None:
    """Let the table lead to a message: its order stands in a book now."""
    seat = stream_table(s) + 4 * seat_for(s, message_key(message_at(s, number)))
    if seat_number(seat) == 0:
        set_stream_seated(s, stream_seated(s) + 1)
    else:
        doom(s, seat_number(seat))
    set_seat_number(seat, number)


@called
def stand_up(s: int, number: int) -> None:
    """Take a message out of the table; those behind it that would not be found move up."""
    table, bits = stream_table(s), stream_table_bits(s)
    mask = (1 << bits) - 1
    place = seat_for(s, message_key(message_at(s, number)))
    probe = place
    while True:
        probe = (probe + 1) & mask
        other = seat_number(table + 4 * probe)
        if other == 0:
            break
        home = place_of(message_key(message_at(s, other)), bits)
        if ((probe - home) & mask) >= ((probe - place) & mask):
            set_seat_number(table + 4 * place, other)
            place = probe
    set_seat_number(table + 4 * place, 0)
    set_stream_seated(s, stream_seated(s) - 1)
    doom(s, number)


@inlined
def doom(s: int, number: int) -> None:
    """A message that no more ops will need than those that wait."""
    set_cell_value(stream_doomed(s) + 8 * stream_doomed_count(s), number)
    set_stream_doomed_count(s, stream_doomed_count(s) + 1)


@called
def keep(s: int, line: int) -> int:
    """Keep the lines of the command at hand; the message's number."""
    number = stream_free(s)
    if number != 0:
        set_stream_free(s, message_next(message_at(s, number)))
    else:
        number = stream_messages_count(s) + 1
        set_stream_messages_count(s, number)
    message, order = message_at(s, number), command_id(line)
    set_message_key(message, key_of(command_account(line), order))
    set_message_id(message, order)
    set_message_batch(message, 0)
    cells = 8 * (1 + min(command_annex(line), 2))
    for place in range(MESSAGE_CELLS):
        value = cell_value(line + 8 * place) if place < cells else 0
        set_cell_value(lines_at(s, number) + 8 * place, value)
    return number


@inlined
def kept(s: int, line: int) -> int:
    """The message of the command at hand, which is kept if it is not yet."""
    if stream_row(s) == 0:
        set_stream_row(s, keep(s, line))
    return stream_row(s)


# --- events --------------------------------------------------------------------------------------


@inlined
def wait(s: int, event: int, first: int, second: int) -> None:
    """Write the op of an event, which is one, behind those that wait."""
    count = stream_ops_count(s)
    put_word(stream_ops(s) + 32 * count, event)
    set_reference_first(stream_references(s) + 8 * count, first)
    set_reference_second(stream_references(s) + 8 * count, second)
    set_stream_ops_count(s, count + 1)


@called
def take_trade(s: int, line: int, event: int) -> int:
    """A trade of the order at hand with one that stands in a book."""
    account, order = event_maker_account(event), event_maker_id(event)
    maker = find(s, account, order)
    if maker == 0:
        set_stream_account(s, account)
        set_stream_order(s, order)
        return _UNKNOWN
    wait(s, event, kept(s, line), maker)
    if event_maker_remaining(event) == 0:
        stand_up(s, maker)
    return _DONE


@called
def take(s: int, line: int, event: int) -> int:
    """Take in an event of the command at a line; a `Stop`."""
    kind = event_kind(event)
    if kind == _TRADE:
        return take_trade(s, line, event)
    if kind == _RESTED:
        kept(s, line)
        set_stream_rested(s, 1)
    elif kind == _CANCELED:
        number = find(s, event_account(event), event_id(event))
        if number != 0:
            stand_up(s, number)
    elif _WITHDRAWN <= kind <= _TRANSFERRED:
        wait(s, event, kept(s, line), 0)
    elif _CREDITED <= kind <= _SETTLED:
        wait(s, event, 0, 0)
    return _DONE


@called
def leave(s: int, line: int) -> None:
    """Go on to the next command."""
    if stream_row(s) != 0:
        if stream_rested(s) != 0:
            sit(s, stream_row(s))
        else:
            doom(s, stream_row(s))
    set_stream_row(s, 0)
    set_stream_rested(s, 0)
    set_stream_observed(s, 0)
    set_stream_line(s, line + 64 * (1 + command_annex(line)))
    set_stream_ends(s, stream_ends(s) + 8)


@called
def gather(s: int) -> int:
    """Take in commands and their events; a `Stop`, which is taken up by the next call."""
    while stream_line(s) < stream_end(s):
        line = stream_line(s)
        if command_kind(line) >= _FIRST_FACT and stream_observed(s) == 0:
            return _FACT
        while stream_event(s) < cell_value(stream_ends(s)):
            event = stream_events(s) + 64 * stream_event(s)
            set_stream_event(s, stream_event(s) + 1)
            if event_kind(event) == _BATCH_OPENED:
                return _OPENED
            if event_kind(event) == _BATCH_CLOSED:
                return _CLOSED
            stop = take(s, line, event)
            if stop != _DONE:
                return stop
        leave(s, line)
    return _DONE


# --- batches -------------------------------------------------------------------------------------


@inlined
def use(s: int, number: int) -> None:
    """Copy a message to those that the batch uses, unless it does already."""
    if number == 0 or message_batch(message_at(s, number)) == stream_batch(s):
        return
    set_message_batch(message_at(s, number), stream_batch(s))
    target = stream_used(s) + 8 * MESSAGE_CELLS * stream_used_count(s)
    for place in range(MESSAGE_CELLS):
        set_cell_value(target + 8 * place, cell_value(lines_at(s, number) + 8 * place))
    set_stream_used_count(s, stream_used_count(s) + 1)


@called
def use_of(s: int, first: int, count: int) -> None:
    """Use the messages of some ops, of a FILL the taker's first."""
    for place in range(first, first + count):
        reference = stream_references(s) + 8 * place
        use(s, reference_first(reference))
        use(s, reference_second(reference))


@called
def free_doomed(s: int) -> None:
    """Nothing waits: give the numbers of messages back that nobody needs."""
    for place in range(stream_doomed_count(s)):
        number = cell_value(stream_doomed(s) + 8 * place)
        set_message_key(message_at(s, number), -1)
        set_message_next(message_at(s, number), stream_free(s))
        set_stream_free(s, number)
    set_stream_doomed_count(s, 0)
    set_stream_ops_count(s, 0)


@called
def seat_all(s: int, first: int, count: int) -> None:
    """Fill the new, empty table with the messages that an old one led to."""
    for place in range(count):
        number = seat_number(first + 4 * place)
        if number != 0:
            seat = stream_table(s) + 4 * seat_for(s, message_key(message_at(s, number)))
            set_seat_number(seat, number)


def run(s: int, errand: int, first: int, count: int) -> int:
    """Do a `StreamErrand`; a `Stop`.

    Parameters
    ----------
    s : int
        Address of the stream.
    errand : int
    first, count : int
        Of USE the ops; of SEAT the address of the old table, and its seats.
    """
    if errand == _GATHER:
        return gather(s)
    if errand == _USE:
        use_of(s, first, count)
    elif errand == _FREE:
        free_doomed(s)
    elif errand == _SEAT:
        seat_all(s, first, count)
    return _DONE


@cache
def runner() -> Callable[[int, int, int, int], int]:
    """`run`, compiled when it is first asked for, or read from what is kept."""
    return program(run, 4)


def write_words(events: int, count: int, words: int) -> int:
    """Write the words of those events that are ops; how many.

    Parameters
    ----------
    events, words : int
        Addresses of event records, and of room for as many words of 32 bytes.
    count : int
    """
    written = 0
    for place in range(count):
        if put_word(words + 32 * written, events + 64 * place):
            written += 1
    return written


@cache
def word_writer() -> Callable[[int, int, int], int]:
    """`write_words`, compiled."""
    return program(write_words, 3)
