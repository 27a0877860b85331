"""Answers scenarios with the Python execution specs; runs in an environment of its own.

One scenario a line on standard input, one answer a line on standard output, as
`gaslab.crosscheck.scenario` writes and reads them. Imports nothing of the lab.
"""

import hashlib
import json
import sys
import threading
from importlib import import_module
from importlib.metadata import version
from typing import Any

FORKS = ("cancun", "prague", "osaka")


class Fork:
    """The modules of one fork of the specs."""

    def __init__(self, name: str):
        self.fork, self.state, self.blocks, self.transactions, self.vm, self.types = (
            import_module(f"ethereum.forks.{name}.{part}")
            for part in ("fork", "state", "blocks", "transactions", "vm", "fork_types")
        )


numeric = import_module("ethereum_types.numeric")
Bytes32 = import_module("ethereum_types.bytes").Bytes32
Hash32 = import_module("ethereum.crypto.hash").Hash32
EthereumException = import_module("ethereum.exceptions").EthereumException
rlp = import_module("ethereum_rlp").rlp


def unhex(text: str) -> bytes:
    """Bytes of a hex text."""
    return bytes.fromhex(text[2:])


def word(text: str) -> Any:
    """32 bytes of a hex number."""
    return Bytes32(int(text, 16).to_bytes(32, "big"))


def genesis(fork: Fork, alloc: dict[str, Any]) -> Any:
    """The state before the first transaction."""
    state = fork.state.State()
    for text, account in alloc.items():
        address = fork.types.Address(unhex(text))
        fork.state.set_account(
            state,
            address,
            fork.types.Account(
                nonce=numeric.Uint(account["nonce"]),
                balance=numeric.U256(int(account["balance"], 16)),
                code=unhex(account["code"]),
            ),
        )
        for slot, value in account["storage"].items():
            fork.state.set_storage(state, address, word(slot), numeric.U256(int(value, 16)))
    return state


def decoded(fork: Fork, raw: bytes) -> Any:
    """A signed transaction."""
    if raw[0] >= 0xC0:
        return rlp.decode_to(fork.transactions.LegacyTransaction, raw)
    return fork.transactions.decode_transaction(raw)


def digest(logs: Any) -> str:
    """One word for all that was logged, the same in every engine."""
    text = "".join(
        f"{log.address.hex()}:{','.join(topic.hex() for topic in log.topics)}:{log.data.hex()}\n"
        for log in logs
    )
    return hashlib.sha256(text.encode()).hexdigest()


def outcome(
    fork: Fork, state: Any, scenario: dict[str, Any], sent: dict[str, Any]
) -> dict[str, Any]:
    """What comes of one transaction."""
    known, number = scenario.get("hashes", {}), sent["number"]
    earlier = (known.get(str(n), "0x0") for n in range(max(number - 256, 0), number))
    environment = fork.vm.BlockEnvironment(
        chain_id=numeric.U64(scenario["chain_id"]),
        state=state,
        block_gas_limit=numeric.Uint(sent["gas_limit"]),
        block_hashes=[Hash32(word(found)) for found in earlier] if known else [],
        coinbase=fork.types.Address(unhex(sent["coinbase"])),
        number=numeric.Uint(number),
        base_fee_per_gas=numeric.Uint(sent["base_fee"]),
        time=numeric.U256(sent["timestamp"]),
        prev_randao=word(sent["prevrandao"]),
        excess_blob_gas=numeric.U64(0),
        parent_beacon_block_root=Hash32(bytes(32)),
    )
    found = fork.vm.BlockOutput()
    try:
        transaction = decoded(fork, unhex(sent["raw"]))
        fork.fork.process_transaction(environment, found, transaction, numeric.Uint(0))
    except EthereumException as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    receipt = found.receipts_trie._data[found.receipt_keys[0]]
    return {
        "gas": int(found.block_gas_used),
        "success": bool(fork.blocks.decode_receipt(receipt).succeeded),
        "logs": digest(found.block_logs),
    }


def watched(fork: Fork, state: Any, watch: dict[str, list[str]]) -> dict[str, dict[str, str]]:
    """Values of the slots that were asked for, without zeros."""
    values: dict[str, dict[str, str]] = {}
    for text, slots in watch.items():
        address = fork.types.Address(unhex(text))
        for slot in slots:
            value = int(fork.state.get_storage(state, address, word(slot)))
            if value:
                values.setdefault(text, {})[slot] = hex(value)
    return values


def answer(forks: dict[str, Fork], scenario: dict[str, Any]) -> dict[str, Any]:
    """What comes of a scenario."""
    name = scenario["fork"]
    fork = forks.get(name) or forks.setdefault(name, Fork(name))
    state = genesis(fork, scenario["alloc"])
    results = [outcome(fork, state, scenario, sent) for sent in scenario["transactions"]]
    return {"results": results, "storage": watched(fork, state, scenario["watch"])}


def serve() -> None:
    """Say hello; then answer until the input ends."""
    hello = {"version": version("ethereum-execution"), "forks": FORKS}
    sys.stdout.write(json.dumps(hello) + "\n")
    sys.stdout.flush()
    forks: dict[str, Fork] = {}
    for line in sys.stdin:
        try:
            found = answer(forks, json.loads(line))
        except Exception as error:  # the lab tells which scenario it was
            found = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    # 1,024 frames of the EVM are several thousand of Python's.
    sys.setrecursionlimit(50_000)
    threading.stack_size(512 * 1024 * 1024)
    server = threading.Thread(target=serve)
    server.start()
    server.join()
