"""The matcher as a process, killed between any two of its steps: each command happens once."""

import asyncio
import multiprocessing
import os
import select
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from matcher import commands as c
from matcher.chain.fees import FeePolicy
from matcher.chain.modes import limits_of
from matcher.errors import ChainError, Reject
from matcher.events import Event, OrderAccepted, Rejected
from matcher.exchange import Exchange
from matcher.journal.tail import Tail
from matcher.journal.writer import Journal
from matcher.kernel.pools import Limits
from matcher.policy import Policy
from matcher.processes.board import Bells, Board
from matcher.processes.control import Control, Ready, SayState, StateIs, Stop
from matcher.processes.link import Link
from matcher.processes.plan import BATCHER, MATCHER, Plan
from matcher.processes.replica import Replica
from matcher.processes.shared import Shared, make_bells
from matcher.processes.writer import Writer
from matcher.sequencer import Stopped
from tests.support.life import GENESIS
from tests.support.peers import Peer, peers
from tests.support.pit import START, WINDOWS, names, owner_of
from tests.unit.matcher.test_sequencer import FACTS, order

NAMES = (MATCHER, BATCHER, "gateway-1", "gateway-2")


class DyingWriter(Writer):
    """The real one; killed at a step of the group that holds an order of account 2."""

    step = ""

    def _die(self, step: str) -> None:
        if step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def _write_group(self) -> None:
        waiting = [entry.command for entry in self._lanes._ordinary]
        self._doomed = any(
            isinstance(command, c.PlaceOrder) and command.signed.order.account == 2
            for command in waiting
        )
        if self._doomed:
            self._die("read")
            if self.step == "noted":
                self._board.note_group = self._note_and_die  # type: ignore[method-assign]
        super()._write_group()

    def _note_and_die(self, *group: Any) -> None:
        Board.note_group(self._board, *group)
        self._die("noted")

    def _send_acks(self) -> None:
        doomed = getattr(self, "_doomed", False) and any(self._unsent.values())
        if doomed:
            self._die("synced")
        super()._send_acks()
        if doomed:
            self._die("acked")


class Floor:
    """What the supervisor makes, and the senders, in this process."""

    def __init__(
        self, directory: Path, begin: Callable[..., Peer], cells: int = 1 << 10, **policy: int
    ):
        self.begin = begin
        self.bells = make_bells(len(NAMES))
        self.directory = directory
        self.policy = Policy(**({"max_age": 10} | policy))
        self.shared = Shared(self.plan(MATCHER), cells=cells, acks=1 << 11)
        self.board = self.shared.board
        self.replicas: list[Replica] = []

    def plan(self, name: str) -> Plan:
        return Plan(
            name=name,
            processes=NAMES,
            bells=self.bells,
            data=str(self.directory / "data"),
            run="run",
            place=str(self.directory),
            chain_id=1337,
            registry=b"\x11" * 20,
            genesis=GENESIS,
            room=Limits(),
            windows=WINDOWS,
            rpc="",
            deployment=None,
            host="",
            confirmations=1,
            batches=self.policy,
            limits=limits_of(None),
            fees=FeePolicy(),
            poll=1.0,
            origins=(),
            publish=None,
            log_level="info",
            log_json=False,
            mode="calldata",
        )

    def begin_writing(self, step: str = "") -> Peer:
        """Start a matcher that dies at a step."""
        ours, theirs = socket.socketpair()
        self.control = Control(ours)

        def run() -> None:
            ours.close()
            plan = self.plan(MATCHER)
            board = Board.attach(self.directory, "run.board", len(NAMES))
            writer = DyingWriter(plan, board, Bells(board, plan.bells), Control(theirs))
            writer.step = step
            writer.run()

        peer = self.begin(run)
        theirs.close()
        return peer

    def ready(self) -> bool:
        """Whether the matcher has said that it is at work."""
        said = any(isinstance(message, Ready) for message in self.control.read())
        assert said or not self.control.gone, "ended before it was ready"
        return said

    async def write(self, step: str = "") -> Peer:
        """Start a matcher that dies at a step, and wait until it is at work."""
        peer = self.begin_writing(step)
        while not self.ready():
            await readable(self.control.socket)
        return peer

    def hear(self, link: Link) -> None:
        """Wait until a gateway has heard of the matcher's new life."""
        while link._life != self.board.life:
            os.sched_yield()

    async def link(self, name: str) -> Link:
        plan = self.plan(name)
        bells = Bells(self.board, self.bells)
        replica = Replica(plan, self.board, bells)
        link = Link(plan, self.board, bells, replica)
        await replica.catch_up()
        replica.follow()
        self.replicas.append(replica)
        return link

    def journaled(self) -> list[c.Command]:
        plan = self.plan(MATCHER)
        with Journal(plan.journal, plan.identity) as journal:
            return [command for _, command in journal.replay()]

    def journaled_so_far(self) -> list[c.Command]:
        """What can be read of it while it is written."""
        plan = self.plan(MATCHER)
        return [command for _, command in Tail(plan.journal, plan.identity).commands()]

    def close(self) -> None:
        for replica in self.replicas:
            replica.stop()
        self.shared.close()
        for bell in self.bells:
            os.close(bell)


