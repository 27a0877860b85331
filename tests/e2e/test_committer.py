"""The committer on a node with a mempool, and with a chain that changes its mind."""

import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint, RPCResponse

from matcher.chain import faults
from matcher.chain.committer import Progress, Stage
from matcher.chain.fees import GWEI, FeePolicy
from matcher.chain.logs import LogReader
from tests.support.anvil import Anvil, AnvilExchange
from tests.support.committing import (
    WINDOWS,
    committer_of,
    landed,
    listed_on_anvil,
    restored,
    run,
    stick,
    three_batches,
)
from tests.support.exchange import Roles
from tests.support.pipeline import Pipeline


@pytest.fixture(scope="module")
def listed(artifacts: Any, roles: Roles) -> Iterator[AnvilExchange]:
    with listed_on_anvil(roles) as exchange:
        yield exchange


@pytest.fixture
def exchange(listed: AnvilExchange) -> Iterator[AnvilExchange]:
    with restored(listed):
        yield listed


@pytest.fixture
def anvil(exchange: AnvilExchange) -> Anvil:
    return exchange.anvil


@pytest.fixture
def pipeline(exchange: AnvilExchange, tmp_path: Path) -> Pipeline:
    return three_batches(exchange, tmp_path)


def bodies(exchange: AnvilExchange) -> list[tuple[int, bytes]]:
    """(id, hash) of every batch that the chain holds, as its logs tell."""
    reader = LogReader(exchange.anvil.w3, exchange.deployment)
    logs = reader.read(exchange.deployment.genesis_block, exchange.anvil.height, {"BatchCommitted"})
    return [(log.args["id"], log.args["batchHash"]) for log in logs][1:]


def archived(pipeline: Pipeline) -> list[tuple[int, bytes]]:
    return [(i, pipeline.archive.read(i).hash) for i in pipeline.archive.ids()]


# --- reorganizations --------------------------------------------------------------------------


def test_committer_after_a_reorg_of_its_commit_commits_the_same_header_again(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline)
    run(committer, anvil)
    before = bodies(exchange)
    anvil.reorg(2)
    assert exchange.head() == 1
    run(committer, anvil)
    assert bodies(exchange) == before == archived(pipeline)


def test_committer_after_a_reorg_deeper_than_its_lag_asks_for_redating(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline)
    run(committer, anvil)
    anvil.reorg(1)
    anvil.travel(WINDOWS.lag)
    with pytest.raises(faults.BatchTooOld, match="batch 3 "):
        committer.step()
    pipeline.redate()
    anvil.travel(1)
    run(committer, anvil)
    assert bodies(exchange) == archived(pipeline)


def test_committer_of_a_child_whose_parent_left_the_chain_never_lands_in_its_place(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline, confirmations=3)
    nonce = anvil.w3.eth.get_transaction_count(exchange.roles.operator.address)
    assert landed(committer.step(), anvil).stage == Stage.SENT  # batch 1
    assert exchange.head() == 1
    anvil.automine(False)
    sent = committer.step()
    assert (sent.stage, sent.batch) == (Stage.SENT, 2)
    raw = anvil.rpc("eth_getRawTransactionByHash", "0x" + sent.transaction.hex())
    anvil.reorg(1)
    assert exchange.head() == 0
    # The operator spends the parent's nonce on something else, so that the child's is due.
    exchange.anvil.rpc("anvil_dropAllTransactions")
    exchange.anvil.automine(True)
    operator = exchange.roles.operator
    token = exchange.deployment.token
    exchange.send(operator, token.functions.approve(operator.address, 1))
    assert anvil.w3.eth.get_transaction_count(operator.address) == nonce + 1
    anvil.w3.eth.send_raw_transaction(raw)
    receipt = anvil.w3.eth.wait_for_transaction_receipt("0x" + sent.transaction.hex())
    assert receipt["status"] == 0
    assert exchange.head() == 0
    run(committer_of(exchange, pipeline), anvil)
    assert bodies(exchange) == archived(pipeline)


