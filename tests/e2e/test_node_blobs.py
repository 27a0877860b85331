"""A node that commits in blobs, as a process, from deposit to claim."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matcher.archive import Archive
from matcher.batch import BLOB
from matcher.blobs.sources import Sources
from matcher.blobs.store import Store
from matcher.chain.archiver import Archiver
from matcher.chain.audit import audit
from matcher.client_errors import ProofInvalid
from matcher.proofs import verify_word_proof
from tests.e2e.test_node import PRICE, WINDOWS, Street, order_files
from tests.support.anvil import AnvilExchange, anvil_exchange, running_anvil
from tests.support.exchange import TOKENS, Roles


@pytest.fixture(scope="module")
def listed(artifacts: Any, roles: Roles) -> Iterator[AnvilExchange]:
    with running_anvil() as anvil:
        yield anvil_exchange(anvil, roles, WINDOWS)


def test_node_in_blob_mode_from_deposit_to_claim_over_a_kill(
    listed: AnvilExchange, tmp_path: Path
) -> None:
    street, anvil, roles = Street(listed, tmp_path), listed.anvil, listed.roles
    with street.process("--mode", "blob") as node:
        node.wait("node ready")
        node.wait("mode changed", first=1, mode="blob")
        node.wait("batches confirmed", last=1)
        with (
            street.client(node, roles.taker) as taker,
            street.client(node, roles.maker) as maker,
        ):
            maker.sell(street.symbol, PRICE, 5)
            assert [f["lots"] for f in taker.buy(street.symbol, PRICE, 5)["fills"]] == ["5"]
            node.wait("batches confirmed", last=2)
        node.kill()
    commands = street.journaled()
    with street.process("--mode", "blob") as node:
        assert node.wait("journal replayed")["commands"] == len(commands)
        node.wait("node ready")
        with street.client(node, roles.taker) as taker:
            taker.withdraw(11 * TOKENS)
            node.wait("batches confirmed", last=3)
            anvil.travel(WINDOWS.final_after)
            node.wait("batches final", last=3)
            assert street.claim(roles.outsider, taker.account_proof()) == 11 * TOKENS
            (fill,) = taker.fills()
            proof = taker.fill_proof(int(fill["number"]))
            assert int(proof["word"], 16) == int(fill["word"], 16)
            refuse_changed(proof)
            files = order_files(taker)
        assert node.terminate() == 0

    kept = Store(street.data / "blobs")
    archive = Archive(street.data / "batches")
    assert [archive.read(batch).mode for batch in (1, 2, 3)] == [BLOB] * 3
    archiver = Archiver(anvil.w3, listed.deployment, Sources([kept]), Store(tmp_path / "archiver"))
    assert archiver.step() == 3
    report = audit(anvil.w3, listed.deployment, files, sources=Sources([archiver.store]))
    assert report.sound, report.text()
    assert [law.holds for law in report.laws] == [True] * 8
    assert report.money.claimed == 11 * TOKENS


def refuse_changed(proof: dict[str, Any]) -> None:
    """The client believes nothing in a proof of a word in a blob."""
    verify_word_proof(proof)
    other = "0x01" + "11" * 31
    for changed in (
        proof | {"word": "0x00" + proof["word"][4:-1] + ("1" if proof["word"][-1] == "0" else "0")},
        proof | {"index": str(int(proof["index"]) + 1)},
        proof | {"blob": proof["blob"] | {"hashes": [other]}},
        proof | {"blob": proof["blob"] | {"commitment": "0xc0" + "00" * 47}},
        proof | {"blob": proof["blob"] | {"proof": "0xc0" + "00" * 47}},
    ):
        with pytest.raises(ProofInvalid):
            verify_word_proof(changed)
