"""A batcher's process applies many orders at a time; batches, state and refusals stay the same."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from matcher import commands as c
from matcher.batch import Batch, genesis
from matcher.chain.fees import FeePolicy
from matcher.chain.modes import limits_of
from matcher.errors import ChainError, JournalError
from matcher.events import Event, Rejected
from matcher.exchange import Exchange
from matcher.journal.writer import Journal, encode
from matcher.kernel.margin import MONEY_MAX
from matcher.kernel.pools import Limits
from matcher.lanes import NEED_BATCH
from matcher.policy import Policy
from matcher.processes.board import Bells
from matcher.processes.lined import LinedExchange
from matcher.processes.plan import BATCHER, MATCHER, Plan
from matcher.processes.replica import BatchingReplica
from matcher.processes.shared import Shared, make_bells
from matcher.sequencer import REFUSALS
from matcher.settlement.batcher import Batcher
from matcher.types import U56
from tests.support.streams import random_stream
from tests.support.street import START, WINDOWS

NAMES = (MATCHER, BATCHER, "gateway-1")
GENESIS = genesis(START - 1000)
LENGTH = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 2_500


class Applied(NamedTuple):
    """What one command came to."""

    sequence: int
    command: c.Command
    result: list[Event] | Exception
    batches: list[Batch]


def commands(seed: int) -> Iterator[c.Command]:
    """A stream in which closed batches are redated, or tried to be, and limits change."""
    random = Random(seed)
    now = START
    for number, command in enumerate(random_stream(seed, LENGTH)):
        yield command
        if isinstance(command, c.Clock):
            now = max(now, command.time)
        if number % 50 == 30:
            yield c.BatchLimited(1 + number // 50 % 2, 1)
        if number % 500 == 40:
            yield c.Deposited(9_999, 1, now)  # of an account never opened
            yield c.Deposited(2, 0, now)  # less than before
        if isinstance(command, c.CloseBatch) or number % 100 == 7:
            first = random.randrange(4)
            yield c.Redate(first, random.choice((0, now - 1, now, now + 1)))
    yield c.CloseBatch()


def journaled(plan: Plan, seed: int, segment: int = 1 << 20) -> list[c.Command]:
    """The stream in a journal, in groups of any size; those of it that a journal takes."""
    random, taken = Random(seed), []
    with Journal(plan.journal, plan.identity, segment) as journal:
        for command in commands(seed):
            try:
                payload = encode(command)
            except JournalError:
                continue
            journal.append_encoded([payload])
            taken.append(command)
            if random.random() < 0.02:
                journal.sync()
    return taken


def one_by_one(told: list[c.Command], batcher: Batcher) -> tuple[Exchange, list[Applied]]:
    """As a single process applies them."""
    engine, found = Exchange(WINDOWS), []
    for sequence, command in enumerate(told, 1):
        result: list[Event] | Exception
        batches: list[Batch] = []
        try:
            result = engine.apply(command)
            batches = batcher.add(command, result)
        except REFUSALS as error:
            result = error
        found.append(Applied(sequence, command, result, batches))
    return engine, found


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Plan]:
    bells = make_bells(len(NAMES))
    yield Plan(
        name=BATCHER,
        processes=NAMES,
        bells=bells,
        data=str(tmp_path / "data"),
        run="run",
        place=str(tmp_path / "segments"),
        chain_id=1337,
        registry=b"\x11" * 20,
        genesis=GENESIS,
        room=Limits(),
        windows=WINDOWS,
        rpc="",
        deployment=None,
        host="",
        confirmations=1,
        batches=Policy(),
        limits=limits_of(None),
        fees=FeePolicy(),
        poll=1.0,
        origins=(),
        publish=None,
        log_level="info",
        log_json=False,
        mode="calldata",
    )
    for bell in bells:
        os.close(bell)


@pytest.mark.parametrize("seed", [3, 4])
async def test_batching_replica_is_where_exchange_and_batcher_are_that_take_one_by_one(
    plan: Plan, seed: int
) -> None:
    told = journaled(plan, seed)
    shared = Shared(plan)
    try:
        shared.board.synced = len(told)
        ours, theirs = (Batcher(GENESIS, WINDOWS, 3, max_chunks=2) for _ in range(2))
        replica = BatchingReplica(plan, shared.board, Bells(shared.board, plan.bells), ours)
        seen: list[Applied] = []
        heard: list[tuple[int, c.Command]] = []
        replica.on_applied(lambda *one: seen.append(Applied(*one)))
        replica.subscribe(lambda sequence, command, *_: heard.append((sequence, command)))
        await replica.catch_up()
    finally:
        shared.close()
    engine, expected = one_by_one(told, theirs)

    assert replica.engine.state_hash() == engine.state_hash()
    assert replica.engine.halted == engine.halted
    assert replica.engine.expiries == engine.expiries
    assert any(expiry.settled for expiry in engine.expiries.values())
    assert ours.head == theirs.head
    assert [one.sequence for one in seen] == list(range(1, len(told) + 1))
    assert [one.command for one in seen] == told
    assert [b for one in seen for b in one.batches] == [b for one in expected for b in one.batches]
    own = [(a, b) for a, b in zip(seen, expected, strict=True) if not traders(a.command)]
    assert [a.batches for a, _ in own] == [b.batches for _, b in own]
    assert [refused(a.result) for a, _ in own] == [refused(b.result) for _, b in own]
    assert heard == [(b.sequence, b.command) for _, b in own if not refused(b.result)]
    kinds = {type(b.result) for _, b in own if refused(b.result)}
    assert kinds == set(REFUSALS), "the stream holds no fact, or no redate, that is refused"
    redated = [b for _, b in own if isinstance(b.command, c.Redate)]
    assert any(b.batches for b in redated), "no redate was obeyed"
    assert any(rejected(b.result) for b in redated), "none was refused for its time"


def test_fact_that_only_the_kernel_finds_impossible_is_refused_and_changes_nothing() -> None:
    engine = LinedExchange(WINDOWS)
    engine.apply(c.Clock(START))
    for account in range(2, 40):
        engine.apply(c.AccountOpened(account, bytes([account]) * 20))
    told = [c.Deposited(account, U56, START) for account in range(2, 40)]
    room = MONEY_MAX // U56
    for deposit in told[:room]:
        engine.apply(deposit)
    before = engine.state_hash()
    with pytest.raises(ChainError, match=r"Deposited.*the chain cannot tell this"):
        engine.apply(told[room])
    assert engine.state_hash() == before


def traders(command: c.Command) -> bool:
    return isinstance(command, NEED_BATCH)


def refused(result: list[Event] | Exception) -> type[Exception] | None:
    return type(result) if isinstance(result, Exception) else None


def rejected(result: list[Event] | Exception) -> bool:
    return isinstance(result, list) and any(isinstance(event, Rejected) for event in result)
