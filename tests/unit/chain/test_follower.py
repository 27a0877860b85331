import itertools
from pathlib import Path

import pytest
from web3.exceptions import Web3RPCError

from matcher import commands as c
from matcher.chain.follower import Follower
from matcher.chain.logs import LogReader
from matcher.errors import DeploymentError, ReorgBelowConfirmed
from tests.support.exchange import CAP, EXPIRY, MARKET, TOKENS, Exchange
from tests.support.pipeline import Pipeline


def follower_of(exchange: Exchange, **options: object) -> Follower:
    return Follower(exchange.chain.w3, exchange.deployment, **options)  # type: ignore[arg-type]


def everything(follower: Follower) -> list[c.Command]:
    return list(itertools.chain.from_iterable(iter(follower.poll, [])))


def facts(commands: list[c.Command]) -> list[c.Command]:
    return [command for command in commands if not isinstance(command, c.ChainBlock)]


def owner_of(exchange: Exchange, name: str) -> bytes:
    return bytes.fromhex(getattr(exchange.roles, name).address[2:])


def test_follower_tells_every_kind_of_fact_in_the_order_of_the_chain(exchange: Exchange) -> None:
    chain, roles, vault = exchange.chain, exchange.roles, exchange.vault.functions
    before = follower_of(exchange)
    listed = facts(everything(before))
    assert listed[0] == c.AccountOpened(0, owner_of(exchange, "fees"))
    assert listed[1:4] == [
        c.OperatorNamed(1),
        c.MarketListed(MARKET, "BTC", 100, TOKENS),
        c.FeesSet(MARKET, 3, -1, 3, -1, listed[3].active_at),
    ]
    assert listed[4] == c.ExpiryOpened(MARKET, EXPIRY, CAP)
    strikes = ((0, 100), (1, 100), (0, 120), (1, 80))
    assert listed[5:] == [
        c.InstrumentListed(i, MARKET, kind, EXPIRY, strike)
        for i, (kind, strike) in enumerate(strikes, 1)
    ]

    account = exchange.open(roles.maker, 1000 * TOKENS)
    opened_at = chain.w3.eth.get_block("latest")["timestamp"]
    exchange.deposit(roles.maker, account, 5 * TOKENS)
    until = chain.now + 5000
    chain.send(roles.maker, vault.registerKey(account, roles.outsider.address, until))
    registered_at = chain.w3.eth.get_block("latest")["timestamp"]
    chain.send(roles.maker, vault.revokeKey(account, roles.outsider.address, until - 1000))
    chain.send(roles.maker, vault.setOrdersUntil(account, until))
    exchange.ask(roles.maker, account)
    asked_at = chain.w3.eth.get_block("latest")["timestamp"]
    key = owner_of(exchange, "outsider")
    assert facts(everything(before)) == [
        c.AccountOpened(account, owner_of(exchange, "maker")),
        c.Deposited(account, 1000 * TOKENS, opened_at),
        c.Deposited(account, 1005 * TOKENS, opened_at + 1),
        c.KeySet(account, key, registered_at, until),
        c.KeySet(account, key, registered_at, until - 1000),
        c.OrdersUntilSet(account, until),
        c.Asked(account, 1, asked_at),
    ]

    exchange.settle(150 * TOKENS)
    fixed_at = chain.w3.eth.get_block("latest")["timestamp"]
    assert facts(everything(before)) == [c.PriceFixed(MARKET, EXPIRY, 150 * TOKENS, fixed_at)]


def test_follower_with_confirmations_tells_only_blocks_that_have_them(exchange: Exchange) -> None:
    follower = follower_of(exchange, confirmations=3)
    everything(follower)
    assert follower.told is not None
    assert follower.told.number == exchange.chain.height - 2
    exchange.open(exchange.roles.maker)
    assert not any(isinstance(f, c.Deposited) for f in everything(follower))
    exchange.chain.mine(2)
    assert any(isinstance(f, c.Deposited) for f in everything(follower))
    assert follower.exchange_time() == follower.told.time


def test_follower_in_small_ranges_tells_the_same(exchange: Exchange) -> None:
    exchange.open(exchange.roles.maker)
    whole, pieces = follower_of(exchange), follower_of(exchange, span=1)
    first = whole.poll()
    assert whole.poll() == []
    assert whole.caught_up
    many = everything(pieces)
    assert facts(many) == facts(first)
    assert many[-1] == first[-1]
    assert len(many) - len(facts(many)) == whole.told.number - exchange.deployment.genesis_block + 1


def test_follower_resumed_goes_on_after_the_last_block_told(exchange: Exchange) -> None:
    first = follower_of(exchange)
    everything(first)
    account = exchange.open(exchange.roles.maker)
    again = follower_of(exchange, start=first.told)
    assert [type(f) for f in facts(everything(again))] == [c.AccountOpened, c.Deposited]
    assert account == 2


def test_follower_resumed_knows_the_batches_committed_before(exchange: Exchange) -> None:
    account = exchange.open(exchange.roles.maker)
    batch = exchange.credit(account)
    first = follower_of(exchange)
    everything(first)
    again = follower_of(exchange, start=first.told)
    again.poll()
    for follower in (first, again):
        found = follower.batches.get(1)
        assert found is not None
        assert found.hash == batch.header.batch_hash()
        assert found.committed_at == batch.committed_at
        assert follower.batches.head == 1
        assert follower.batches.latest_final(follower.time) == 0
    exchange.finalize(batch)
    again.poll()
    assert again.batches.latest_final(again.time) == 0  # one second before the block of finality
    exchange.chain.travel(1)
    again.poll()
    assert again.batches.latest_final(again.time) == 1


