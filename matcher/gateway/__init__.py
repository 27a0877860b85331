"""HTTP and WebSocket for wallets: edges only, the exchange is behind the sequencer.

make_app(...) -> the ASGI application     (app.py)
serve(app, ...)                           (server.py)
SwitchFiles(directory)                    where dead man's switches survive (switch_files.py)
ChainView, BatchPlace, BatchStage         what it must be told of the chain (chain_view.py)
"""

from matcher.gateway.app import make_app
from matcher.gateway.chain_view import BatchPlace, BatchStage, ChainView, NoChain
from matcher.gateway.server import GatewayServer
from matcher.gateway.switch_files import SwitchFiles

__all__ = [
    "BatchPlace",
    "BatchStage",
    "ChainView",
    "GatewayServer",
    "NoChain",
    "SwitchFiles",
    "make_app",
]