# --- the mempool ------------------------------------------------------------------------------


def fees_of(anvil: Anvil, transaction: bytes) -> tuple[int, int]:
    found = anvil.w3.eth.get_transaction("0x" + transaction.hex())  # type: ignore[arg-type]
    return found["maxPriorityFeePerGas"], found["maxFeePerGas"]


def test_committer_whose_transaction_is_stuck_replaces_it_with_a_higher_offer(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline, policy=FeePolicy(patience=3))
    operator = exchange.roles.operator.address
    anvil.automine(False)
    first = committer.step()
    nonce = anvil.w3.eth.get_transaction_count(operator)
    stick(anvil, 2)
    assert committer.step().stage == Stage.PENDING
    stick(anvil, 1)
    tip, limit = fees_of(anvil, first.transaction)
    second = committer.step()
    assert second.stage == Stage.REPLACED
    new_tip, new_limit = fees_of(anvil, second.transaction)
    assert new_tip * 8 >= tip * 9
    assert new_limit * 8 >= limit * 9
    assert anvil.w3.eth.get_transaction_count(operator, "pending") == nonce + 1
    anvil.mine()
    assert exchange.head() == 1
    anvil.automine(True)
    run(committer, anvil)
    assert bodies(exchange) == archived(pipeline)


def test_committer_at_its_fee_cap_offers_no_more(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    base = anvil.w3.eth.get_block("latest")["baseFeePerGas"]
    policy = FeePolicy(patience=1, cap=2 * base + GWEI)
    committer = committer_of(exchange, pipeline, policy=policy)
    anvil.automine(False)
    first = committer.step()
    stick(anvil, 2)
    assert committer.step() == Progress(Stage.CAPPED, 0, 0, 1, first.transaction)
    assert fees_of(anvil, first.transaction)[1] <= policy.cap


def test_committer_whose_transaction_was_dropped_sends_it_again(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline)
    anvil.automine(False)
    first = committer.step()
    anvil.rpc("anvil_dropTransaction", "0x" + first.transaction.hex())
    assert committer.step().stage == Stage.SENT
    anvil.automine(True)
    anvil.mine()
    run(committer, anvil)
    assert bodies(exchange) == archived(pipeline)


def test_committer_whose_commit_fails_in_its_block_decodes_why_and_tries_again(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline)
    owner, pause = exchange.roles.owner, exchange.deployment.registry.functions.setPaused
    anvil.automine(False)
    committer.step()
    anvil.w3.eth.send_raw_transaction(  # pays more, so it goes first
        owner.sign_transaction(
            {
                "chainId": 31337,
                "nonce": anvil.w3.eth.get_transaction_count(owner.address),
                "to": exchange.deployment.registry.address,
                "data": pause(True)._encode_transaction_data(),
                "gas": 100_000,
                "maxFeePerGas": 900 * GWEI,
                "maxPriorityFeePerGas": 800 * GWEI,
            }
        ).raw_transaction
    )
    anvil.mine()
    anvil.automine(True)
    assert exchange.head() == 0
    with capture_logs() as said, pytest.raises(faults.CommitsPaused):
        committer.step()
    assert "CommitsPaused()" in [line.get("reason") for line in said]
    exchange.send(owner, pause(False))
    run(committer, anvil)
    assert bodies(exchange) == archived(pipeline)


def test_committer_restarted_with_a_transaction_waiting_lets_it_land(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    operator = exchange.roles.operator.address
    anvil.automine(False)
    committer_of(exchange, pipeline).step()
    again = committer_of(exchange, pipeline)
    due = anvil.w3.eth.get_transaction_count(operator)
    for _ in range(3):
        assert again.step().stage == Stage.PENDING
    assert anvil.w3.eth.get_transaction_count(operator, "pending") == due + 1
    anvil.mine()
    anvil.automine(True)
    run(again, anvil)
    assert bodies(exchange) == archived(pipeline)


def test_committer_restarted_with_a_stuck_transaction_outbids_it(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    expensive = FeePolicy(tip=40 * GWEI)
    anvil.automine(False)
    stuck = committer_of(exchange, pipeline, policy=expensive).step()
    again = committer_of(exchange, pipeline, policy=FeePolicy(patience=2))
    assert again.step().stage == Stage.PENDING
    stick(anvil, 2)
    for _ in range(60):
        progress = again.step()
        if progress.stage == Stage.REPLACED:
            break
        assert progress.stage == Stage.PENDING
    assert progress.stage == Stage.REPLACED
    assert fees_of(anvil, progress.transaction)[0] > 40 * GWEI
    anvil.mine()
    anvil.automine(True)
    assert exchange.head() == 1
    run(again, anvil)
    assert bodies(exchange) == archived(pipeline)
    assert progress.transaction != stuck.transaction


# --- restarts ---------------------------------------------------------------------------------


class Crash(BaseException):
    """The process ends here."""


class MortalProvider(HTTPProvider):
    """A node's provider, until the process "ends" before one of its requests.

    Before a request is after the one before it: a committer does nothing else that lasts.
    """

    def __init__(self, url: str):
        super().__init__(url)
        self.left = 0
        self.sent = 0  # transactions

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.left -= 1
        if self.left == 0:
            raise Crash
        self.sent += method == "eth_sendRawTransaction"
        return super().make_request(method, params)


def test_committer_that_crashes_before_any_request_commits_each_batch_once(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    """Each life is a request longer than the last, until one gets by without a crash."""
    landed(committer_of(exchange, pipeline).step(), anvil)  # batch 1 stands; 2 and 3 are left
    provider = MortalProvider(anvil.url)
    w3 = Web3(provider)
    mortal = dataclasses.replace(
        exchange, deployment=dataclasses.replace(exchange.deployment, w3=w3)
    )
    sent = []
    for requests in range(1, 300):
        clean = anvil.rpc("evm_snapshot")
        provider.left, provider.sent = requests, 0
        try:
            run(committer_of(mortal, pipeline, w3=w3), anvil)
        except Crash:
            sent.append(provider.sent)
        else:
            break
        run(committer_of(exchange, pipeline), anvil)
        assert bodies(exchange) == archived(pipeline), f"after {requests} requests"
        anvil.restore(clean)
    assert {0, 1, 2} == set(sent)  # lives ended before, between and after the two commits
    assert bodies(exchange) == archived(pipeline)


PROGRAM = """
import os, sys
from pathlib import Path
from eth_account import Account
from web3 import HTTPProvider, Web3
from matcher.archive import Archive
from matcher.chain.committer import Committer, Stage
from matcher.chain.deployment import Deployment

url, deployment, archive, key, when = sys.argv[1:]

class Told(HTTPProvider):
    def make_request(self, method, params):
        if method == "eth_sendRawTransaction" and when == "before":
            wait()
        answer = super().make_request(method, params)
        if method == "eth_sendRawTransaction" and when == "after":
            wait()
        return answer

def wait():
    print("now", flush=True)
    sys.stdin.read()  # until the kill

w3 = Web3(Told(url))
loaded = Deployment.load(w3, Path(deployment))
committer = Committer(w3, loaded, Archive(Path(archive)), Account.from_key(key), lambda: None)
while committer.step().stage != Stage.IDLE:
    pass
print("done", flush=True)
"""


def test_committer_process_killed_around_its_broadcast_commits_each_batch_once(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline, tmp_path: Path
) -> None:
    record = exchange.deployment.save(tmp_path / "deployment.json")
    said = []
    for when in ("before", "after", "never"):
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", PROGRAM, anvil.url, str(record)),
                *(str(tmp_path / "archive"), exchange.roles.operator.key.hex(), when),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        lines = (line.strip() for line in process.stdout)
        said.append(next(line for line in lines if line in ("now", "done")))
        process.kill()
        process.communicate()
    assert said == ["now", "now", "done"]
    assert bodies(exchange) == archived(pipeline)
