"""A running exchange with its gateway: real journal, engine, batcher, archive, feed and uvicorn.

Everything lives on an event loop in a thread of its own, as in a node, so that tests may call it
like any wallet does. The chain is told by hand: facts as commands, where batches stand by `chain`.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from eth_account import Account
from eth_account.signers.local import LocalAccount

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import genesis
from matcher.client import Client
from matcher.eip712 import Domain, keccak
from matcher.events import Event
from matcher.exchange import Exchange as Engine
from matcher.feed import Feed
from matcher.gateway import BatchPlace, BatchStage, GatewayServer, SwitchFiles, make_app
from matcher.journal.writer import Identity, Journal
from matcher.policy import Policy
from matcher.sequencer import Sequencer
from matcher.settlement.batcher import Batcher
from matcher.types import Windows

T = TypeVar("T")

START = 1_800_000_000
WINDOWS = Windows(challenge=600, answer=200, freeze=600, notice=100, lag=60)
DOMAIN = Domain(1337, b"\x5f" * 20)
GENESIS = genesis(START - 10)
EXPIRY = 501_680  # 26MAR27 08:00 UTC, hours
TICK_VALUE = 100
CALL, PUT, FAR_CALL = "BTC-26MAR27-100-C", "BTC-26MAR27-100-P", "BTC-26MAR27-120-C"
DEPOSIT = 1_000_000_000

TRADERS = {
    name: Account.from_key(keccak(name.encode())) for name in ("alice", "bob", "carol", "dave")
}
KEY: LocalAccount = Account.from_key(keccak(b"a session key of alice"))
OUTSIDER: LocalAccount = Account.from_key(keccak(b"nobody"))
ACCOUNTS = {name: 2 + place for place, name in enumerate(TRADERS)}


def raw_address(account: LocalAccount) -> bytes:
    return bytes.fromhex(account.address[2:])


class ToldChain:
    """The chain as a test tells it."""

    def __init__(self) -> None:
        self.places: dict[int, BatchPlace] = {0: BatchPlace(BatchStage.FINAL)}

    def set(self, batch_id: int, stage: BatchStage, **facts: Any) -> None:
        self.places[batch_id] = BatchPlace(stage, **facts)

    def head(self) -> int:
        on_chain = (BatchStage.COMMITTED, BatchStage.FINAL)
        return max(i for i, place in self.places.items() if place.stage in on_chain)

    def latest_final(self) -> int:
        return max(i for i, place in self.places.items() if place.stage is BatchStage.FINAL)

    def place(self, batch_id: int) -> BatchPlace:
        return self.places.get(batch_id, BatchPlace(BatchStage.CLOSED))

    def block(self) -> tuple[int, int]:
        return 17, START


def listings() -> list[c.Command]:
    """What the chain has told before the first order."""
    facts: list[c.Command] = [
        c.Clock(START),
        c.MarketListed(1, "BTC", TICK_VALUE, 1_000_000),
        c.FeesSet(1, 30, -10, 30, -10, START),
        c.ExpiryOpened(1, EXPIRY, 200_000_000),
        c.InstrumentListed(1, 1, 0, EXPIRY, 100),
        c.InstrumentListed(2, 1, 1, EXPIRY, 100),
        c.InstrumentListed(3, 1, 0, EXPIRY, 120),
        c.KeySet(2, raw_address(KEY), START - 5, START + 100_000),
        c.OpenBatch(),
    ]
    accounts: list[c.Command] = []
    for name, trader in TRADERS.items():
        accounts.append(c.AccountOpened(ACCOUNTS[name], raw_address(trader)))
        accounts.append(c.Deposited(ACCOUNTS[name], DEPOSIT, START))
    return [*facts[:1], *accounts, *facts[1:]]


class Exchange:
    """A running exchange; `stop` and `start` restart it from its journal.

    Attributes
    ----------
    url : str
    loop : asyncio.AbstractEventLoop
    """

    def __init__(self, directory: Path, max_queue: int = 10_000, **limits: int):
        self.directory = directory
        self._policy = Policy(max_queue=max_queue)
        self.chain = ToldChain()
        self._limits = limits
        self._clients: list[Client] = []
        self.start()
        if self.feed.sequence == 0:
            self.run(self._tell_all(listings()))

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="exchange", daemon=True)
        self._thread.start()
        self.run(self._start())

    async def _start(self) -> None:
        identity = Identity(DOMAIN.chain_id, DOMAIN.verifying_contract, keccak(GENESIS))
        self.engine = Engine(WINDOWS)
        self.sequencer = Sequencer(
            Journal(self.directory / "journal", identity),
            self.engine,
            Batcher(GENESIS, WINDOWS, operator=1),
            Archive(self.directory / "archive"),
            clock=lambda: START,
            policy=self._policy,
        )
        self.feed = Feed()
        self.sequencer.subscribe(self.feed.on_events)
        self.sequencer.subscribe_batches(self.feed.on_batch)
        await self.sequencer.start()
        self.app = make_app(
            sequencer=self.sequencer,
            feed=self.feed,
            domain=DOMAIN,
            windows=WINDOWS,
            chain=self.chain,
            genesis=GENESIS,
            switches=SwitchFiles(self.directory / "switches"),
            **self._limits,
        )
        self._server = GatewayServer(self.app, port=0)
        await self._server.start()
        self.url = self._server.url

    def stop(self) -> None:
        """End gracefully: what was answered is in the journal."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self.run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _stop(self) -> None:
        await self._server.stop()
        await self.sequencer.stop()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the exchange's loop."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(30)

    # --- what the chain and the clock would do ----------------------------------------------------

    async def _tell_all(self, commands: list[c.Command]) -> None:
        await asyncio.gather(*(self.sequencer.submit(command) for command in commands))

    def tell(self, command: c.Command) -> list[Event]:
        return list(self.run(self.sequencer.submit(command)))

    def close_batch(self) -> None:
        self.run(self.sequencer.close_batch())
        self.tell(c.OpenBatch())

    def state_hash(self) -> str:
        async def read() -> bytes:
            return self.engine.state_hash()

        return "0x" + self.run(read()).hex()

    def check(self) -> None:
        async def check() -> None:
            self.engine.check()

        self.run(check())

    # --- traders ----------------------------------------------------------------------------------

    def client(self, name: str) -> Client:
        return self.client_of(TRADERS[name], ACCOUNTS[name])

    def client_of(self, signer: LocalAccount, account: int | None) -> Client:
        client = Client(self.url, signer.key, account)
        self._clients.append(client)
        return client
