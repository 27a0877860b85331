"""Shards in processes of their own, which match at the same time (docs/reference/sharding.md).

::

    told = []
    with ShardProcesses(2, windows, told=lambda command, events: told.append(events)) as shards:
        for command in commands:
            shards.submit(command)      # goes on while shards work
        shards.drain()                  # everything is answered

What concerns one shard is sent ahead; what concerns several waits until all is answered, and is
done alone. Commands are told in an order in which one engine that takes them answers the same.
"""

import multiprocessing
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from matcher import commands as c
from matcher.errors import ChainError, InvariantBroken
from matcher.events import Event
from matcher.shards import post
from matcher.shards.routes import Depth, Routes
from matcher.shards.shard import Shard
from matcher.shards.tape import Lend, SlotMoved, slot_of
from matcher.shards.worker import inbox, outbox, work
from matcher.shared.rings import Ring
from matcher.shared.segments import default_place
from matcher.types import Windows

Heard = Callable[[c.Command, list[Event]], None]
PATIENCE = 10  # seconds that a process may take to end


class Flight(NamedTuple):
    """A command on its way."""

    command: c.PlaceOrder | c.CancelOrder | c.AmendDown
    place: tuple[int, int]


class Remote:
    """One shard elsewhere: a `Door`, and the way there and back.

    Parameters
    ----------
    number : int
    place : Path
        Where its rings lie.
    windows : Windows
    heard : callable
        Told of each answer to an entry that nobody waits for.
    """

    def __init__(
        self, number: int, place: Path, windows: Windows, heard: Callable[[int, post.Answer], None]
    ):
        self.number = number
        self.answered = 0  # entries, so far
        self._sent = 0
        self._heard = heard
        names = (inbox(number), outbox(number))
        self._rings = [Ring.create(n, post.CELL, capacity=post.CELLS, place=place) for n in names]
        self.received = post.Receiver(self._rings[1].consumer(), post.FromShard)
        self._sender = post.Sender(self._rings[0].producer(), self.received.collect)
        context = multiprocessing.get_context("spawn")
        self.process: BaseProcess = context.Process(
            target=work, args=(place, number, windows), daemon=True
        )
        self.process.start()

    @property
    def busy(self) -> bool:
        """Whether entries are not answered."""
        return self.answered < self._sent

    def send(self, entry: c.Command | Lend | SlotMoved, hold: bool) -> int:
        """Put an entry on the tape; its number there."""
        self._sent += 1
        self._sender.send(post.Told(self._sent, entry, hold))  # type: ignore[arg-type]
        return self._sent

    def note(self, message: post.ToShard) -> None:
        """Send what has no answer."""
        self._sender.send(message)

    def ask(self, message: post.ToShard) -> post.Said:
        """Send what is answered at once, and wait for that."""
        self._sender.send(message)
        while True:
            heard = self.received.wait()
            if isinstance(heard, post.Said):
                return heard
            self._heard(self.number, heard)

    def answer(self, number: int) -> list[Event]:
        """Wait for the answer to an entry; all before it are heard."""
        while True:
            heard = self.received.wait()
            if not isinstance(heard, post.Answer):
                raise InvariantBroken(f"shard {self.number} said {heard} to nobody")
            if heard.number == number:
                return self.taken(heard)
            self._heard(self.number, heard)

    def taken(self, heard: post.Answer) -> list[Event]:
        """What an answer says."""
        self.answered += not heard.held
        if heard.fault:
            raise ChainError(heard.fault)
        return list(heard.events)

    def release(self) -> None:
        """Let the shard go on behind the entry that holds it back."""
        self.note(post.Enough())
        self.answered += 1

    # --- a door ----------------------------------------------------------------------------------

    def take(self, told: c.Command | Lend | SlotMoved) -> list[Event]:
        """Apply an entry; see `Shard.take`."""
        return self.answer(self.send(told, hold=False))

    @property
    def batch_ops(self) -> int:
        """Ops in the open batch, of this shard."""
        return self.ask(post.Ask("batch_ops")).number

    @property
    def wants_batch(self) -> bool:
        """Whether something waits there for the next batch."""
        return bool(self.ask(post.Ask("wants_batch")).number)

    def free(self, account: int) -> int:
        """See `Shard.free`."""
        return self.ask(post.Ask("free", account)).number

    def spare(self, account: int) -> int:
        """See `Shard.spare`."""
        return self.ask(post.Ask("spare", account)).number

    def memory(self, account: int, slot: int) -> SlotMoved:
        """See `Shard.memory`."""
        said = self.ask(post.AskSlot(account, slot))
        assert said.slot is not None
        return said.slot

    def book(self, instrument: int, depth: int) -> tuple[Depth, Depth]:
        """See `Exchange.book`."""
        bids, asks = self.ask(post.AskBook(instrument, depth)).book
        return bids, asks

    def state_text(self) -> str:
        """See `Exchange.state_text`."""
        return self.ask(post.Ask("text")).text

    def check(self) -> None:
        """Let the shard check itself; it ends if anything is broken, which the next call tells."""
        self.ask(post.Ask("check"))

    def close(self) -> None:
        """End the process, and take the rings away."""
        if self.process.is_alive():
            self.note(post.Stop())
            self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        for ring in self._rings:
            ring.close()


