"""A hand on the chain's clock and purse: time, ether, transactions, and what they cost."""

from collections.abc import Iterable
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3 import EthereumTesterProvider, Web3
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3RPCError
from web3.types import RPCEndpoint, TxReceipt

from matcher.chain.deployment import send
from matcher.errors import ChainError

ETHER: Final = 10**18


class Remote:
    """One development chain: eth-tester in the process, or a node that knows ``evm_``.

    Attributes
    ----------
    gas : dict of str to [count, gas]
        What was sent, by label.
    """

    def __init__(self, w3: Web3):
        self.w3 = w3
        self.gas: dict[str, list[int]] = {}

    # --- time -----------------------------------------------------------------------------------

    @property
    def time(self) -> int:
        """Of the newest block, seconds."""
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def advance_to(self, time: int) -> None:
        """Make an empty block at ``time``, or a second after the newest one if that is later.

        Raises
        ------
        ChainError
            If nobody may move this chain's time.
        """
        time = max(time, self.time + 1)
        if isinstance(self.w3.provider, EthereumTesterProvider):
            tester: Any = self.w3.provider.ethereum_tester
            tester.time_travel(time)
            tester.mine_block()
            return
        self._rpc("evm_setNextBlockTimestamp", time)
        self._rpc("evm_mine")

    def _rpc(self, method: str, *parameters: object) -> None:
        try:
            answer = self.w3.provider.make_request(RPCEndpoint(method), list(parameters))
        except Web3RPCError as error:
            raise ChainError(f"{method}: {error}") from error
        if "error" in answer:
            raise ChainError(
                f"chain {self.w3.eth.chain_id}: {method} found {answer['error']}, "
                "allowed a development chain, whose time can be moved"
            )

    # --- transactions ---------------------------------------------------------------------------

    def send(
        self, label: str, sender: LocalAccount, call: ContractFunction, value: int = 0
    ) -> TxReceipt:
        """Call a contract's function in a transaction, and note its gas under the label."""
        receipt = send(
            self.w3, sender, to=call.address, data=call._encode_transaction_data(), value=value
        )
        self.note(label, receipt)
        return receipt

    def note(self, label: str, receipt: TxReceipt) -> None:
        """Count a transaction that somebody else sent."""
        entry = self.gas.setdefault(label, [0, 0])
        entry[0] += 1
        entry[1] += receipt["gasUsed"]

    def give_ether(self, rich: LocalAccount, poor: Iterable[LocalAccount], amount: int) -> None:
        """Fund accounts, so that they can pay for gas."""
        for account in poor:
            if self.w3.eth.get_balance(account.address) < amount:
                send(self.w3, rich, to=account.address, value=amount)
