"""The records of the stream of ops: what is kept of signed orders, and of ops until they settle.

Message, 32 bytes: the lines of an order that stands in a book, or of a message whose op waits; its
three lines (command, SIGNED, r and s) are 24 cells of the same number elsewhere::

    | key (0) | id (8) | batch (16): the last that used it | next (24): free one | zeros |

    key   account << 12 | order slot, by which a table leads to those that stand in books

Reference, 8 bytes: the messages that allow an op, of a FILL the taker's first; 0: none::

    | first (0) | second (4) |

Stream, 256 bytes, and page, 64 bytes, of which a file is written: one int64 after the other.
Commands and events are `layout`'s.
"""

from enum import IntEnum
from typing import Final

from matcher.kernel import layout
from matcher.kernel.layout import record
from matcher.kernel.memory import getter, setter
from matcher.kernel.settlement_layout import numbers

MESSAGE: Final = record(
    "message", 32, key=("i8", 0), id=("i8", 8), batch=("i8", 16), next=("u4", 24)
)
MESSAGE_CELLS: Final = 24
PAGE: Final = numbers("page", 64, ("messages", "texts", "terms", "end"))
REFERENCE: Final = record("reference", 8, first=("u4", 0), second=("u4", 4))
STREAM: Final = numbers(
    "stream",
    256,
    (
        # messages
        "messages",
        "message_lines",
        "table",
        "table_bits",
        "messages_count",  # numbers ever given
        "free",  # the first free number; 0: none
        "seated",  # how many stand in books
        "doomed",  # cells: numbers that are free once the ops that wait are settled
        "doomed_count",
        # ops that wait
        "ops",
        "references",
        "ops_count",
        # messages that the batch used, by first use
        "used",
        "used_count",
        "batch",
        # where it stands among commands and events
        "line",  # address
        "end",
        "ends",  # address: of the number of events after this command
        "events",  # address: of the first event
        "event",  # number of the next
        "observed",  # 1: the fact at hand has been told
        "row",  # message of the command at hand; 0: none yet
        "rested",  # 1: and it stands in a book now
        # the order that is not known, where one is not
        "account",
        "order",
    ),
)


class Stop(IntEnum):
    """Why `opstream.run` came back."""

    DONE = 0
    FACT = 1  # the command at `line` is a fact that is to be told first
    OPENED = 2  # the event before `event` opens a batch
    CLOSED = 3  # or closes one
    UNKNOWN = 4  # a maker that was never seen to rest


class StreamErrand(IntEnum):
    """What `opstream.run` is to do."""

    GATHER = 0  # read commands and events, until there is something that Python does
    USE = 1  # count the messages of some ops as used by the batch
    FREE = 2  # the ops that waited are settled
    SEAT = 3  # fill a new table


message_key, set_message_key = getter(MESSAGE, "key"), setter(MESSAGE, "key")
message_id, set_message_id = getter(MESSAGE, "id"), setter(MESSAGE, "id")
message_batch, set_message_batch = getter(MESSAGE, "batch"), setter(MESSAGE, "batch")
message_next, set_message_next = getter(MESSAGE, "next"), setter(MESSAGE, "next")
reference_first, set_reference_first = getter(REFERENCE, "first"), setter(REFERENCE, "first")
reference_second = getter(REFERENCE, "second")
set_reference_second = setter(REFERENCE, "second")

stream_messages = getter(STREAM, "messages")
stream_message_lines = getter(STREAM, "message_lines")
stream_table = getter(STREAM, "table")
stream_table_bits = getter(STREAM, "table_bits")
stream_messages_count = getter(STREAM, "messages_count")
set_stream_messages_count = setter(STREAM, "messages_count")
stream_free, set_stream_free = getter(STREAM, "free"), setter(STREAM, "free")
stream_seated, set_stream_seated = getter(STREAM, "seated"), setter(STREAM, "seated")
stream_doomed = getter(STREAM, "doomed")
stream_doomed_count = getter(STREAM, "doomed_count")
set_stream_doomed_count = setter(STREAM, "doomed_count")
stream_ops = getter(STREAM, "ops")
stream_references = getter(STREAM, "references")
stream_ops_count, set_stream_ops_count = getter(STREAM, "ops_count"), setter(STREAM, "ops_count")
stream_used = getter(STREAM, "used")
stream_used_count = getter(STREAM, "used_count")
set_stream_used_count = setter(STREAM, "used_count")
stream_batch = getter(STREAM, "batch")
stream_line, set_stream_line = getter(STREAM, "line"), setter(STREAM, "line")
stream_end = getter(STREAM, "end")
stream_ends, set_stream_ends = getter(STREAM, "ends"), setter(STREAM, "ends")
stream_events = getter(STREAM, "events")
stream_event, set_stream_event = getter(STREAM, "event"), setter(STREAM, "event")
stream_observed, set_stream_observed = getter(STREAM, "observed"), setter(STREAM, "observed")
stream_row, set_stream_row = getter(STREAM, "row"), setter(STREAM, "row")
stream_rested, set_stream_rested = getter(STREAM, "rested"), setter(STREAM, "rested")
set_stream_account = setter(STREAM, "account")
set_stream_order = setter(STREAM, "order")

page_messages = getter(PAGE, "messages")
page_texts = getter(PAGE, "texts")
page_terms = getter(PAGE, "terms")
page_end, set_page_end = getter(PAGE, "end"), setter(PAGE, "end")

command_kind = getter(layout.FACT, "kind")
command_annex = getter(layout.FACT, "annex")
command_account = getter(layout.COMMAND, "account")
command_id = getter(layout.COMMAND, "id")
command_sells = getter(layout.COMMAND, "sells")
command_flags = getter(layout.COMMAND, "flags")
command_instrument = getter(layout.COMMAND, "instrument")
command_tick = getter(layout.COMMAND, "tick")
command_quantity = getter(layout.COMMAND, "quantity")
command_time = getter(layout.COMMAND, "time")
command_target = getter(layout.COMMAND, "target")
command_amount = getter(layout.COMMAND, "amount")
event_kind = getter(layout.EVENT, "kind")
event_sells = getter(layout.EVENT, "sells")
event_instrument = getter(layout.EVENT, "instrument")
event_id = getter(layout.EVENT, "id")
event_maker_id = getter(layout.EVENT, "maker_id")
event_account = getter(layout.EVENT, "account")
event_maker_account = getter(layout.EVENT, "maker_account")
event_tick = getter(layout.EVENT, "tick")
event_lots = getter(layout.EVENT, "lots")
event_maker_remaining = getter(layout.EVENT, "maker_remaining")
event_amount = getter(layout.EVENT_NUMBERS, "amount")
event_other = getter(layout.EVENT_NUMBERS, "other")
