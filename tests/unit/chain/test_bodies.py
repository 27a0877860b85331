"""Words of committed batches, from logs and blobs."""

import pytest

from matcher.chain.bodies import NAMES, Bodies, Body, bodies
from matcher.chain.logs import Log, LogReader
from matcher.errors import ChainError
from tests.support.exchange import Exchange


def logs_of(exchange: Exchange) -> list[Log]:
    first, last = exchange.deployment.genesis_block, exchange.chain.height
    return LogReader(exchange.chain.w3, exchange.deployment).read(first, last, NAMES)


def test_bodies_in_calldata_mode_are_the_words_that_were_committed(exchange: Exchange) -> None:
    account = exchange.open(exchange.roles.maker)
    batches = [exchange.credit(account), exchange.commit([], [])]
    found = list(bodies(exchange.chain.w3, exchange.deployment))
    assert [log.args["batchHash"] for log, _ in found] == [b.header.batch_hash() for b in batches]
    assert [body for _, body in found] == [Body(b.words) for b in batches]
    assert [len(body.words) for _, body in found] == [32, 64]


def test_bodies_of_some_blocks_are_those_alone(exchange: Exchange) -> None:
    exchange.credit(exchange.open(exchange.roles.maker))
    middle = exchange.chain.height
    second = exchange.commit([])
    w3, deployment = exchange.chain.w3, exchange.deployment
    assert [log.args["id"] for log, _ in bodies(w3, deployment, last=middle)] == [1]
    (found,) = bodies(w3, deployment, first=middle + 1)
    assert found[1].words == second.words


def test_bodies_of_a_commit_whose_body_was_not_shown_say_so(exchange: Exchange) -> None:
    exchange.credit(exchange.open(exchange.roles.maker))
    taken = Bodies()
    _genesis, committed = (log for log in logs_of(exchange) if log.name == "BatchCommitted")
    with pytest.raises(ChainError, match=rf"batch 1 in block {committed.block}: no body"):
        taken.of(committed)
