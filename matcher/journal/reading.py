"""What a journal's segments tell: whose they are, where they end, and their groups in order."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from matcher.errors import JournalError
from matcher.journal.groups import (
    IDENTITY,
    Group,
    first_of,
    group_at,
    groups_in,
    is_clear,
    mapped,
    require_torn,
    segments_of,
    written_end,
)
from matcher.journal.progress import Place
from matcher.kernel.pools import Limits

FORMAT: Final = 2


class Identity(msgspec.Struct, frozen=True):
    """Whose journal it is.

    Attributes
    ----------
    chain_id : int
    registry : bytes
        Address of BatchRegistry, 20 bytes.
    genesis : bytes
        Hash of the genesis header, 32 bytes.
    format : int
        Version of the groups and of what they hold.
    limits : Limits
        Of the exchange: what is refused at a limit would be taken under a wider one.
    """

    chain_id: int
    registry: bytes
    genesis: bytes
    format: int = FORMAT
    limits: Limits = Limits()

    def __str__(self) -> str:
        unusual = "".join(
            f", {name.replace('_', ' ')} {value}"
            for name, value, usual in zip(Limits._fields, self.limits, Limits(), strict=True)
            if value != usual
        )
        return (
            f"chain {self.chain_id}, registry 0x{self.registry.hex()},"
            f" genesis 0x{self.genesis.hex()}, format {self.format}{unusual}"
        )


def limits_in(directory: Path) -> Limits:
    """The limits under which a journal was begun; those of a new one where there is none.

    A journal whose beginning cannot be read says nothing here: whoever opens it is told why.
    """
    for path in segments_of(directory):
        group = group_at(mapped(path), 0, int(path.stem))
        if group is not None and group.kind == IDENTITY:
            with contextlib.suppress(msgspec.MsgspecError):
                return msgspec.msgpack.decode(group.payload, type=Identity).limits
    return Limits()


class Cut(NamedTuple):
    """A torn tail that was cut when the journal was opened."""

    segment: Path
    offset: int  # bytes that were kept
    lost: int  # bytes that were cut


class End(NamedTuple):
    """Where a journal ends.

    Attributes
    ----------
    place : Place
        Behind the last group that can be read.
    chain : int
        That group's checksum.
    cut : Cut or None
        What stands behind it and was never synced.
    """

    place: Place
    chain: int
    cut: Cut | None


def find_end(directory: Path, identity: Identity, promised: int) -> End | None:
    """Where a journal ends; None if nothing was written yet.

    Parameters
    ----------
    promised : int
        Sequence of a command that is known to have been synced.

    Raises
    ------
    JournalError
        If it is another exchange's (naming both), or its last segment is damaged other than by a
        torn tail, or ends before what was promised.
    """
    segments = segments_of(directory)
    while segments and not written_end(mapped(segments[-1])):
        segments.pop()  # killed while it was made: it holds nothing yet
    found = _end_of(segments[-1], identity) if segments else None
    last = 0 if found is None else found.place.last
    if promised > last:
        raise JournalError(
            f"{segments[-1] if segments else directory}: damaged: command {promised} was synced,"
            f" but {last} is the last that can be read"
        )
    return found


def _end_of(path: Path, identity: Identity) -> End:
    """Where a segment that is not empty ends."""
    data = mapped(path)
    number, offset, chain = int(path.stem), 0, 0
    expected = first_of(path)
    while not is_clear(data, offset):
        group = group_at(data, offset, number)
        if group is None or group.first != expected or (offset and group.chain != chain):
            break
        if group.kind == IDENTITY:
            require_ours(path, group, identity)
        expected += group.commands
        offset, chain = group.end, group.crc
    if offset == 0:  # a segment has its name once its beginning is synced
        raise JournalError(
            f"{path}: does not begin as a journal of format {FORMAT} does:"
            " damaged, or written by another version"
        )
    last, until = expected - 1, written_end(data)
    if until <= offset:
        return End(Place(number, offset, last), chain, None)
    require_torn(path, data, offset, number, last)
    return End(Place(number, offset, last), chain, Cut(path, offset, until - offset))


def require_ours(path: Path, group: Group, identity: Identity) -> None:
    """Raise `JournalError` unless a segment's first group names this exchange."""
    try:
        found = msgspec.msgpack.decode(group.payload, type=Identity)
    except msgspec.MsgspecError as error:
        raise JournalError(f"{path}: its first group is no identity: {error}") from error
    if found != identity:
        raise JournalError(f"{path} is the journal of {found}; ours is {identity}")


def segments_from(directory: Path, after: int) -> list[tuple[Path, int]]:
    """Segments that may hold commands above `after`, with the first command of each.

    Raises
    ------
    JournalError
        If command ``after + 1`` was pruned.
    """
    segments = [(path, first_of(path)) for path in segments_of(directory)]
    if segments and segments[0][1] > after + 1:
        path, first = segments[0]
        raise JournalError(
            f"{path}: found command {first}, expected {after + 1}: what was before it was pruned"
        )
    start = max((i for i, (_, first) in enumerate(segments) if 0 < first <= after + 1), default=0)
    return segments[start:]


def groups_of(directory: Path, identity: Identity, after: int, at: Place) -> Iterator[Group]:
    """Every group with commands above `after`, up to a place, in order.

    Raises
    ------
    JournalError
        With file and offset, if a group is damaged, missing, or of another exchange.
    """
    segments = segments_from(directory, after)
    expected, chain = (segments[0][1] if segments else 0) or 1, None
    for path, _ in segments:
        data = mapped(path)
        until = at.end if int(path.stem) == at.segment else len(data)
        for group in groups_in(path, data, 0, until, expected, chain):
            expected, chain = group.first + group.commands, group.crc
            if group.kind == IDENTITY:
                require_ours(path, group, identity)
            elif group.last > after:
                yield group
    if expected != at.last + 1:
        raise JournalError(f"{directory}: found {expected - 1} commands, expected {at.last}")
