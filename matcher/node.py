"""The running exchange: wires every stage, starts them in order, and ends them in order.

::

    chain -> Follower -> commands -.
                                    >- Sequencer -> Journal -> Exchange -> Batcher -> Archive
    wallets -> gateway -> commands -'                 |                               |
                 ^----------- Feed <------------------'        chain <- Committer <---'
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import structlog
import uvloop

from matcher import answering
from matcher.archive import Archive
from matcher.batch import genesis
from matcher.chain.deployment import Deployment
from matcher.chain_side import ChainSide, find_deployment
from matcher.checkpoints import Checkpoints, Component
from matcher.eip712 import Domain, keccak
from matcher.errors import QuoinError
from matcher.exchange import Exchange
from matcher.feed import Feed
from matcher.followed import FollowedChain
from matcher.gateway.app import make_app
from matcher.gateway.server import GatewayServer
from matcher.gateway.switch_files import SwitchFiles, hand_over
from matcher.journal.snapshot import Snapshots
from matcher.journal.writer import Identity, Journal, limits_in
from matcher.options import with_node_options
from matcher.processes.plan import SWITCHES
from matcher.sequencer import Sequencer
from matcher.settings import (
    Settings,
    SettingsError,
    configure_logging,
    load_operator,
    require_directory,
    settings_of,
)
from matcher.settlement.batcher import Batcher
from matcher.turns import collect_seldom, take_short_turns

if TYPE_CHECKING:
    from matcher.processes.supervisor import Supervisor
    from matcher.publisher import Publisher  # compiles kernels when imported

log = structlog.get_logger(__name__)


class NodeStopped(QuoinError):
    """A task of the node ended though nobody asked it to."""


class Node:
    """One exchange.

    Parameters
    ----------
    settings : Settings

    Notes
    -----
    Started in the order: chain, journal, facts of the chain, committer, gateway; ended the other
    way round, so that whatever was taken is answered.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.url = ""
        self._ending = asyncio.Event()
        self._publisher: Publisher | None = None

    # --- life ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until `stop`.

        Raises
        ------
        QuoinError
            Why the node could not start, or which task ended and why.
        """
        require_directory(self.settings.data)
        deployment = await asyncio.to_thread(self._find_deployment)
        self._wire(deployment)
        try:
            await self._replay()
            if self.settings.publish is not None:
                self._publish(self.settings.publish)
            self._chain.begin()
            await self._chain.catch_up()
            if not self._ending.is_set():
                await self._run_tasks(deployment)
        finally:
            await self._sequencer.stop()
            if self._publisher is not None:
                self._publisher.close()
            log.info("node ended", commands=self._sequencer.sequence)

    def stop(self) -> None:
        """End in order."""
        self._ending.set()

    def _find_deployment(self) -> Deployment:
        return find_deployment(self.settings)

    def _wire(self, deployment: Deployment) -> None:
        """Make every stage that needs no chain."""
        data = self.settings.data
        self._genesis = first = genesis(deployment.genesis_built_at)
        registry = bytes.fromhex(deployment.registry.address[2:])
        self._archive = Archive(data / "batches")
        self._domain = Domain(deployment.chain_id, registry)
        self._feed = Feed()
        limits = limits_in(data / "journal")
        self._engine = Exchange(deployment.windows, limits)
        self._batcher = Batcher(first, deployment.windows, operator=0)  # until the chain names one
        identity = Identity(deployment.chain_id, registry, keccak(first), limits=limits)
        self._journal = Journal(data / "journal", identity)
        self._sequencer = Sequencer(
            self._journal,
            self._engine,
            self._batcher,
            self._archive,
            clock=lambda: self._chain.time,
            policy=self.settings.batches,
        )
        self._chain = ChainSide(
            self.settings,
            deployment,
            self._sequencer,
            self._engine,
            self._batcher,
            self._archive,
            self._ending,
        )
        self._sequencer.subscribe(self._feed.on_events)
        self._sequencer.subscribe(self._chain.on_events)
        self._sequencer.subscribe_batches(self._feed.on_batch)
        held: dict[str, Component] = {
            "exchange": self._engine,
            "batcher": self._batcher,
            "feed": self._feed,
            "chain": self._chain,
        }
        snapshots = Snapshots(data / "snapshots" / "node", identity)
        every = self.settings.batches.snapshot_every
        self._checkpoints = Checkpoints(self._journal, snapshots, held, every)

    async def _replay(self) -> None:
        began = time.perf_counter()
        await self._sequencer.start(self._checkpoints)
        log.info(
            "journal replayed",
            commands=self._sequencer.sequence,
            replayed=self._sequencer.sequence - self._checkpoints.last,
            milliseconds=round(1000 * (time.perf_counter() - began)),
            batches=self._batcher.head.id,
            block=self._chain.told.number if self._chain.told else None,
            state="0x" + self._engine.state_hash().hex(),
        )

    def _publish(self, name: str) -> None:
        """Show books and accounts to other processes from now on."""
        from matcher.publisher import Publisher

        self._publisher = Publisher(self._feed, self._engine, name)
        log.info("publishing", name=name)

    async def _run_tasks(self, deployment: Deployment) -> None:
        """Let wallets in, and run until something ends."""
        server = self._serve(deployment)
        tasks: dict[str, asyncio.Task[None]] = {}

        def begin(name: str, work: Coroutine[Any, Any, None]) -> None:
            tasks[name] = asyncio.create_task(work, name=name)

        begin("sequencer", self._sequencer.wait())
        begin("follower", self._chain.follow())
        if self.settings.operator is not None:
            begin("committer", self._chain.commit())
        await server.start()
        begin("gateway", server.wait())
        self.url = server.url
        log.info("node ready", url=server.url, state="0x" + self._engine.state_hash().hex())
        stop = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait([stop, *tasks.values()], return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked = self._ending.is_set()
            ended = [] if asked else [name for name, task in tasks.items() if task.done()]
            self._ending.set()
            await server.stop()
            tasks.pop("sequencer").cancel()  # it ends last
            await asyncio.gather(stop, *tasks.values(), return_exceptions=True)
        self._judge(ended, tasks)

    def _judge(self, ended: list[str], tasks: dict[str, "asyncio.Task[None]"]) -> None:
        """Raise for the first task that ended by itself, or failed while the node ended."""
        failed = [
            (name, task.exception())
            for name, task in tasks.items()
            if not task.cancelled() and task.exception() is not None
        ]
        if self._sequencer.failure is not None:
            failed.insert(0, ("sequencer", self._sequencer.failure))
        for name, error in failed:
            log.error("task failed", task=name, exc_info=error)
            raise NodeStopped(f"{name}: {type(error).__name__}: {error}") from error
        if ended:
            raise NodeStopped(f"{ended[0]}: ended")

    def _serve(self, deployment: Deployment) -> GatewayServer:
        app = make_app(
            sequencer=self._sequencer,
            feed=self._feed,
            domain=self._domain,
            windows=deployment.windows,
            chain=FollowedChain(self._chain.follower),
            genesis=self._genesis,
            origins=self.settings.origins,
            switches=_switches(self.settings.data),
            known_keys=self.settings.known_keys,
        )
        host, port = self.settings.host, self.settings.port
        try:
            return GatewayServer(app, host, port)
        except OSError as error:
            raise SettingsError(f"{host}:{port}: cannot listen there: {error.strerror}") from error


# --- the command --------------------------------------------------------------------------------


@click.command(context_settings={"show_default": True, "auto_envvar_prefix": "QUOIN"})
@click.option("--rpc", required=True, help="URL of an Ethereum node.")
@click.option(
    "--deployment",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Deployment file; by default deployments/<chain id>.json.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Directory of the journal and of the published batches; made if it is not there.",
)
@click.option(
    "--keystore",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keystore file of the operator's key, opened by QUOIN_KEYSTORE_PASSWORD. Without it the"
    " key is read from QUOIN_OPERATOR_KEY; without both nothing is committed.",
)
@with_node_options
def cli(
    log_level: str, log_json: bool, gateways: int | None, keystore: Path | None, **options: Any
) -> None:
    """Run an exchange: follow the chain, match orders, commit batches, serve wallets.

    With QUOIN_ANSWERER_KEY, questions about who signed are answered with that key.
    """
    configure_logging(log_level, log_json)
    try:
        settings = settings_of(load_operator(keystore), **options)
        uvloop.run(_run(settings, gateways, log_level, log_json))
    except QuoinError as error:
        log.error("node failed", reason=str(error), kind=type(error).__name__)
        sys.exit(1)


def _switches(data: Path) -> SwitchFiles:
    """Dead man's switches, those of gateways in processes of their own among them."""
    files = SwitchFiles(data / SWITCHES)
    hand_over(data / SWITCHES, [files.gateway])
    return files


def _supervisor(settings: Settings, gateways: int, *logging: Any) -> "Supervisor":
    from matcher.processes.supervisor import Supervisor

    return Supervisor(settings, gateways, *logging)


async def _run(settings: Settings, gateways: int | None, *logging: Any) -> None:
    """Run a node until it is told to end by a signal."""
    node = Node(settings) if gateways is None else _supervisor(settings, gateways, *logging)
    collect_seldom()
    take_short_turns()
    loop = asyncio.get_running_loop()

    def end(number: signal.Signals) -> None:
        log.info("signal", name=number.name)
        node.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    key = os.environ.get(answering.KEY_VARIABLE)
    async with answering.answering(settings, key, *logging):
        await node.run()


if __name__ == "__main__":
    cli()
