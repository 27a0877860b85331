"""A shard in a process of its own."""

from collections import deque
from pathlib import Path
from typing import Final

from matcher.errors import ChainError, Reject
from matcher.events import Event, Rejected
from matcher.shards import post
from matcher.shards.shard import Shard
from matcher.shards.tape import Lend
from matcher.shared.rings import Ring
from matcher.types import Windows

SHORT: Final = (Reject.TOO_MANY_POSITIONS, Reject.INSUFFICIENT_MARGIN)
IN_ONE_GO: Final = 16  # entries between two looks at what else has come


def inbox(shard: int) -> str:
    """Name of the ring to a shard."""
    return f"to-{shard}"


def outbox(shard: int) -> str:
    """Name of the ring from a shard."""
    return f"from-{shard}"


def work(place: Path, number: int, windows: Windows) -> None:
    """Do what comes in until told to stop, or until who tells has died."""
    with (
        Ring.attach(inbox(number), post.CELL, place=place) as into,
        Ring.attach(outbox(number), post.CELL, place=place) as out,
    ):
        Worker(into, out, windows).run()


class Worker:
    """A shard, and what it is told.

    Entries of the tape are taken in the order in which they come. Everything else is answered at
    once, before entries that wait: so a shard that is held back by one entry still lends, and two
    that are short at the same time do not wait for each other.
    """

    def __init__(self, into: Ring, out: Ring, windows: Windows):
        self._shard = Shard(windows)
        self._received = post.Receiver(into.consumer(), post.ToShard)
        self._sender = post.Sender(out.producer(), self._received.collect)
        self._entries: deque[post.Told] = deque()
        self._held: post.Told | None = None
        self._stopped = False

    def run(self) -> None:
        """Until told to stop."""
        while not self._stopped:
            idle = not self._entries or self._held is not None
            message = self._received.wait() if idle else self._received.next()
            while message is not None:
                self._take(message)
                message = self._received.next()
            for _ in range(IN_ONE_GO):
                if self._entries and self._held is None:
                    self._judge(self._entries.popleft())

    def _take(self, message: post.ToShard) -> None:
        match message:
            case post.Told():
                self._entries.append(message)
            case post.Again():
                assert self._held is not None, "nothing is held"
                self._judge(self._held)
            case post.Enough():
                self._held = None
            case post.Moved(move):
                self._shard.take(move)
            case post.Stop():
                self._stopped = True
            case _:
                self._sender.send(self._say(message))

    def _judge(self, told: post.Told) -> None:
        shard = self._shard
        try:
            events = shard.take(told.entry)
        except ChainError as fault:
            self._sender.send(post.Answer(told.number, [], fault=str(fault) or "ChainError"))
            return
        # Once held, until the routes have had enough: what is too much goes back first.
        if told.hold and is_short(events):
            self._held = told
        held = self._held is not None
        self._sender.send(post.Answer(told.number, events, held))  # type: ignore[arg-type]

    def _say(self, message: post.ToShard) -> post.Said:
        shard = self._shard
        match message:
            case post.Offer(account, places):
                return post.Said(self._offer(account, places))
            case post.Ask("free", account):
                return post.Said(shard.free(account))
            case post.Ask("spare", account):
                return post.Said(shard.spare(account))
            case post.Ask("batch_ops"):
                return post.Said(shard.batch_ops)
            case post.Ask("wants_batch"):
                return post.Said(int(shard.wants_batch))
            case post.Ask("text"):
                return post.Said(text=shard.state_text())
            case post.Ask("check"):
                shard.check()
                return post.Said()
            case post.AskSlot(account, slot):
                return post.Said(slot=shard.memory(account, slot))
            case post.AskBook(instrument, depth):
                return post.Said(book=list(shard.book(instrument, depth)))
        raise AssertionError(f"not a message for a shard: {message!r}")

    def _offer(self, account: int, places: bool) -> int:
        """Lend at this point of the tape, so that nothing can come between asking and lending."""
        shard = self._shard
        if places:
            half = (shard.spare(account) + 1) // 2
            shard.take(Lend(account, 0, -half))
            return half
        atoms = shard.free(account)
        shard.take(Lend(account, -atoms, 0))
        return atoms


def is_short(events: list[Event]) -> bool:
    """Whether a shard refused for what others may lend."""
    return bool(events) and isinstance(events[0], Rejected) and events[0].code in SHORT
