"""anvil, a real node in a process of its own, and an exchange on it.

Used where the embedded chain cannot follow: reorganizations, a mempool, other processes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD
from web3.types import TxReceipt

from matcher.chain.deployment import Deployment, deploy, send
from matcher.reference.messages import digest, domain_separator
from matcher.types import Report, Windows
from tests.support.chain import ETHER
from tests.support.exchange import BOND, CAP, INFINITE, MARKET, REPORTERS, TOKENS, Roles

CHAIN_ID = 31337
ANVIL = Path(sys.executable).parent / "anvil"
_LISTENING = re.compile(r"Listening on (\S+)")


class Anvil:
    """One node.

    Attributes
    ----------
    url : str
    w3 : Web3
    """

    def __init__(self, url: str, process: subprocess.Popen[str]):
        self.url = url
        self._process = process
        self.w3 = Web3(HTTPProvider(url))

    def rpc(self, method: str, *parameters: Any) -> Any:
        answer = self.w3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        assert "error" not in answer, f"{method}: {answer}"
        return answer["result"]

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def travel(self, seconds: int) -> None:
        """A block `seconds` after the newest one's time or now, whichever is later."""
        self.rpc("evm_increaseTime", seconds)
        self.mine()

    def automine(self, on: bool) -> None:
        self.rpc("evm_setAutomine", on)

    def reorg(self, depth: int) -> None:
        """Replace the newest blocks by as many empty ones and one more; their transactions are
        gone.
        """
        self.rpc("anvil_reorg", depth, [])
        self.mine()

    def restore(self, snapshot: str) -> None:
        """Back to a snapshot, with no transaction left over.

        anvil mines beside its requests: a block that it makes during `evm_revert` stays in the
        restored chain with its logs, though not with its state. So the miner is stopped and
        emptied first, and a block asked for, which waits for the one in the making.
        """
        self.automine(False)
        self.rpc("anvil_dropAllTransactions")
        self.mine()
        self.rpc("evm_revert", snapshot)
        self.automine(True)

    @property
    def height(self) -> int:
        return int(self.w3.eth.block_number)

    @property
    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def rich(self, *accounts: LocalAccount) -> None:
        for account in accounts:
            self.rpc("anvil_setBalance", account.address, hex(10**6 * ETHER))


@contextmanager
def running_anvil(*arguments: str, hardfork: str = "prague") -> Iterator[Anvil]:
    """anvil on a free port, until the block ends."""
    command = [ANVIL, "--port", "0", "--hardfork", hardfork, "--chain-id", str(CHAIN_ID)]
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = _LISTENING.search(line)
            if found:
                break
        else:
            raise RuntimeError("anvil ended before it listened")
        drain(process)
        yield Anvil(f"http://{found.group(1)}", process)
    finally:
        process.kill()
        process.wait()


def drain(process: subprocess.Popen[str]) -> None:
    """Read what a process says and forget it, so that it never waits for a reader."""
    assert process.stdout is not None
    stream = process.stdout
    threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()


@dataclass
class AnvilExchange:
    """A listed exchange on anvil: a market, an expiry thirty days on, four options."""

    anvil: Anvil
    deployment: Deployment
    roles: Roles
    expiry: int  # hours

    def send(self, sender: LocalAccount, call: ContractFunction, value: int = 0) -> TxReceipt:
        return send(
            self.anvil.w3,
            sender,
            to=call.address,
            data=call._encode_transaction_data(),
            value=value,
        )

    def event(self, receipt: TxReceipt, role: str, name: str) -> Any:
        found = self.deployment.contract(role).events[name]().process_receipt(receipt, DISCARD)
        assert len(found) == 1
        return found[0]["args"]

    def open(self, trader: LocalAccount, atoms: int = 1000 * TOKENS) -> int:
        token, vault = self.deployment.token, self.deployment.vault
        self.send(trader, token.functions.mint(trader.address, 10 * atoms))
        self.send(trader, token.functions.approve(vault.address, INFINITE))
        receipt = self.send(trader, vault.functions.open(trader.address, atoms))
        return int(self.event(receipt, "vault", "Opened")["account"])

    def deposit(self, trader: LocalAccount, account: int, atoms: int) -> TxReceipt:
        return self.send(trader, self.deployment.vault.functions.deposit(account, atoms))

    def settle(self, price: int) -> None:
        """Travel to the expiry and fix its price."""
        self.anvil.travel(max(0, self.expiry * 3600 - self.anvil.now))
        registry = bytes.fromhex(self.deployment.registry.address[2:])
        separator = domain_separator(CHAIN_ID, registry)
        signed = [
            (
                i,
                price,
                bytes(
                    reporter.unsafe_sign_hash(
                        digest(Report(MARKET, self.expiry, price), separator)
                    ).signature
                ),
            )
            for i, reporter in enumerate(self.roles.reporters)
        ]
        call = self.deployment.prices.functions.settle(MARKET, self.expiry, signed)
        self.send(self.roles.owner, call)

    def head(self) -> int:
        return int(self.deployment.registry.functions.head().call()[0])


def anvil_exchange(anvil: Anvil, roles: Roles, windows: Windows) -> AnvilExchange:
    """Deploy, name an operator under bond, list."""
    anvil.rich(*roles.everybody())
    deployment = deploy(
        anvil.w3, roles.owner, windows=windows, fee_owner=roles.fees.address, min_bond=ETHER
    )
    today = anvil.now // 86_400
    expiry = (today + 30) * 24 + 8
    exchange = AnvilExchange(anvil, deployment, roles, expiry)
    registry, markets = deployment.registry.functions, deployment.markets.functions
    owner = roles.owner
    exchange.send(owner, registry.addOperator(roles.operator.address))
    exchange.send(roles.operator, registry.addBond(1), value=BOND)
    exchange.send(owner, registry.setOperator(1))
    exchange.send(owner, markets.listMarket("BTC", 100, TOKENS, 3, -1))
    reporters = [reporter.address for reporter in roles.reporters]
    exchange.send(owner, markets.addReporterSet(reporters))
    exchange.send(owner, markets.openExpiry(MARKET, expiry, CAP, REPORTERS))
    strikes = ((0, 100), (1, 100), (0, 120), (1, 80))
    listed = [(MARKET, kind, expiry, strike) for kind, strike in strikes]
    exchange.send(owner, markets.listInstruments(listed))
    return exchange