def stall(peer: Peer) -> None:
    """Stop a process, until it is told to go on."""
    os.kill(peer.pid, signal.SIGSTOP)
    os.waitpid(peer.pid, os.WUNTRACED)


async def readable(one: socket.socket) -> None:
    loop, seen = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(one, seen.set)
    await asyncio.wait_for(seen.wait(), 60)
    loop.remove_reader(one)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[Floor]:
    with peers() as begin:
        made = Floor(tmp_path / "segments", begin)
        yield made
        made.close()


async def settled(work: Coroutine[Any, Any, list[Event]]) -> list[Event] | Exception:
    try:
        return await asyncio.wait_for(work, 60)
    except (ChainError, Stopped) as error:
        return error


@pytest.mark.parametrize("step", ["read", "noted", "synced", "acked"])
async def test_matcher_killed_between_its_steps_does_everything_once(
    floor: Floor, step: str
) -> None:
    peer = await floor.write(step)
    chain, first, second = [await floor.link(name) for name in NAMES[1:]]
    await chain.submit(c.Clock(START))
    for fact in FACTS:
        await chain.submit(fact)
    assert names(await first.submit(order(3, "buy", 1))) == ["OrderAccepted", "OrderRested"]

    sent = {
        "doomed": settled(first.submit(order(2, "sell", 1))),
        "cancel": settled(second.submit(c.CancelOrder(3, 1, owner_of(3)))),
        "fact": settled(chain.submit(c.Deposited(2, 2 * 10**8, START))),
        "wrong": settled(chain.submit(c.Deposited(77, 1, START))),
    }
    waiting = {name: asyncio.ensure_future(work) for name, work in sent.items()}
    await asyncio.to_thread(peer.wait)
    await floor.write()
    answers = {name: await task for name, task in waiting.items()}
    late = await first.submit(order(2, "sell", 9))
    assert names(late)[0] == "OrderAccepted"
    floor.control.send(Stop())
    await readable(floor.control.socket)  # the other end was closed

    assert isinstance(answers["wrong"], ChainError)
    assert names(answers["fact"]) in (["Credited", "Op"], [])
    doomed = answers["doomed"]
    assert isinstance(doomed, list)
    lost = isinstance(doomed[0], Rejected)
    if step in ("read", "noted"):
        assert lost
    else:
        assert isinstance(doomed[0], OrderAccepted)
    if lost:
        assert doomed[0].code == Reject.BUSY
    commands = floor.journaled()
    placed = [
        (one.signed.order.account, one.signed.order.id)
        for one in commands
        if isinstance(one, c.PlaceOrder)
    ]
    assert sorted(placed) == sorted([(3, 1), (2, 9), *([] if lost else [(2, 1)])])
    assert commands.count(c.CancelOrder(3, 1, owner_of(3))) == 1
    assert commands.count(c.Deposited(2, 2 * 10**8, START)) == 1
    assert commands.count(c.Deposited(77, 1, START)) == 1
    again = Exchange(WINDOWS)
    for command in commands:
        try:
            again.apply(command)
        except ChainError:
            continue
    assert {replica.engine.state_hash() for replica in floor.replicas} == {again.state_hash()}


