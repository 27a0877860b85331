"""Restarts, races, reorganizations, bad nodes: what a challenger has to live with."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from structlog.testing import capture_logs
from web3.exceptions import Web3RPCError

from matcher.chain.fees import FeePolicy
from matcher.challenger.faults import FinalLie, LogsIncomplete, NotEnoughFunds
from matcher.reference.tree import keccak
from matcher.reference.words import Credit, Release, pack_chunk
from tests.support.challenge import Arena, events, head, work, work_through
from tests.support.exchange import TOKENS, copy_state

WRONG = {0: keccak(b"a root")}


# --- margin ---------------------------------------------------------------------------------------


def test_broken_margin_is_convicted(arena: Arena) -> None:
    exchange = arena.exchange
    built_at = arena.chain.now - 1
    fill, used = arena.trade(50)  # 50 lots short at a cap of 200: 10,000 tokens at the worst
    exchange.context.built_at = built_at
    after = copy_state(exchange.state)
    words = pack_chunk([fill], after.apply_ops([fill], exchange.context))
    exchange._commit(words, after, built_at, arena.file(used))
    challenger = arena.challenger()
    work(challenger)
    assert challenger.tally.convicted == 1
    assert head(exchange) == 1


def test_release_that_keeps_something_back_is_convicted(arena: Arena) -> None:
    exchange = arena.exchange
    exchange.ask(exchange.roles.taker, arena.taker)
    arena.chain.mine()
    arena.lie([Release(arena.taker, 999 * TOKENS, 1)])
    challenger = arena.challenger()
    work(challenger)
    assert challenger.tally.convicted == 1
    assert head(exchange) == 1


# --- overtaken ------------------------------------------------------------------------------------


def test_challenger_who_comes_second_sends_nothing_and_goes_on(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    slow = arena.challenger()
    while slow.planner.proved() is None:
        slow.watch.step()
    action = next(iter(slow.planner.actions()))
    work(arena.challenger(arena.exchange.roles.outsider))  # is faster
    assert head(arena.exchange) == 1
    height = arena.chain.height
    outcome = slow.post.send(action, slow.watch.moment)
    assert outcome.revert is not None
    assert outcome.revert.name == "BatchNotCommitted"
    work(slow)
    assert arena.chain.height == height
    assert slow.tally.convicted == 0
    assert slow.watch.judge.head.id == 1
    fill, used = arena.trade()
    del arena.exchange.batches[2:]
    exchange_again(arena)
    arena.commit([fill], used=used)
    work(slow)
    assert slow.watch.judge.head.id == 2
    assert slow.tally.lies == 1


def exchange_again(arena: Arena) -> None:
    """The operator of a convicted batch is retired: name another, under bond."""
    exchange, chain = arena.exchange, arena.chain
    registry, roles = exchange.registry.functions, exchange.roles
    call = registry.addOperator(roles.operator.address)
    index = chain.send(roles.owner, call).event("OperatorAdded")["index"]
    chain.send(roles.operator, registry.addBond(index), value=10**19)
    chain.send(roles.owner, registry.setOperator(index))
    exchange.state = copy_state(exchange.batches[-1].state)


def test_second_lie_of_another_operator_is_convicted_too(arena: Arena) -> None:
    challenger = arena.challenger()
    for _ in range(2):
        fill, _ = arena.trade()
        arena.lie([fill], roots=WRONG)
        work(challenger)
        assert head(arena.exchange) == 1
        del arena.exchange.batches[2:]
        exchange_again(arena)
    assert challenger.tally.convicted == 2


def test_batches_that_stand_on_a_lie_fall_with_it_by_one_proof(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    fill, used = arena.trade()
    arena.commit([fill], used=used)
    challenger = arena.challenger()
    work(challenger)
    assert head(arena.exchange) == 1
    assert challenger.tally.convicted == 1
    assert challenger.watch.judge.state.root() == arena.exchange.batches[1].state.root()


# --- restarts -------------------------------------------------------------------------------------


def test_restart_after_every_step_sends_nothing_twice(arena: Arena) -> None:
    fill, used = arena.trade()
    arena.commit([fill], used=used[:1])
    for steps in [*range(1, 8), *range(1, 8)]:
        challenger = arena.challenger()
        for _ in range(steps):
            challenger.step()
    address = arena.exchange.roles.challenger.address
    assert arena.chain.w3.eth.get_transaction_count(address) == 1
    assert len(arena.challenger_at_rest().watch.questions.open()) == 1
    arena.chain.travel(arena.exchange.windows.answer + 1)
    work(arena.challenger())
    assert head(arena.exchange) == 1


def test_restart_with_a_transaction_under_way_waits_for_it(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    challenger = arena.challenger()
    functions = challenger.post._w3.eth
    before = functions.get_transaction_count

    def pending(address: str, block: Any = None) -> int:
        return before(address, block) + (block == "pending")

    functions.get_transaction_count = pending  # type: ignore[method-assign]
    try:
        height = arena.chain.height
        for _ in range(6):
            challenger.step()
        assert challenger.post.under_way == "an earlier process's"
        assert arena.chain.height == height
    finally:
        functions.get_transaction_count = before  # type: ignore[method-assign]
    work(challenger)
    assert head(arena.exchange) == 1


# --- the chain ------------------------------------------------------------------------------------


def test_reorganization_below_what_was_read_reads_everything_again(arena: Arena) -> None:
    before = arena.chain.snapshot()
    clone = arena.exchange.clone()
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    challenger = arena.challenger(convict=False)
    work(challenger)
    assert challenger.tally.lies == 1
    arena.chain.revert(before)
    arena.exchange = clone
    arena.chain.mine(2)
    fill, used = arena.trade()
    arena.commit([fill], used=used)
    work(challenger)
    assert challenger.watch.counts.rebuilt == 1
    assert challenger.watch.judge.lost is None
    assert challenger.watch.judge.state.root() == clone.state.root()


def test_batch_counts_once_it_has_its_confirmations(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    challenger = arena.challenger(confirmations=3)
    work(challenger)
    assert head(arena.exchange) == 2
    arena.chain.mine(2)
    work(challenger)
    assert head(arena.exchange) == 1
    work(challenger)  # its own proof is not confirmed yet
    assert challenger.tally.convicted == 1
    assert challenger.tally.overtaken == 0
    arena.chain.mine(3)
    work(challenger)
    assert challenger.watch.judge.head.id == 1


def test_node_that_hides_a_commit_is_not_believed(arena: Arena) -> None:
    fill, used = arena.trade()
    arena.commit([fill], used=used)
    challenger = arena.challenger()
    read = challenger.watch._reader.read
    hides = True

    def reader(*args: Any) -> list[Any]:
        logs = read(*args)
        return [entry for entry in logs if not (hides and entry.args.get("id") == 2)]

    challenger.watch._reader.read = reader  # type: ignore[method-assign]
    with pytest.raises(LogsIncomplete, match="the head is batch 2"):
        work(challenger)
    assert not challenger.watch.caught_up
    hides = False
    work(challenger)
    assert challenger.watch.judge.head.id == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("nobody is there"), "ConnectionError"),
        (Web3RPCError("limit exceeded"), "Web3RPCError"),
        (KeyError("timestamp"), "KeyError"),
    ],
)
def test_node_that_answers_nothing_or_nonsense_is_tried_again(
    arena: Arena, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    challenger = arena.challenger()

    def refuse(*_: object) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(arena.chain.w3.manager, "request_blocking", refuse)
        assert not challenger.try_step()
        assert challenger.trouble.startswith(said)
    work_through(challenger)
    assert challenger.trouble == ""
    assert challenger.watch.judge.head.id == 1


# --- money and time -------------------------------------------------------------------------------


def test_challenger_without_ether_says_so_and_convicts_once_it_has_some(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    poor = Account.from_key(keccak(b"poor"))
    arena.chain.send(arena.exchange.roles.outsider, to=poor.address, value=2 * 10**16)
    challenger = arena.challenger(poor)
    challenger.post._policy = FeePolicy(tip=10**10)
    for _ in range(6):
        challenger.try_step()
    assert challenger.trouble.startswith(NotEnoughFunds.__name__)
    assert poor.address in challenger.trouble
    assert head(arena.exchange) == 2
    arena.chain.send(arena.exchange.roles.outsider, to=poor.address, value=10**18)
    work_through(challenger)
    assert head(arena.exchange) == 1


def test_wrong_root_that_is_final_is_fatal_and_named(arena: Arena) -> None:
    fill, _ = arena.trade()
    batch = arena.lie([fill], roots=WRONG)
    arena.exchange.finalize(batch)
    arena.chain.mine()
    challenger = arena.challenger()
    with pytest.raises(FinalLie, match="batch 2 is final and lies"):
        work(challenger)
    assert challenger.tally.final_lies == 1
    assert challenger.watch.counts.final_before_judged == 2


def test_lie_that_was_convicted_long_ago_troubles_nobody(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    work(arena.challenger())
    arena.chain.travel(10_000)
    arena.chain.mine()
    late = arena.challenger()
    late.watch._span = 1  # its revert is read after the lie was judged
    work(late)
    assert late.tally.final_lies == 0
    assert late.watch.judge.head.id == 1


def test_frozen_exchange_is_watched_on_and_its_last_lie_convicted(arena: Arena) -> None:
    exchange, roles = arena.exchange, arena.exchange.roles
    exchange.deposit(roles.maker, arena.maker, TOKENS)
    exchange.ask(roles.taker, arena.taker)
    arena.chain.travel(exchange.windows.freeze + 10)
    lie = arena.lie([Release(arena.taker, 999 * TOKENS, 1)])
    exchange.freeze(roles.maker, arena.maker, lie)
    challenger = arena.challenger()
    work(challenger)
    assert challenger.watch.frozen
    assert head(exchange) == 1


def test_dry_run_says_what_it_would_send_and_sends_nothing(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    height = arena.chain.height
    with capture_logs() as logs:
        work(arena.challenger(dry_run=True))
    (said,) = [line for line in logs if line["event"] == "would send"]
    assert said["what"] == "convict batch 2"
    assert said["refused"] == ""
    assert arena.chain.height == height


def test_over_credit_is_convicted_unless_somebody_backs_it(arena: Arena) -> None:
    exchange = arena.exchange
    exchange.context.deposited[arena.taker] += TOKENS  # the model is told of a deposit to come
    arena.commit([Credit(arena.taker, TOKENS)])
    challenger = arena.challenger()
    while challenger.planner.proved() is None:
        challenger.watch.step()
    exchange.context.deposited[arena.taker] -= TOKENS
    exchange.deposit(exchange.roles.taker, arena.taker, TOKENS)
    with capture_logs() as logs:
        work(challenger)
    assert head(exchange) == 2
    assert "the contracts refuse it" in events(logs)
    fresh = arena.challenger()
    work(fresh)
    assert fresh.tally.lies == 0
