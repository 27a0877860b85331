"""A node on the chain inside its own process, where no URL leads."""

import asyncio
import contextlib
import threading
import time
from typing import Any, Final

import msgspec
from web3 import EthereumTesterProvider, Web3

from matcher.chain.deployment import Deployment
from matcher.chain.modes import Choice
from matcher.node import Node
from matcher.settings import Settings

BLOCK_TIME: Final = 1.0  # seconds


class OneAtATime(EthereumTesterProvider):
    """eth-tester for several threads: py-evm is made for one, so they take turns."""

    def __init__(self, inner: EthereumTesterProvider):
        super().__init__(inner.ethereum_tester, inner.api_endpoints)
        self._turn = threading.Lock()

    def make_request(self, method: Any, params: Any) -> Any:
        with self._turn:
            return super().make_request(method, params)

    def mine(self) -> None:
        """An empty block of this moment: else the time stands still where nobody sends anything."""
        with self._turn:
            tester = self.ethereum_tester
            parent = tester.get_block_by_number("latest")["timestamp"]
            tester.time_travel(max(parent + 1, int(time.time())))
            tester.mine_block()


class EmbeddedNode(Node):
    """A node whose chain is at hand already, and makes a block every second."""

    def __init__(self, settings: Settings, deployment: Deployment):
        # py-evm has no pool that blobs could wait in.
        super().__init__(msgspec.structs.replace(settings, mode=Choice.CALLDATA))
        provider = deployment.w3.provider
        assert isinstance(provider, EthereumTesterProvider)
        self._provider = OneAtATime(provider)
        self._w3 = Web3(self._provider)
        fields = set(deployment.__dataclass_fields__) - {"w3", "_contracts"}
        known = {name: getattr(deployment, name) for name in fields}
        self._deployment = Deployment(self._w3, **known)

    async def run(self) -> None:
        """Run until `stop` or a signal."""
        blocks = asyncio.create_task(self._make_blocks(), name="blocks")
        try:
            await super().run()
        finally:
            blocks.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await blocks

    async def _make_blocks(self) -> None:
        while True:
            await asyncio.sleep(BLOCK_TIME)
            await asyncio.to_thread(self._provider.mine)

    def _find_deployment(self) -> Deployment:
        return self._deployment
