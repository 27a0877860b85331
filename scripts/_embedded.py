"""A node on the chain inside its own process, where no URL leads."""

import threading
from typing import Any

from web3 import EthereumTesterProvider, Web3

from matcher.chain.deployment import Deployment
from matcher.node import Node
from matcher.settings import Settings


class OneAtATime(EthereumTesterProvider):
    """eth-tester for several threads: py-evm is made for one, so they take turns."""

    def __init__(self, inner: EthereumTesterProvider):
        super().__init__(inner.ethereum_tester, inner.api_endpoints)
        self._turn = threading.Lock()

    def make_request(self, method: Any, params: Any) -> Any:
        with self._turn:
            return super().make_request(method, params)


class EmbeddedNode(Node):
    """A node whose chain is at hand already."""

    def __init__(self, settings: Settings, deployment: Deployment):
        super().__init__(settings)
        self._deployment = deployment

    def _find_deployment(self) -> Deployment:
        """The same exchange through a provider that threads may share."""
        provider = self._deployment.w3.provider
        assert isinstance(provider, EthereumTesterProvider)
        self._w3 = Web3(OneAtATime(provider))
        found = self._deployment
        fields = [name for name in found.__dataclass_fields__ if name not in ("w3", "_contracts")]
        return Deployment(self._w3, **{name: getattr(found, name) for name in fields})
