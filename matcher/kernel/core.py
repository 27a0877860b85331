"""The core's loop: lines from rings to the log, through the kernel, and events to a ring.

One thread runs it, and never asks the system for anything. A second thread writes to the journal
what stands in the log. Between them are words that each only one of them changes:

=========  =======  ===============================================================
word       changes  says
=========  =======  ===============================================================
marked     core     marks written: of what may be journaled
taken      journal  marks done with
freed      journal  lines of the log whose room may be used again, as a position
safe       journal  sequence of the last command that is safe
=========  =======  ===============================================================

**The log** is a ring of lines. Positions only grow; line n stands in slot n % capacity. What is
taken at once lies in one piece, for the kernel reads on from line to line: where the end is too
near, positions go on at the next multiple of the capacity. A *mark* names a piece, its commands and
the last sequence. Lines are marked before they are applied, so the disk works while the kernel
does.

**Events** are written to their ring at once, but published when their commands are safe: a
*release* says up to which event that is, and after which command. Consumers see nothing that could
be lost. Where they need no such promise, events are published as they come.

A line that begins a command whose annex has not arrived stays in its ring.

Parameters, the same in all functions: `core` is the address of the CORE record.
"""

import ctypes
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from matcher.kernel import ring as rings
from matcher.kernel.atomics import load, load_acquire, pause, store, store_release
from matcher.kernel.compiled import compiled
from matcher.kernel.context import (
    context_events,
    context_events_count,
    set_context_events_count,
)
from matcher.kernel.fields import command_annex
from matcher.kernel.layout import record
from matcher.kernel.loop import run, runner
from matcher.kernel.memory import COMPILED, called, getter, inlined, setter
from matcher.kernel.waiting import give_way

_WORDS: Final = (
    # the kernel
    "context",
    "kernel",  # address of the compiled loop
    "credit",  # lines for which room was made
    # what comes in
    "inputs",
    "inputs_count",
    "turn",  # the input that is next
    # the log
    "log",
    "log_mask",
    "position",  # where the next line goes
    "at",  # lines that were taken and not applied: addresses of the first, and behind the last
    "end",
    "sequence",  # of the last command that was taken
    "marks",
    "marks_mask",
    "journaled",  # 0: nobody writes a journal, marks are not made
    # what goes out
    "events",  # address of the ring; 0: events are dropped
    "events_mask",
    "events_seats",
    "events_known",
    "filled",  # events written to the ring
    "noted",  # of these, those that a release speaks of
    "emitted",  # of the events in the kernel's array, those that were
    "prompt",  # 1: publish at once
    "releases",
    "releases_mask",
    "released",  # releases made, and those whose events were published
    "published",
)
PAIRED: Final = 128  # bytes between words that different threads change
MARKED: Final = 256
TAKEN: Final = MARKED + PAIRED
FREED: Final = TAKEN + 8
SAFE: Final = TAKEN + 16
CALLED: Final = TAKEN + PAIRED  # not 0: return to Python
CORE: Final = record(
    "core", CALLED + PAIRED, **{name: ("i8", 8 * place) for place, name in enumerate(_WORDS)}
)
INPUT: Final = record(
    "input",
    64,
    ring=("i8", 0),
    mask=("i8", 8),
    seats=("i8", 16),
    seat=("i8", 24),
    known=("i8", 32),
)
MARK: Final = record(
    "mark", 32, start=("i8", 0), end=("i8", 8), commands=("i8", 16), sequence=("i8", 24)
)
RELEASE: Final = record("release", 16, sequence=("i8", 0), events=("i8", 8))

LINE_WORDS: Final = 8
BURST: Final = 1024  # lines that are taken at once
LOOKS: Final = 32  # before others may have the processor
LINES_A_LOOK: Final = 16  # that take about as long as some looks
PATIENCE: Final = 1 << 12  # looks at a full ring of events, before Python sees who holds it up