async def test_cancels_pass_the_orders_that_wait_for_a_stalled_matcher(floor: Floor) -> None:
    floor.policy = Policy(max_age=10, max_group=8, max_queue=20)
    peer = await floor.write()
    chain, first, second = [await floor.link(name) for name in NAMES[1:]]
    await chain.submit(c.Clock(START))
    for fact in FACTS:
        await chain.submit(fact)
    assert names(await first.submit(order(2, "sell", 1))) == ["OrderAccepted", "OrderRested"]

    stall(peer)
    flood = [asyncio.ensure_future(first.submit(order(3, "buy", 10 + i))) for i in range(21)]
    await asyncio.sleep(0)
    (busy,) = await flood.pop()
    assert (busy.code, busy.found) == (Reject.BUSY, "20 commands waiting")
    cancels = [
        asyncio.ensure_future(second.submit(c.CancelOrder(account, number, owner_of(account))))
        for account, number in ((2, 1), (3, 12))
    ]
    await asyncio.sleep(0)
    os.kill(peer.pid, signal.SIGCONT)
    answers = [await asyncio.wait_for(task, 60) for task in flood]
    await asyncio.gather(*cancels)

    assert names(cancels[0].result()) == ["OrderCanceled"]
    (gone,) = answers.pop(2)
    assert (gone.code, gone.field) == (Reject.OVERTAKEN, "order")
    assert all("OrderAccepted" in names(answer) for answer in answers)
    floor.control.send(Stop())
    assert await asyncio.to_thread(peer.wait) == 0
    traders = [
        command
        for command in floor.journaled()
        if isinstance(command, c.PlaceOrder | c.CancelOrder)
    ]
    assert traders[1:3] == [c.CancelOrder(2, 1, owner_of(2)), c.CancelOrder(3, 12, owner_of(3))]
    placed = [command.signed.order.id for command in traders[3:]]
    assert placed == [10, 11, *range(13, 30)]


async def test_command_longer_than_what_is_read_at_once_arrives(tmp_path: Path) -> None:
    with peers() as begin:
        floor = Floor(tmp_path / "segments", begin, cells=1 << 9)
        await floor.write()
        chain = await floor.link(BATCHER)
        long = c.Halted("x" * 16_000)  # more cells than half the ring
        assert await asyncio.wait_for(chain.submit(long), 60) == []
        assert floor.replicas[0].engine.halted == long.reason
        floor.close()


async def test_urgent_commands_that_find_no_room_wait_for_it(floor: Floor) -> None:
    peer = await floor.write()
    chain = await floor.link(BATCHER)
    stall(peer)
    reasons = [f"{i} " + "x" * 2_000 for i in range(100)]  # the ring holds a third of them
    told = [asyncio.ensure_future(chain.submit(c.Halted(reason))) for reason in reasons]
    await asyncio.sleep(0)
    assert chain._urgent.unsent
    os.kill(peer.pid, signal.SIGCONT)
    await asyncio.wait_for(asyncio.gather(*told), 60)
    floor.control.send(Stop())
    assert await asyncio.to_thread(peer.wait) == 0
    assert [one.reason for one in floor.journaled() if isinstance(one, c.Halted)] == reasons


async def test_sender_that_died_leaves_its_place_to_the_next(floor: Floor) -> None:
    await floor.write()
    chain = await floor.link(BATCHER)
    await chain.submit(c.Clock(START))
    for fact in FACTS:
        await chain.submit(fact)

    async def trade() -> None:
        link = await floor.link("gateway-1")
        for number in range(50):
            await link.submit(order(2, "sell", number))
            if number == 5:
                heard.set()

    heard = multiprocessing.Event()
    dead = floor.begin(lambda: asyncio.run(trade()))
    assert await asyncio.to_thread(heard.wait, 60)
    dead.kill()
    link = await floor.link("gateway-1")
    answers = [await link.submit(order(2, "sell", number)) for number in range(50)]
    assert {names(answer)[0] for answer in answers} <= {"Duplicate", "OrderAccepted"}
    assert names(answers[0]) == ["Duplicate"]
    assert len(floor.replicas[-1].engine.open_orders(2)) == 50


