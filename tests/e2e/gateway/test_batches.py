"""Batches, order files, and proofs that a reader checks alone."""

import msgspec
import pytest
from eth_utils import keccak as eth_keccak

from matcher.client import ProofInvalid
from matcher.errors import Reject
from matcher.gateway import BatchStage
from matcher.proofs import header_hash, verify_account_proof, verify_word_proof
from tests.support.gateway import (
    CALL,
    START,
)
from tests.support.requests import HTTP, PRICE, refusal


@pytest.fixture
def batched(exchange, alice, bob):
    """Two batches: in the first a fill and a withdrawal, in the second a fill."""
    alice.buy(CALL, PRICE, 3)
    bob.sell(CALL, PRICE, 1)
    alice.withdraw(5)
    exchange.close_batch()
    bob.sell(CALL, PRICE, 1)
    exchange.close_batch()
    return exchange


def test_fill_once_batched_is_proved_against_its_header(batched, alice):
    fills = alice.fills()
    assert [fill["batch"] for fill in fills] == ["2", "1"]
    for fill in fills:
        proof = alice.fill_proof(int(fill["number"]))
        assert proof["word"][4:] == fill["word"][2:]
        assert (proof["batch"], proof["index"]) == (fill["batch"], fill["index"])
        words = alice.get(f"/batches/{fill['batch']}/words")["words"]
        assert words[int(fill["index"])] == proof["word"]
        verify_word_proof(proof)
        for wrong in (
            proof | {"word": "0x" + "01" * 32},
            proof | {"index": str(int(proof["index"]) ^ 1)},
            proof | {"index": str(len(words))},
            proof | {"header": proof["header"] | {"chunksRoot": "0x" + "01" * 32}},
            proof | {"path": proof["path"] | {"siblings": []}},
        ):
            with pytest.raises(ProofInvalid):
                verify_word_proof(wrong)


def test_fill_not_yet_batched_has_no_proof(alice, bob, exchange):
    alice.buy(CALL, PRICE, 1)
    bob.sell(CALL, PRICE, 1)
    response = HTTP.get(f"{exchange.url}/v1/fills/1/proof")
    refusal(response, Reject.NOT_BATCHED, 409, "fill")


def test_account_is_proved_against_the_latest_final_batch(batched, alice):
    batched.chain.set(1, BatchStage.FINAL, committed_at=START, final_at=START + 1000)
    batched.chain.set(2, BatchStage.COMMITTED, committed_at=START, final_at=START + 1100)
    final, latest = alice.account_proof(), alice.account_proof("latest")
    assert (final["batch"], final["status"]) == ("1", "final")
    assert (latest["batch"], latest["status"]) == ("2", "committed")
    assert alice.account_proof(2) == latest
    assert final["leaf"] != latest["leaf"]
    # Word 0: cash:i64 | exited:u64 | credited:u56 | ...
    word = int(latest["leaf"][0], 16)
    assert word >> 192 == int(alice.balances()["cash"])
    assert word >> 128 & (2**64 - 1) == 5
    for wrong in (
        final | {"leaf": latest["leaf"]},
        final | {"account": "3"},
        final | {"header": latest["header"]},
        final | {"batchHash": latest["batchHash"]},
        final | {"path": {"present": "0", "siblings": []}},
    ):
        with pytest.raises(ProofInvalid):
            verify_account_proof(wrong)


def test_account_before_any_batch_is_proved_empty_against_genesis(alice):
    proof = alice.account_proof()
    assert proof["batch"] == "0"
    assert proof["leaf"] == ["0x" + "00" * 32] * 2
    assert proof["path"] == {"present": "0", "siblings": []}


def test_batches_are_listed_with_their_place_on_the_chain(batched, alice):
    batched.chain.set(
        1, BatchStage.COMMITTED, committed_at=START, final_at=START + 1000, confirmations=3,
        transaction=b"\x11" * 32,
    )  # fmt: skip
    newest, first = alice.get("/batches")["batches"]
    assert (newest["batch"], newest["status"], newest["committedAt"]) == ("2", "closed", None)
    assert (first["status"], first["confirmations"]) == ("committed", "3")
    assert first["transaction"] == "0x" + "11" * 32
    # Four deposits, a fill, a withdrawal.
    assert (first["ops"], first["fills"]) == ("6", "1")
    one = alice.get("/batches/1")
    assert one == first | {"header": one["header"]}
    assert "0x" + header_hash(one["header"]).hex() == first["batchHash"]
    assert alice.get("/batches", before=2)["batches"] == [first]
    status = alice.status()
    assert (status["closed"], status["head"], status["final"], status["pending"]) == (
        "2",
        "1",
        "0",
        "1",
    )


def test_order_file_is_served_as_the_header_binds_it(batched, alice):
    raw = HTTP.get(f"{batched.url}/v1/batches/1/orders").content
    header = alice.get("/batches/1")["header"]
    assert "0x" + eth_keccak(raw).hex() == header["extra"]
    content = msgspec.json.decode(raw)
    assert [message["type"] for message in content["messages"]] == ["Order", "Order", "Withdrawal"]
    assert len(alice.get("/batches/1/words")["words"]) == 32
