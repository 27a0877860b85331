"""A commit that landed between two reads of the chain was taken for a reverted batch.

The committer looked at the chain at one block and asked for the ring word of the next batch at the
newest. A transaction of an earlier process, mined in between, made it say `BatchWasReverted`,
which is fatal: the node committed nothing any more.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matcher.batch import Batch
from matcher.chain.committer import Committer, Stage
from matcher.chain.faults import CommitReverted
from tests.support.exchange import Exchange
from tests.support.pipeline import Pipeline


def land(exchange: Exchange, batch: Batch) -> None:
    """What an earlier process had sent is mined now."""
    chain = exchange.chain
    words = [int.from_bytes(word, "big") for word in batch.word_list()]
    anchor = (chain.height, chain.block_hash(chain.height))
    call = exchange.registry.functions.commit(
        batch.built_at, batch.header[32:64], *anchor, batch.extra, words
    )
    chain.send(exchange.roles.operator, call)


def test_committer_whose_batch_lands_while_it_looks_finds_it_a_step_later(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline(exchange.deployment, tmp_path)
    exchange.open(exchange.roles.maker)
    batch = pipeline.batch()
    assert batch is not None
    exchange.chain.travel(1)
    committer = Committer(
        exchange.deployment.w3,
        exchange.deployment,
        pipeline.archive,
        exchange.roles.operator,
        lambda: pipeline.follower.told,
    )
    ask: Callable[[Any], Any] = committer._unknown_flight

    def ask_then_land(sight: Any) -> Any:
        flight = ask(sight)  # whether anything waits: nothing
        monkeypatch.undo()
        land(exchange, batch)
        return flight

    monkeypatch.setattr(committer, "_unknown_flight", ask_then_land)
    with pytest.raises(CommitReverted, match=r"ParentMismatch.*it was not sent") as caught:
        committer.step()
    assert not caught.value.fatal
    assert committer.step().stage == Stage.IDLE