def test_follower_facts_told_twice_change_nothing(exchange: Exchange, tmp_path: Path) -> None:
    account = exchange.open(exchange.roles.maker)
    exchange.ask(exchange.roles.maker, account)
    pipeline = Pipeline(exchange.deployment, tmp_path)
    pipeline.follow()
    before = pipeline.engine.state_hash()
    pipeline.tell(facts(pipeline.told))
    assert pipeline.engine.state_hash() == before


def test_follower_after_a_reorg_of_unconfirmed_blocks_tells_the_new_ones(
    exchange: Exchange,
) -> None:
    chain = exchange.chain
    follower = follower_of(exchange, confirmations=3)
    everything(follower)
    chain.mine(3)
    everything(follower)
    before = chain.snapshot()
    exchange.open(exchange.roles.maker)
    everything(follower)
    chain.revert(before)
    exchange.open(exchange.roles.taker)
    chain.mine(3)
    told = facts(everything(follower))
    assert [f for f in told if isinstance(f, c.AccountOpened)] == [
        c.AccountOpened(2, owner_of(exchange, "taker"))
    ]


def test_follower_after_a_reorg_of_told_blocks_names_block_expected_and_found(
    exchange: Exchange,
) -> None:
    chain = exchange.chain
    before = chain.snapshot()
    exchange.open(exchange.roles.maker)
    follower = follower_of(exchange)
    everything(follower)
    told = follower.told
    assert told is not None
    chain.revert(before)
    chain.mine()
    found = chain.block_hash(told.number)
    with pytest.raises(ReorgBelowConfirmed) as caught:
        follower.poll()
    text = str(caught.value)
    assert f"block {told.number}: found 0x{found.hex()}, expected 0x{told.hash.hex()}" in text


def test_follower_resumed_on_a_reorganized_chain_refuses(exchange: Exchange) -> None:
    first = follower_of(exchange)
    everything(first)
    told = first.told
    assert told is not None
    false_start = c.ChainBlock(told.number, bytes(32), told.time)
    with pytest.raises(ReorgBelowConfirmed, match=f"block {told.number}"):
        follower_of(exchange, start=false_start).poll()


def test_follower_of_a_node_that_fell_behind_waits(exchange: Exchange) -> None:
    chain = exchange.chain
    before = chain.snapshot()
    chain.mine(2)
    follower = follower_of(exchange)
    everything(follower)
    told = follower.told
    chain.revert(before)
    assert follower.poll() == []
    assert follower.told == told


def test_follower_on_a_shorter_chain_with_another_block_refuses(exchange: Exchange) -> None:
    chain = exchange.chain
    before = chain.snapshot()
    follower = follower_of(exchange)
    account = exchange.open(exchange.roles.maker)  # a block that is known by its log
    opened_in = chain.height
    exchange.deposit(exchange.roles.maker, account, TOKENS)
    everything(follower)
    chain.revert(before)
    chain.mine()
    assert chain.height == opened_in
    with pytest.raises(ReorgBelowConfirmed, match=f"block {opened_in}:"):
        follower.poll()


def test_follower_on_another_chain_refuses(exchange: Exchange) -> None:
    import dataclasses

    foreign = dataclasses.replace(exchange.deployment, genesis_hash="0x" + "11" * 32)
    with pytest.raises(DeploymentError, match="expected the deployment's 0x1111"):
        Follower(exchange.chain.w3, foreign).poll()


def halts(commands: list[c.Command]) -> list[c.Command]:
    return [f for f in commands if isinstance(f, c.Halted | c.Resumed)]


def test_follower_tells_a_pause_and_its_end(exchange: Exchange) -> None:
    follower = follower_of(exchange)
    everything(follower)
    pause = exchange.registry.functions.setPaused
    exchange.chain.send(exchange.roles.owner, pause(True))
    exchange.chain.send(exchange.roles.owner, pause(False))
    told = halts(everything(follower))
    assert told == [c.Halted("commits and deposits are paused"), c.Resumed()]


@pytest.mark.parametrize("resumed", [False, True])
def test_follower_after_a_revert_never_resumes(exchange: Exchange, resumed: bool) -> None:
    account = exchange.open(exchange.roles.maker)
    genesis = exchange.head
    exchange.credit(account)
    follower = follower_of(exchange)
    everything(follower)
    exchange.revert_to(genesis)
    told = halts(everything(follower))
    assert told == [c.Halted("batch 1 was reverted")]
    assert follower.batches.head == 0
    assert follower.batches.was_reverted(1)
    if resumed:
        follower = follower_of(exchange, start=follower.told)
    exchange.chain.send(exchange.roles.owner, exchange.registry.functions.setPaused(False))
    assert halts(everything(follower)) == []


def test_follower_tells_a_freeze(exchange: Exchange) -> None:
    account = exchange.open(exchange.roles.maker)
    follower = follower_of(exchange)
    everything(follower)
    exchange.chain.travel(exchange.windows.freeze + 1)
    exchange.freeze(exchange.roles.maker, account, exchange.head)
    assert halts(everything(follower)) == [c.Halted("the exchange is frozen")]


def test_log_reader_halves_ranges_that_the_node_refuses(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    eth = exchange.chain.w3.eth
    real = eth.get_logs

    def limited(question: dict[str, int]) -> object:
        if question["toBlock"] - question["fromBlock"] >= 4:
            raise Web3RPCError("query returned more than 10000 results")
        return real(question)  # type: ignore[arg-type]

    first, last = exchange.deployment.genesis_block, exchange.chain.height
    reader = LogReader(exchange.chain.w3, exchange.deployment)
    whole = reader.read(first, last, {"MarketListed", "InstrumentListed"})
    assert len(whole) == 5
    monkeypatch.setattr(eth, "get_logs", limited)
    assert reader.read(first, last, {"MarketListed", "InstrumentListed"}) == whole