class ShardProcesses(Routes):
    """Several engines that match at the same time, and answer as one.

    Parameters
    ----------
    count : int
    windows : Windows
    table : mapping, optional
        See `Routes`.
    told : callable, optional
        Told of each command with its events.
    """

    def __init__(
        self,
        count: int,
        windows: Windows,
        table: Mapping[int, int] | None = None,
        told: Heard | None = None,
    ):
        self._folder = tempfile.TemporaryDirectory(dir=default_place().parent)
        place = Path(self._folder.name) / "segments"
        self._mirror = Shard(windows)  # knows all facts, and no money
        self._remotes = [Remote(n, place, windows, self._heard) for n in range(count)]
        super().__init__(self._remotes, self._mirror, table)
        self._told = told
        self._flights: dict[tuple[int, int], Flight] = {}  # by shard and number
        self._under_way: dict[tuple[int, int], list[int]] = {}  # (account, slot): shard, commands
        self._held: deque[tuple[int, post.Answer]] = deque()
        self._waits: int | None = None  # number of the entry that is judged again

    def __enter__(self) -> "ShardProcesses":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        for remote in self._remotes:
            remote.close()
        self._folder.cleanup()

    @property
    def processes(self) -> list[BaseProcess]:
        """One of each shard."""
        return [remote.process for remote in self._remotes]

    @property
    def under_way(self) -> int:
        """Commands that are not answered."""
        return len(self._flights)

    # --- the way in ------------------------------------------------------------------------------

    def apply(self, command: c.Command) -> list[Event]:
        """Apply one command, alone; see `Exchange.apply`."""
        self.drain()
        events = super().apply(command)
        if self._told is not None:
            self._told(command, events)
        return events

    def submit(self, command: c.Command) -> None:
        """Apply a command; its events are told, at the latest by `drain`."""
        shard = self._only_shard(command)
        if shard is None:
            self.apply(command)
            return
        assert isinstance(command, c.PlaceOrder | c.CancelOrder | c.AmendDown)
        place = place_of(command)
        number = self._remotes[shard].send(command, hold=isinstance(command, c.PlaceOrder))
        self._flights[shard, number] = Flight(command, place)
        under_way = self._under_way.setdefault(place, [shard, 0])
        under_way[1] += 1
        self._hear_what_came()

    def drain(self) -> None:
        """Wait until everything is answered."""
        for remote in self._remotes:
            while remote.busy:
                self._heard(remote.number, remote.received.wait())
                self._settle_held()

    def _only_shard(self, command: c.Command) -> int | None:
        """The shard that alone is concerned, if that can be said before all is answered."""
        if not isinstance(command, c.PlaceOrder | c.CancelOrder | c.AmendDown):
            return None
        place = place_of(command)
        holder = self._holders.get(place)
        if place in self._under_way:
            holder = self._under_way[place][0]
        if isinstance(command, c.PlaceOrder):
            shard = self._shard_of_symbol(command.signed.order.instrument)
            if shard is not None and holder is not None and holder != shard:
                return None  # the slot must come from there first
            if shard is not None:
                return shard
        return self._home(place[0]) if holder is None else holder

    # --- answers ---------------------------------------------------------------------------------

    def _hear_what_came(self) -> None:
        for remote in self._remotes:
            while (heard := remote.received.next()) is not None:
                self._heard(remote.number, heard)
        self._settle_held()

    def _heard(self, shard: int, heard: post.Answer) -> None:
        """An answer that nobody waits for: to a command that was sent ahead."""
        if heard.held:
            self._held.append((shard, heard))
            return
        self._finish(shard, heard.number, self._remotes[shard].taken(heard))

    def _settle_held(self) -> None:
        """Let others lend to the shards that are held back, one after the other."""
        while self._held:
            shard, heard = self._held.popleft()
            flight = self._flights[shard, heard.number]
            assert isinstance(flight.command, c.PlaceOrder)
            self._waits = heard.number
            first = self._remotes[shard].taken(heard)
            events = self._judge(shard, flight.place[0], flight.command, first)
            self._waits = None
            self._remotes[shard].release()
            self._finish(shard, heard.number, events)

    def _finish(self, shard: int, number: int, events: list[Event]) -> None:
        """Take note of a command that was sent ahead, and tell what it did."""
        command, place = self._flights.pop((shard, number))
        under_way = self._under_way[place]
        under_way[1] -= 1
        if not under_way[1]:
            del self._under_way[place]
        if isinstance(command, c.PlaceOrder):
            self._placed(command.signed.order, shard, events)
        self._done(command, events)
        if self._told is not None:
            self._told(command, events)

    # --- what differs when shards do not wait ----------------------------------------------------

    def _tell_all(self, command: c.Command) -> list[list[Event]]:
        self._mirror.apply(command)  # a fact that the chain cannot tell goes no further
        sent = [remote.send(command, hold=False) for remote in self._remotes]
        return [r.answer(number) for r, number in zip(self._remotes, sent, strict=True)]

    @property
    def _overtaken(self) -> bool:
        # It refused, perhaps, while what it had lent for another's order was not back yet.
        return self._waits is not None

    def _again(self, shard: int, command: c.Command) -> list[Event]:
        if self._waits is None:
            return super()._again(shard, command)
        self._remotes[shard].note(post.Again())
        return self._remotes[shard].answer(self._waits)

    # A shard lends at once what it is asked for: between asking and lending it might go on.

    def _take_free(self, lender: int, account: int) -> int:
        return self._remotes[lender].ask(post.Offer(account, places=False)).number

    def _take_places(self, lender: int, account: int) -> int:
        return self._remotes[lender].ask(post.Offer(account, places=True)).number

    def _shift(self, shard: int, move: Lend) -> None:
        self._remotes[shard].note(post.Moved(move))


def place_of(command: c.PlaceOrder | c.CancelOrder | c.AmendDown) -> tuple[int, int]:
    """(account, slot) that a command is about."""
    if isinstance(command, c.PlaceOrder):
        order = command.signed.order
        return order.account, slot_of(order.id)
    return command.account, slot_of(command.id)
