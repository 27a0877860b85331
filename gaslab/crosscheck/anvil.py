"""An anvil behind the door of the other engines.

One process a fork and chain id, started when it is first asked for; each scenario runs on a
snapshot of its empty chain, one block a transaction.

What anvil cannot be asked: PREVRANDAO is its own choice in each block, so programs must not let it
matter.
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from types import TracebackType
from typing import Any, Self

from gaslab.crosscheck.scenario import Answer, Genesis, Outcome, Scenario, Sent, logs_digest
from gaslab.crosscheck.scenario import refusal as refused
from gaslab.errors import EngineMissing, GasLabError
from gaslab.measurement import Log

FORKS = ("cancun", "prague", "osaka")
STARTING, MINING = 20.0, 5.0  # seconds
POLL = 0.002


class AnvilFailed(GasLabError):
    """anvil did not start, or refused what is no transaction."""


class RpcError(Exception):
    """An error that anvil answered with."""


class Anvil:
    """Raises `EngineMissing` if there is none on the path."""

    name = "anvil"
    forks: tuple[str, ...] = FORKS

    def __init__(self) -> None:
        found = shutil.which("anvil")
        if found is None:
            raise EngineMissing("anvil is not on the path; `make setup` installs it")
        self._program = found
        told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
        self.version = told.stdout.split()[2].partition("-")[0]
        self._chains: dict[tuple[str, int], _Chain] = {}

    def answer(self, scenario: Scenario) -> Answer:
        """What anvil makes of a scenario.

        Raises
        ------
        AnvilFailed
        """
        kind = scenario.fork, scenario.chain_id
        chain = self._chains.get(kind)
        if chain is None:
            chain = self._chains[kind] = _Chain(self._program, *kind)
        try:
            return chain.answer(scenario)
        except RpcError as error:
            raise AnvilFailed(f"{scenario.name}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for chain in self._chains.values():
            chain.close()


class _Chain:
    """One anvil process of one fork."""

    def __init__(self, program: str, fork: str, chain_id: int):
        self._port = _free_port()
        options = f"""--port {self._port} --hardfork {fork} --chain-id {chain_id} --no-mining
            --accounts 1 --balance 0 --timestamp 1 --block-base-fee-per-gas 0 --gas-limit 30000000
            --disable-min-priority-fee --disable-default-create2-deployer --disable-console-log
            --no-request-size-limit --order fifo --quiet"""
        limit = ["--enable-tx-gas-limit"] if fork == "osaka" else []
        self._process = subprocess.Popen(
            [program, *options.split(), *limit], stdout=subprocess.DEVNULL
        )
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        self._await_start()
        self._empty = self._call("evm_snapshot")

    def answer(self, scenario: Scenario) -> Answer:
        self._call("evm_revert", self._empty)
        self._empty = self._call("evm_snapshot")
        self._number, self._time = 0, 1
        for address, account in scenario.alloc.items():
            self._install("0x" + address.hex(), account)
        outcomes = tuple(self._outcome(sent) for sent in scenario.transactions)
        storage = {}
        for address, slot in sorted(scenario.watch):
            word = self._call("eth_getStorageAt", "0x" + address.hex(), hex(slot), "latest")
            if int(word, 16):
                storage[address, slot] = int(word, 16)
        return Answer(outcomes, storage)

    def close(self) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.wait()

    def _install(self, address: str, account: Genesis) -> None:
        self._call("anvil_setBalance", address, hex(account.balance))
        if account.nonce:
            self._call("anvil_setNonce", address, hex(account.nonce))
        if account.code:
            self._call("anvil_setCode", address, "0x" + account.code.hex())
        for slot, value in account.storage.items():
            self._call("anvil_setStorageAt", address, f"0x{slot:064x}", f"0x{value:064x}")

    def _outcome(self, sent: Sent) -> Outcome:
        while self._number < sent.number - 1:  # blocks without transactions come before
            self._mine(sent.timestamp - (sent.number - self._number - 1))
        self._call("anvil_setCoinbase", "0x" + sent.coinbase.hex())
        self._call("evm_setBlockGasLimit", hex(sent.gas_limit))
        self._call("anvil_setNextBlockBaseFeePerGas", hex(sent.base_fee))
        try:
            sent_hash = self._call("eth_sendRawTransaction", "0x" + sent.raw.hex())
        except RpcError as error:
            return refused(str(error))
        self._mine(sent.timestamp)
        receipt = self._receipt(sent_hash)
        if receipt is None:
            self._call("anvil_dropAllTransactions")
            return refused("not mined")
        logs = tuple(_log(found) for found in receipt["logs"])
        return Outcome(
            int(receipt["gasUsed"], 16), int(receipt["status"], 16) == 1, logs_digest(logs)
        )

    def _mine(self, timestamp: int) -> None:
        timestamp = max(timestamp, self._time + 1)
        self._call("evm_setNextBlockTimestamp", timestamp)
        self._call("evm_mine")
        self._number += 1
        self._time = timestamp

    def _receipt(self, sent_hash: str) -> Any:
        """Of a transaction whose block was mined; none if the block left it out."""
        deadline = time.monotonic() + MINING
        while time.monotonic() < deadline:
            if int(self._call("eth_blockNumber"), 16) >= self._number:
                return self._call("eth_getTransactionReceipt", sent_hash)
            time.sleep(POLL)
        raise AnvilFailed(f"block {self._number} was not mined")

    def _await_start(self) -> None:
        deadline = time.monotonic() + STARTING
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=1):
                    return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.02)
        self._process.kill()
        self._process.wait()
        raise AnvilFailed("anvil did not start")

    def _call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
        found = json.loads(self._connection.getresponse().read())
        if "error" in found:
            raise RpcError(f"{method}: {found['error']['message']}")
        return found["result"]


def _log(found: Any) -> Log:
    return Log(
        bytes.fromhex(found["address"][2:]),
        tuple(int(topic, 16) for topic in found["topics"]),
        bytes.fromhex(found["data"][2:]),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
