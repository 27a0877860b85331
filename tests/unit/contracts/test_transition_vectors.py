"""TRANSITION on golden vectors: facts, witnesses and verdicts as the model once wrote them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matcher.reference.context import Context
from matcher.reference.header import Header
from matcher.types import Fees, Instrument, Market
from tests.support import facts
from tests.support.exchange import WINDOWS, Exchange
from tests.support.judging import Case, Court, Fault, Verdict

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "chunks.json").read_text())
CHUNKS = [*VECTORS["chunks"], *VECTORS["lies"]]


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def numbers(entry: dict[str, Any], *names: str) -> tuple[int, ...]:
    return tuple(int(entry[name]) for name in names)


def context_of(told: dict[str, Any]) -> Context:
    built_at, lag, count = numbers(told, "builtAt", "lag", "accountCount")
    context = Context(built_at=built_at, lag=lag, opened=facts.opened_up_to(count - 1))
    for one in told["markets"]:
        index, tick_value, strike_value = numbers(one, "index", "tick_value", "strike_value")
        context.markets[index] = Market(index, one["name"], tick_value, strike_value)
        context.fees[index] = Fees(*numbers(one, *Fees.__struct_fields__))
    for one in told["expiries"]:
        context.caps[numbers(one, "market", "expiry")] = int(one["cap"])  # type: ignore[index]
    for one in told["prices"]:
        key, fixed = numbers(one, "market", "expiry"), numbers(one, "price", "fixedAt")
        context.prices[key] = fixed  # type: ignore[index, assignment]
    for one in told["instruments"]:
        listed = Instrument(*numbers(one, *Instrument.__struct_fields__))
        context.instruments[listed.index] = listed
    for one in told["counters"]:
        account, context.deposited[account], context.asks[account] = numbers(
            one, "account", "deposited", "asks"
        )
    return context


@pytest.fixture(scope="module")
def court(shared_exchange: Exchange) -> Iterator[Court]:
    assert int(VECTORS["facts"]["lag"]) == WINDOWS.lag
    with shared_exchange.chain.passing():
        facts.put(shared_exchange, context_of(VECTORS["facts"]))
        yield Court(shared_exchange)


@pytest.mark.parametrize("vector", CHUNKS, ids=[vector["name"] for vector in CHUNKS])
def test_chunk_vectors_are_judged_alike(court: Court, vector: dict[str, Any]) -> None:
    header = Header(
        operator=1,
        id=1,
        built_at=int(VECTORS["facts"]["builtAt"]),
        chunk_count=1,
        chunks_root=raw(vector["chunksRoot"]),
    )
    previous = Header(state_root=raw(VECTORS["stateRoot"]))
    found = court.judge(Case(header, previous, raw(vector["witness"])))
    fault = Fault[vector["fault"]]
    assert found == Verdict(fault, 0, int(vector["place"]), root=raw(vector["root"]))


def test_chunk_vectors_name_every_fault_of_an_op() -> None:
    told = {vector["fault"] for vector in CHUNKS}
    assert told == {
        "NONE",
        *(fault.name for fault in Fault if Fault.MALFORMED_CHUNK < fault <= Fault.WRONG_ROOT),
    }
