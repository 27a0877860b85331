"""A full blob, filled by a real node: what it costs on a real chain, and that it is true.

The promise is of a ring that was filled once: a place of it that was never used costs 17,100 gas
more. So two old batches are laid where this one and the next will stand.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matcher.archive import Archive
from matcher.batch import BLOB
from matcher.blobs.sources import BeaconNode, Sources
from matcher.chain.audit import audit
from matcher.client import Client
from matcher.types import CHUNK_OPS, Order, Windows
from matcher.wire import MAX_ORDERS
from tests.e2e.test_node import PRICE, Street, order_files
from tests.support.anvil import Anvil, AnvilExchange, anvil_exchange, running_anvil
from tests.support.exchange import TOKENS, Roles
from tests.support.process import NodeProcess

WINDOWS = Windows(challenge=600, answer=100, freeze=90_000, notice=60, lag=3600)
CHUNKS = 128
FILLS = CHUNKS * CHUNK_OPS
PER_FILL = 40  # gas
BLOB_GAS = 1 << 17
RING_SLOT = 4  # of BatchRegistry, as tests/layout has it
MONEY = 1_000_000 * TOKENS


@pytest.fixture(scope="module")
def listed(artifacts: Any, roles: Roles) -> Iterator[AnvilExchange]:
    with running_anvil() as anvil:
        yield anvil_exchange(anvil, roles, WINDOWS)


def test_full_blob_of_a_node_costs_at_most_40_gas_per_fill(
    listed: AnvilExchange, tmp_path: Path
) -> None:
    street, roles = Street(listed, tmp_path), listed.roles
    for trader, account in ((roles.taker, street.taker), (roles.maker, street.maker)):
        listed.send(trader, listed.deployment.token.functions.mint(trader.address, MONEY))
        listed.deposit(trader, account, MONEY)
    with street.process("--mode", "blob") as node:
        node.wait("mode changed", first=1, mode="blob")
        node.wait("batches confirmed", last=1)  # the deposits, alone
        assert node.terminate() == 0
    use_ring(listed, 2)
    with street.process("--mode", "blob", "--batch-age", "3000", "--batch-chunks", "128") as node:
        assert node.wait("batches limited") == node.wait("batches limited", calldata=127, blob=128)
        node.wait("node ready")
        with (
            street.client(node, roles.taker) as taker,
            street.client(node, roles.maker) as maker,
        ):
            rest(maker, street.symbol)
            bought = taker.buy(street.symbol, PRICE, FILLS)
            assert bought["order"]["status"] == "filled"
            receipt = committed(node, listed.anvil, 2)
            node.wait("batches confirmed", last=2)
            last = taker.fill_proof(int(bought["fills"][-1]["number"]))
            assert (last["batch"], last["index"]) == ("2", str(32 * CHUNKS - 3))
            files = order_files(taker)
        assert node.terminate() == 0

    batch = Archive(street.data / "batches").read(2)
    assert (batch.mode, batch.chunk_count) == (BLOB, CHUNKS)
    assert receipt["gasUsed"] <= PER_FILL * FILLS
    assert receipt["blobGasUsed"] == BLOB_GAS
    sources = Sources([BeaconNode(listed.anvil.url)])
    report = audit(listed.anvil.w3, listed.deployment, files, sources=sources)
    assert report.sound, report.text()
    assert [place.chunks for place in report.batches] == [1, CHUNKS]


def use_ring(exchange: AnvilExchange, first: int) -> None:
    """Lay old, final batches where batch `first` and the next will stand."""
    registry = exchange.deployment.registry
    for place in (first, first + 1):
        word = "0x" + (b"\xaa" * 27 + (1).to_bytes(5, "big")).hex()
        slot = "0x" + (RING_SLOT + place).to_bytes(32, "big").hex()
        exchange.anvil.rpc("anvil_setStorageAt", registry.address, slot, word)
        assert "0x" + registry.functions.ringWord(place).call().hex() == word


def rest(maker: Client, symbol: str) -> None:
    """As many offers of one lot as a full blob has room for fills."""
    expiry = maker.now() + 3000
    offers = [
        Order(maker.account, symbol, False, PRICE, 1, order_id, expiry, 0)
        for order_id in maker.next_order_ids(FILLS)
    ]
    for start in range(0, FILLS, MAX_ORDERS):
        for answer in maker.place_many(offers[start : start + MAX_ORDERS]):
            assert answer["order"]["status"] == "open", answer


def committed(node: NodeProcess, anvil: Anvil, batch: int) -> Any:
    """The receipt of a commit."""
    sent = node.wait("commit sent", batch=batch, mode="blob", chunks=CHUNKS)
    return anvil.w3.eth.wait_for_transaction_receipt(sent["transaction"], poll_latency=0.05)