# Why `serve` returned.
IDLE: Final = 0  # nothing came for so many looks, and nothing waits to become safe
CALLED_BACK: Final = 1
NEEDS_ROOM: Final = 2  # the kernel wants memory; none of its events waits
NEEDS_READERS: Final = 3  # the ring of events has been full for long
DONE: Final = 4  # of `work`: it may go on

core_context = getter(CORE, "context")
core_kernel = getter(CORE, "kernel")
core_credit = getter(CORE, "credit")
set_core_credit = setter(CORE, "credit")
core_inputs = getter(CORE, "inputs")
core_inputs_count = getter(CORE, "inputs_count")
core_turn = getter(CORE, "turn")
set_core_turn = setter(CORE, "turn")
core_log = getter(CORE, "log")
core_log_mask = getter(CORE, "log_mask")
core_position = getter(CORE, "position")
set_core_position = setter(CORE, "position")
core_at = getter(CORE, "at")
set_core_at = setter(CORE, "at")
core_end = getter(CORE, "end")
set_core_end = setter(CORE, "end")
core_sequence = getter(CORE, "sequence")
set_core_sequence = setter(CORE, "sequence")
core_marks = getter(CORE, "marks")
core_marks_mask = getter(CORE, "marks_mask")
core_journaled = getter(CORE, "journaled")
core_events = getter(CORE, "events")
core_events_mask = getter(CORE, "events_mask")
core_events_seats = getter(CORE, "events_seats")
core_events_known = getter(CORE, "events_known")
core_filled = getter(CORE, "filled")
set_core_filled = setter(CORE, "filled")
core_noted = getter(CORE, "noted")
set_core_noted = setter(CORE, "noted")
core_emitted = getter(CORE, "emitted")
set_core_emitted = setter(CORE, "emitted")
core_prompt = getter(CORE, "prompt")
core_releases = getter(CORE, "releases")
core_releases_mask = getter(CORE, "releases_mask")
core_released = getter(CORE, "released")
set_core_released = setter(CORE, "released")
core_published = getter(CORE, "published")
set_core_published = setter(CORE, "published")
input_ring = getter(INPUT, "ring")
input_mask = getter(INPUT, "mask")
input_seats = getter(INPUT, "seats")
input_seat = getter(INPUT, "seat")
input_known = getter(INPUT, "known")
set_mark_start = setter(MARK, "start")
set_mark_end = setter(MARK, "end")
set_mark_commands = setter(MARK, "commands")
set_mark_sequence = setter(MARK, "sequence")
release_sequence = getter(RELEASE, "sequence")
set_release_sequence = setter(RELEASE, "sequence")
release_events = getter(RELEASE, "events")
set_release_events = setter(RELEASE, "events")


# --- the kernel, by its address ------------------------------------------------------------------


