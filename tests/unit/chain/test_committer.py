from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from matcher import commands as c
from matcher.batch import Batch
from matcher.chain import faults
from matcher.chain.committer import Committer, Stage
from matcher.errors import ReorgBelowConfirmed
from tests.support.chain import ETHER, account, reverts
from tests.support.decree import decree, ruling
from tests.support.exchange import TOKENS, Exchange
from tests.support.pipeline import Pipeline


@pytest.fixture
def pipeline(exchange: Exchange, tmp_path: Path) -> Pipeline:
    """A pipeline that has one batch to commit: the credit of a deposit."""
    made = Pipeline(exchange.deployment, tmp_path)
    next_batch(exchange, made, first=True)
    return made


def next_batch(exchange: Exchange, pipeline: Pipeline, first: bool = False) -> Batch:
    maker = exchange.roles.maker
    if first:
        exchange.open(maker)
    else:
        exchange.deposit(maker, 2, TOKENS)
    batch = pipeline.batch()
    assert batch is not None
    return batch


def committer_of(
    exchange: Exchange,
    pipeline: Pipeline,
    sender: LocalAccount | None = None,
    **options: Any,
) -> Committer:
    return Committer(
        exchange.chain.w3,
        exchange.deployment,
        pipeline.archive,
        sender or exchange.roles.operator,
        lambda: pipeline.follower.told,
        **options,
    )


def stages(committer: Committer) -> Iterator[Stage]:
    """Stages of the steps, up to the first that did nothing."""
    while True:
        stage = committer.step().stage
        yield stage
        if stage in (Stage.IDLE, Stage.CONFIRMING):
            return


def registry_head(exchange: Exchange) -> tuple[Any, ...]:
    return tuple(exchange.registry.functions.head().call())


def stands(exchange: Exchange, batch: Batch) -> bool:
    word = exchange.registry.functions.ringWord(batch.id).call()
    return bool(registry_head(exchange)[0] >= batch.id and word[:27] == batch.hash[:27])


