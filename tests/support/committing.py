"""Committers on anvil, with batches to commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hexbytes import HexBytes

from matcher.chain.committer import Committer, Progress, Stage
from matcher.types import Windows
from tests.support.anvil import Anvil, AnvilExchange, anvil_exchange, running_anvil
from tests.support.exchange import TOKENS, Roles
from tests.support.pipeline import Pipeline

WINDOWS = Windows(challenge=600, answer=100, freeze=90_000, notice=60, lag=3600)
MAKER = 2  # the account that deposits


@contextmanager
def listed_on_anvil(roles: Roles) -> Iterator[AnvilExchange]:
    """An exchange with one account, which has deposited."""
    with running_anvil() as anvil:
        exchange = anvil_exchange(anvil, roles, WINDOWS)
        assert exchange.open(roles.maker) == MAKER
        yield exchange


@contextmanager
def restored(exchange: AnvilExchange) -> Iterator[AnvilExchange]:
    """The exchange, which is what it was before once the block ends."""
    anvil = exchange.anvil
    snapshot = anvil.rpc("evm_snapshot")
    anvil.mine()  # no block of this test has the hash of another test's
    yield exchange
    anvil.restore(snapshot)


def three_batches(exchange: AnvilExchange, directory: Path) -> Pipeline:
    """A pipeline with three batches to commit, whose headers say calldata."""
    pipeline = Pipeline(exchange.deployment, directory / "archive")
    assert pipeline.batch()
    for _ in range(2):
        exchange.deposit(exchange.roles.maker, MAKER, TOKENS)
        assert pipeline.batch()
    exchange.anvil.travel(5)  # blocks of one second may have its time; a commit must be later
    return pipeline


def committer_of(exchange: AnvilExchange, pipeline: Pipeline, **options: Any) -> Committer:
    return Committer(
        options.pop("w3", exchange.anvil.w3),
        exchange.deployment,
        pipeline.archive,
        exchange.roles.operator,
        lambda: pipeline.follower.told,
        **options,
    )


def run(committer: Committer, anvil: Anvil, limit: int = 200) -> Progress:
    """Step until there is nothing left to do, on a node that mines what it gets."""
    for _ in range(limit):
        progress = landed(committer.step(), anvil)
        if progress.stage == Stage.IDLE:
            return progress
    raise AssertionError(f"still {progress}")


def landed(progress: Progress, anvil: Anvil) -> Progress:
    """Wait until what was sent is in a block: anvil mines after it has answered."""
    if progress.stage in (Stage.SENT, Stage.REPLACED):
        anvil.w3.eth.wait_for_transaction_receipt(
            HexBytes(progress.transaction), timeout=60, poll_latency=0.01
        )
    return progress


def stick(anvil: Anvil, blocks: int) -> None:
    """Mine blocks that are too small for what waits."""
    anvil.rpc("evm_setBlockGasLimit", hex(30_000))
    anvil.mine(blocks)
    anvil.rpc("evm_setBlockGasLimit", hex(30_000_000))