async def test_order_and_its_cancel_that_come_while_lanes_are_read_stay_in_order(
    floor: Floor,
) -> None:
    plan = floor.plan(MATCHER)
    ours, theirs = socket.socketpair()
    writer = Writer(plan, floor.board, Bells(floor.board, floor.bells), Control(theirs))
    writer._recover()
    link = await floor.link("gateway-1")
    sent = [order(2, "sell", 1), c.CancelOrder(2, 1, owner_of(2))]
    tasks = []

    class Between:
        """Reads as the one inside, and then lets a trader act."""

        def __init__(self, inner: Any):
            self.inner = inner

        def read(self) -> Any:
            found = self.inner.read()
            while len(tasks) < 2:
                work = link.submit(sent[len(tasks)])
                tasks.append(work)
                with pytest.raises(StopIteration):
                    raise StopIteration(work.send(None))  # as far as its first wait
            return found

    half = len(writer._inboxes) // 2 - 1  # the last of those that are read first
    writer._inboxes[half] = Between(writer._inboxes[half])
    taken = []
    for _ in range(2):
        writer._read()
        taken += writer._lanes.take(10)[0]
    assert [entry.command for entry in taken] == sent
    for work in tasks:
        work.close()
    writer._disk.shutdown()
    writer._journal.close()
    for one in (ours, theirs):
        one.close()


async def test_matcher_begins_from_its_snapshot_and_is_the_same(
    floor: Floor, capfd: pytest.CaptureFixture[str]
) -> None:
    floor.policy = Policy(max_age=10, snapshot_every=5)
    peer = await floor.write()
    chain, first, _ = [await floor.link(name) for name in NAMES[1:]]
    await chain.submit(c.Clock(START))
    for fact in FACTS:
        await chain.submit(fact)
    for number in range(1, 12):
        assert names(await first.submit(order(3, "buy", number)))[0] == "OrderAccepted"
    floor.control.send(Stop())
    assert await asyncio.to_thread(peer.wait) == 0
    assert list(floor.plan(MATCHER).snapshots.iterdir())

    peer = await floor.write()
    for number in range(12, 15):
        assert names(await first.submit(order(3, "buy", number)))[0] == "OrderAccepted"
    os.kill(peer.pid, signal.SIGKILL)
    await asyncio.to_thread(peer.wait)
    await floor.write()
    said = capfd.readouterr()
    assert (said.out + said.err).count("snapshot loaded") == 2
    floor.control.send(SayState())
    await readable(floor.control.socket)
    (state,) = floor.control.read()
    again = Exchange(WINDOWS)
    for command in floor.journaled_so_far():
        again.apply(command)
    assert isinstance(state, StateIs)
    assert state.state == again.state_hash()


async def test_command_that_is_sent_before_the_new_matcher_is_noticed_happens_once(
    floor: Floor,
) -> None:
    peer = await floor.write()
    chain, first, _ = [await floor.link(name) for name in NAMES[1:]]
    await chain.submit(c.Clock(START))
    for fact in FACTS:
        await chain.submit(fact)
    await first.submit(order(2, "sell", 1))
    for _ in range(10):  # turns that were under way
        await asyncio.sleep(0)
    assert not any(replica._scheduled for replica in floor.replicas)
    peer.kill()
    peer = floor.begin_writing()
    while not floor.ready():  # and nobody else gets a turn meanwhile
        select.select([floor.control.socket], [], [])
    stall(peer)
    # Tasks that are made now run before what the bell makes run.
    sent = [first.submit(c.CancelOrder(2, 1, owner_of(2))), first.submit(order(2, "sell", 2))]
    answers = asyncio.gather(*sent)
    assert first._life != floor.board.life
    await asyncio.to_thread(floor.hear, first)
    os.kill(peer.pid, signal.SIGCONT)
    canceled, placed = await answers
    assert names(canceled) == ["OrderCanceled"]
    assert names(placed) == ["OrderAccepted", "OrderRested"]
    floor.control.send(Stop())
    assert await asyncio.to_thread(peer.wait) == 0
    commands = floor.journaled()
    assert commands.count(c.CancelOrder(2, 1, owner_of(2))) == 1
    assert commands.count(order(2, "sell", 2)) == 1