def _call_compiled() -> Any:
    """A call of the kernel by its address: it is compiled once, and not in here again."""

    @intrinsic
    def call(_typing: Any, _address: Any, _c: Any, _at: Any, _end: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            word = ir.IntType(64)
            kind = ir.FunctionType(word, [word, word, word])
            function = builder.inttoptr(arguments[0], kind.as_pointer())
            return builder.call(function, arguments[1:])

        return types.int64(types.int64, types.int64, types.int64, types.int64), generate

    return call


def _call_plain(_address: int, c: int, at: int, end: int) -> int:
    return run(c, at, end)


call_kernel: Any = _call_compiled() if COMPILED else _call_plain


def address_of_kernel() -> int:
    """Where the compiled `run` is; 0 where nothing is compiled."""
    if not COMPILED:
        return 0
    return int(ctypes.cast(runner(), ctypes.c_void_p).value or 0)  # type: ignore[arg-type]


# --- taking lines --------------------------------------------------------------------------------


@inlined
def whole(at: int, count: int) -> int:
    """Lines of the commands that are all there of `count` lines at an address."""
    line = 0
    while line < count and line + 1 + command_annex(at + 64 * line) <= count:
        line += 1 + command_annex(at + 64 * line)
    return line


@inlined
def commands_in(at: int, lines: int) -> int:
    """How many commands so many lines are."""
    line, found = 0, 0
    while line < lines:
        line += 1 + command_annex(at + 64 * line)
        found += 1
    return found


@inlined
def place_in_log(core: int) -> int:
    """Position from which a burst lies in one piece; -1 if the journal still needs that room."""
    mask, position = core_log_mask(core), core_position(core)
    slot = position & mask
    if slot + BURST > mask + 1:
        position += mask + 1 - slot
    if core_journaled(core) != 0:
        if position + BURST - load_acquire(core + FREED) > mask + 1:
            return -1
        if load_acquire(core + MARKED) - load_acquire(core + TAKEN) > core_marks_mask(core):
            return -1
    return position


@inlined
def mark_lines(core: int, start: int, end: int, commands: int) -> None:
    """Let the journal have lines. Written: a mark, `marked`."""
    number = load_acquire(core + MARKED)
    mark = core_marks(core) + 32 * (number & core_marks_mask(core))
    set_mark_start(mark, start)
    set_mark_end(mark, end)
    set_mark_commands(mark, commands)
    set_mark_sequence(mark, core_sequence(core))
    store_release(core + MARKED, number + 1)


@called
def take_from(core: int, source: int) -> int:
    """Take the whole commands that an input has, up to a burst; how many lines.

    Written: the log, the input's seat, `position`, `sequence`, `at`, `end`, a mark.
    """
    ring, mask, seats = input_ring(source), input_mask(source), input_seats(source)
    seat, known = input_seat(source), input_known(source)
    if rings.available(ring, seat, known, 1) == 0:
        return 0
    position = place_in_log(core)
    if position < 0:
        return 0
    at = core_log(core) + 64 * (position & core_log_mask(core))
    found = rings.peek(ring, mask, LINE_WORDS, seats, seat, known, at, BURST)
    lines = whole(at, found)
    if lines == 0:
        return 0
    rings.release(seat, lines)
    commands = commands_in(at, lines)
    set_core_sequence(core, core_sequence(core) + commands)
    set_core_position(core, position + lines)
    if core_journaled(core) != 0:
        mark_lines(core, position, position + lines, commands)
    set_core_at(core, at)
    set_core_end(core, at + 64 * lines)
    set_core_credit(core, core_credit(core) - lines)
    return lines


@inlined
def take(core: int) -> int:
    """Take lines from the next input that has some; how many."""
    count = core_inputs_count(core)
    for _ in range(count):
        turn = core_turn(core)
        set_core_turn(core, turn + 1 if turn + 1 < count else 0)
        lines = take_from(core, core_inputs(core) + 64 * turn)
        if lines != 0:
            return lines
    return 0


# --- giving events -------------------------------------------------------------------------------


@inlined
def publish_safe(core: int) -> None:
    """Publish the events whose commands are safe. Written: the ring's head, `published`."""
    safe = load_acquire(core + SAFE)
    number, before = core_published(core), core_published(core)
    head = 0
    while number < core_released(core):
        release = core_releases(core) + 16 * (number & core_releases_mask(core))
        if release_sequence(release) > safe:
            break
        head = release_events(release)
        number += 1
    if number != before:
        set_core_published(core, number)
        store_release(core_events(core) + rings.HEAD, head)


@inlined
def events_room(core: int) -> int:
    """Events for which the ring has room. Written: `events_known`."""
    free = core_events_mask(core) + 1 - (core_filled(core) - load(core_events_known(core)))
    if free == 0:
        store(
            core_events_known(core), rings.least_cursor(core_events(core), core_events_seats(core))
        )
        free = core_events_mask(core) + 1 - (core_filled(core) - load(core_events_known(core)))
    return free


@called
def note(core: int) -> int:
    """Say when the events filled so far may be published; 1, or 0 if there is no room to say so.

    Written: the ring's head, or a release, `released`; `noted`.
    """
    if core_prompt(core) != 0:
        store_release(core_events(core) + rings.HEAD, core_filled(core))
    else:
        number = core_released(core)
        if number - core_published(core) > core_releases_mask(core):
            return 0
        release = core_releases(core) + 16 * (number & core_releases_mask(core))
        set_release_sequence(release, core_sequence(core))
        set_release_events(release, core_filled(core))
        set_core_released(core, number + 1)
    set_core_noted(core, core_filled(core))
    return 1


@called
def fill(core: int, count: int) -> int:
    """Bring events of the kernel, of `count`, to the ring, as many as it has room for; how many.

    Written: slots of the ring, `filled`, `emitted`.
    """
    size = min(events_room(core), count - core_emitted(core))
    if size > 0:
        slots = rings.records_at(core_events(core), core_events_seats(core))
        source = context_events(core_context(core)) + 64 * core_emitted(core)
        rings.copy_in(slots, core_events_mask(core), LINE_WORDS, core_filled(core), source, size)
        set_core_filled(core, core_filled(core) + size)
        set_core_emitted(core, core_emitted(core) + size)
    return size


@called
def emit(core: int) -> int:
    """Bring all events of the kernel to the ring; 0 if there was no room for them for long.

    Written: as `fill` and `note`; what is safe meanwhile is published.
    """
    count = context_events_count(core_context(core))
    if core_events(core) == 0:
        set_core_emitted(core, count)
    spun = 0
    while spun < PATIENCE:
        if core_filled(core) != core_noted(core):
            moved = note(core)
        elif core_emitted(core) < count:
            moved = fill(core, count)
        else:
            return 1
        if moved == 0:
            publish_safe(core)
            pause()
            spun += 1
            if spun % LOOKS == 0:
                give_way()
        else:
            spun = 0
    return 0


# --- the loop ------------------------------------------------------------------------------------


@inlined
def has_work(core: int) -> bool:
    """Whether lines that were taken are not applied, or events not emitted."""
    if core_at(core) < core_end(core):
        return True
    if core_filled(core) != core_noted(core):
        return True
    return core_emitted(core) < context_events_count(core_context(core))


@called
def work(core: int) -> int:
    """Apply the lines that were taken, and emit their events; DONE, or why it could not.

    Written: the kernel's memory, `at`, and what `emit` writes.
    """
    c = core_context(core)
    if emit(core) == 0:
        return NEEDS_READERS
    while core_at(core) < core_end(core):
        set_context_events_count(c, 0)
        set_core_emitted(core, 0)
        before = core_at(core)
        set_core_at(core, call_kernel(core_kernel(core), c, before, core_end(core)))
        if emit(core) == 0:
            return NEEDS_READERS
        if core_at(core) == before:
            return NEEDS_ROOM
    return DONE


@compiled("int64(int64, int64)", nogil=True)
def serve(core: int, spins: int) -> int:
    """Take lines, apply them, publish events, until something needs Python.

    Parameters
    ----------
    spins : int
        Looks in a row that find nothing, before it returns.

    Returns
    -------
    int
        IDLE, CALLED_BACK; NEEDS_ROOM: the kernel's memory, or `credit` for a burst; NEEDS_READERS.
    """
    spun, since = 0, 0
    while True:
        publish_safe(core)
        found = DONE
        if has_work(core):
            found = work(core)
        elif load_acquire(core + CALLED) != 0:
            found = CALLED_BACK
        elif core_credit(core) < BURST:
            found = NEEDS_ROOM
        else:
            lines = take(core)
            since += 1 + lines // LINES_A_LOOK
            if lines != 0:
                spun = 0
                found = work(core)
            else:
                spun += 1
                pause()
                if spun >= spins and core_published(core) == core_released(core):
                    found = IDLE
        if since >= LOOKS:  # the journal's thread may wait for this very processor
            since = 0
            give_way()
        if found != DONE:
            return found


# --- for other threads ----------------------------------------------------------------------------


@compiled("void(int64, int64)", nogil=True)
def call_back(core: int, reason: int) -> None:
    """Make the loop return, or go on. Written: `called`."""
    store_release(core + CALLED, reason)