def test_committer_commits_archived_batches_in_order_each_once(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    batches = [pipeline.archive.read(1)]
    committer = committer_of(exchange, pipeline)
    assert list(stages(committer)) == [Stage.SENT, Stage.IDLE]
    batches += [next_batch(exchange, pipeline) for _ in range(2)]
    assert list(stages(committer)) == [Stage.SENT, Stage.SENT, Stage.IDLE]
    assert committer.step().head == 3
    assert all(stands(exchange, batch) for batch in batches)
    pipeline.follow()
    found = [pipeline.follower.batches.get(batch.id) for batch in batches]
    assert [entry and entry.hash for entry in found] == [batch.hash for batch in batches]


def test_committer_made_anew_for_every_step_commits_each_batch_once(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    batches = [pipeline.archive.read(1)] + [next_batch(exchange, pipeline) for _ in range(2)]
    for expected in (Stage.SENT, Stage.SENT, Stage.SENT, Stage.IDLE, Stage.IDLE):
        assert committer_of(exchange, pipeline).step().stage == expected
    assert registry_head(exchange)[0] == 3
    assert all(stands(exchange, batch) for batch in batches)


def test_committer_with_confirmations_reports_a_batch_confirmed_when_it_is(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline, confirmations=3)
    assert committer.step().stage == Stage.SENT
    seen = []
    for _ in range(3):
        progress = committer.step()
        seen.append((progress.stage, progress.head, progress.confirmed))
        exchange.chain.mine()
    assert seen == [
        (Stage.CONFIRMING, 1, 0),
        (Stage.CONFIRMING, 1, 0),
        (Stage.IDLE, 1, 1),
    ]


def test_committer_of_a_batch_not_older_than_the_next_block_waits(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    pipeline.apply(c.Clock(exchange.chain.now))
    pipeline.apply(c.Redate(1, exchange.chain.now))
    committer = committer_of(exchange, pipeline)
    assert committer.step().stage == Stage.WAITING
    exchange.chain.travel(1)
    assert list(stages(committer)) == [Stage.SENT, Stage.IDLE]


def test_committer_of_a_batch_whose_lag_passed_says_so_and_redating_helps(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    old = pipeline.archive.read(1)
    deadline = old.built_at + exchange.windows.lag
    exchange.chain.at(deadline + 1)
    committer = committer_of(exchange, pipeline)
    with pytest.raises(faults.BatchTooOld) as caught:
        committer.step()
    assert str(caught.value) == (
        f"batch 1 was built at {old.built_at} and had to be on the chain by {deadline}"
        f" (lag 120 s); the next block is of {deadline + 1}: it has to be redated, with all"
        " batches after it"
    )
    assert not caught.value.fatal
    pipeline.redate()
    assert list(stages(committer)) == [Stage.SENT, Stage.IDLE]
    assert stands(exchange, pipeline.archive.read(1))


def test_committer_of_a_batch_at_the_end_of_its_lag_commits(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    exchange.chain.at(pipeline.archive.read(1).built_at + exchange.windows.lag)
    assert list(stages(committer_of(exchange, pipeline))) == [Stage.SENT, Stage.IDLE]


def test_committer_that_is_not_the_operator_says_who_is(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    roles = exchange.roles
    with pytest.raises(faults.NotCurrentOperator) as caught:
        committer_of(exchange, pipeline, roles.outsider).step()
    assert f"sent by {roles.outsider.address}" in str(caught.value)
    assert f"current operator is 1 ({roles.operator.address})" in str(caught.value)
    set_operator = exchange.registry.functions.setOperator
    exchange.chain.send(roles.owner, set_operator(0))
    with pytest.raises(faults.NotCurrentOperator, match="current operator is 0"):
        committer_of(exchange, pipeline).step()
    exchange.chain.send(roles.owner, set_operator(1))
    assert list(stages(committer_of(exchange, pipeline))) == [Stage.SENT, Stage.IDLE]


def test_committer_of_a_batch_built_under_another_index_asks_for_its_redating(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    roles, functions = exchange.roles, exchange.registry.functions
    exchange.chain.send(roles.owner, functions.addOperator(roles.operator.address))
    exchange.chain.send(roles.owner, functions.setOperator(2))
    with pytest.raises(faults.NotCurrentOperator, match="built for operator 1"):
        committer_of(exchange, pipeline).step()
    pipeline.redate()
    with pytest.raises(faults.BondBelowMinimum) as caught:
        committer_of(exchange, pipeline).step()
    assert str(caught.value) == (
        f"operator 2: bond is 0 wei, allowed at least {ETHER}: add {ETHER} wei with addBond"
    )
    exchange.chain.send(roles.operator, functions.addBond(2), value=ETHER)
    assert list(stages(committer_of(exchange, pipeline))) == [Stage.SENT, Stage.IDLE]
    assert pipeline.archive.read(1).operator == 2


def test_committer_while_paused_tries_again_later(exchange: Exchange, pipeline: Pipeline) -> None:
    committer, pause = committer_of(exchange, pipeline), exchange.registry.functions.setPaused
    exchange.chain.send(exchange.roles.owner, pause(True))
    with pytest.raises(faults.CommitsPaused, match="batch 1: commits are paused") as caught:
        committer.step()
    assert not caught.value.fatal
    exchange.chain.send(exchange.roles.owner, pause(False))
    assert list(stages(committer)) == [Stage.SENT, Stage.IDLE]


def test_committer_when_frozen_ends(exchange: Exchange, pipeline: Pipeline) -> None:
    exchange.chain.travel(exchange.windows.freeze + 1)
    exchange.freeze(exchange.roles.maker, 2, exchange.head)
    with pytest.raises(faults.ExchangeFrozen, match="batch 1: the exchange is frozen") as caught:
        committer_of(exchange, pipeline).step()
    assert caught.value.fatal


def test_committer_without_funds_says_how_much_is_missing(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    poor, functions = account("poor"), exchange.registry.functions
    exchange.chain.send(exchange.roles.owner, functions.addOperator(poor.address))
    exchange.chain.send(exchange.roles.owner, functions.addBond(2), value=ETHER)
    exchange.chain.send(exchange.roles.owner, functions.setOperator(2))
    pipeline.redate()
    committer = committer_of(exchange, pipeline, poor)
    with pytest.raises(faults.NotEnoughFunds, match=f"{poor.address} has 0 wei") as caught:
        committer.step()
    needed = int(str(caught.value).rpartition("send it ")[2].split()[0])
    exchange.chain.send(exchange.roles.owner, to=poor.address, value=needed)
    # The transfer raised the base fee by at most an eighth, and the offer with it.
    exchange.chain.send(exchange.roles.owner, to=poor.address, value=needed // 4)
    assert list(stages(committer)) == [Stage.SENT, Stage.IDLE]


def test_committer_that_finds_another_batch_under_its_id_names_both(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    ours = pipeline.archive.read(1)
    exchange.chain.travel(1)
    theirs = exchange.credit(2)
    assert theirs.header.batch_hash() != ours.hash
    with pytest.raises(faults.ForeignBatch) as caught:
        committer_of(exchange, pipeline).step()
    assert caught.value.fatal
    assert "batch 1" in str(caught.value)
    assert f"begins 0x{theirs.header.batch_hash()[:27].hex()}" in str(caught.value)
    assert f"has 0x{ours.hash.hex()}" in str(caught.value)


def test_committer_that_finds_a_batch_nobody_archived_names_it(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    list(stages(committer_of(exchange, pipeline)))
    exchange.chain.travel(1)
    send_again(exchange, pipeline.archive.read(1), exchange.parent)
    with pytest.raises(faults.ForeignBatch, match=r"batch 2: .* the archive has none"):
        committer_of(exchange, pipeline).step()


def send_again(exchange: Exchange, batch: Batch, parent: bytes) -> None:
    """The same words once more, by a second process perhaps."""
    chain = exchange.chain
    words = [int.from_bytes(word, "big") for word in batch.word_list()]
    anchor = (chain.height, chain.block_hash(chain.height))
    call = exchange.registry.functions.commit(batch.built_at, parent, *anchor, batch.extra, words)
    chain.send(exchange.roles.operator, call)


def test_commit_of_a_batch_that_is_sent_twice_is_refused_the_second_time(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    list(stages(committer_of(exchange, pipeline)))
    exchange.chain.travel(1)
    batch = pipeline.archive.read(1)
    parent = batch.header[32:64]
    with reverts("ParentMismatch", 1, exchange.parent, parent):
        send_again(exchange, batch, parent)


def test_committer_after_a_revert_does_not_commit_the_batch_again(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline)
    assert list(stages(committer)) == [Stage.SENT, Stage.IDLE]
    batch = pipeline.archive.read(1)
    head = [batch.header[:32], *(batch.header[i : i + 32] for i in range(32, 192, 32))]
    genesis = exchange.head.encoded()
    prover = exchange.deployment.addresses["transition_prover"]
    revert = exchange.registry.functions.convict(prover, tuple(head), genesis, decree())
    with ruling(exchange.chain, prover):
        exchange.chain.send(exchange.roles.challenger, revert)
    with pytest.raises(faults.BatchWasReverted, match="batch 1 ") as caught:
        committer.step()
    assert caught.value.fatal


def test_committer_when_the_told_block_left_the_chain_sends_nothing(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    told = pipeline.follower.told
    assert told is not None
    pipeline.follower.told = c.ChainBlock(told.number, b"\x11" * 32, told.time)
    with pytest.raises(ReorgBelowConfirmed, match=f"block {told.number}: found 0x"):
        committer_of(exchange, pipeline).step()
    assert registry_head(exchange)[0] == 0


def test_committer_of_a_node_behind_the_told_block_waits(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    told = pipeline.follower.told
    assert told is not None
    pipeline.follower.told = c.ChainBlock(told.number + 1, told.hash, told.time)
    committer = committer_of(exchange, pipeline)
    assert committer.step().stage == Stage.WAITING
    assert registry_head(exchange)[0] == 0


def test_committer_rehearses_and_decodes_what_the_contract_answers(
    exchange: Exchange, pipeline: Pipeline
) -> None:
    batch = pipeline.archive.read(1)

    class Broken:
        """An archive whose batch lacks its last word."""

        def __contains__(self, batch_id: int) -> bool:
            return batch_id == 1

        def read(self, batch_id: int) -> Batch:
            return Batch(batch.header, batch.words[:-32], batch.order_file)

    committer = Committer(
        exchange.chain.w3,
        exchange.deployment,
        Broken(),
        exchange.roles.operator,
        lambda: pipeline.follower.told,
    )
    with pytest.raises(faults.CommitReverted, match=r"WordCount\(31\) \(it was not sent\)"):
        committer.step()
    assert registry_head(exchange)[0] == 0
