"""``python -m matcher.archiver``: keeps and serves blobs with nothing but a node's URL."""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final

import click
import structlog

from matcher.blobs.options import sources_of, with_archiver_options, with_blob_options
from matcher.blobs.server import make_app
from matcher.blobs.store import Store
from matcher.chain.archiver import Archiver
from matcher.chain.options import connect, with_chain_options
from matcher.chain_side import PASSING
from matcher.errors import QuoinError
from matcher.gateway.server import GatewayServer
from matcher.settings import SettingsError, configure_logging

log = structlog.get_logger(__name__)

MISSING: Final = 1  # exit code: --once could not keep a blob
CANNOT_WORK: Final = 3  # the chain does not answer, or is not this exchange's


def keep(archiver: Archiver) -> int:
    """Keep every blob that the chain names now; how many are missing."""
    archiver.step()
    while not archiver.caught_up:
        archiver.step()
    return int(archiver.health()["missing"])


async def serve(archiver: Archiver, host: str, port: int, poll: float) -> None:
    """Follow the chain and serve what is kept, until a signal.

    Raises
    ------
    SettingsError
        If nothing can listen there.
    """
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    try:
        server = GatewayServer(make_app(archiver.store, archiver.health), host, port)
    except OSError as error:
        raise SettingsError(f"{host}:{port}: cannot listen there: {error.strerror}") from error
    await server.start()
    log.info("archiver ready", url=server.url, directory=str(archiver.store.directory))
    while not ending.is_set():
        try:
            await asyncio.to_thread(archiver.step)
        except PASSING as error:
            log.warning("the chain does not answer", error=str(error)[:200], again_in=poll)
        else:
            if not archiver.caught_up:
                continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), poll)
    await server.stop()
    log.info("archiver ended", blobs=len(archiver.store.hashes()))


@click.command(context_settings={"auto_envvar_prefix": "QUOIN"})
@with_chain_options
@with_archiver_options
@with_blob_options
def cli(
    rpc: str,
    record: Path | None,
    data: Path,
    host: str,
    port: int,
    poll: float,
    once: bool,
    stores: tuple[Path, ...],
    archivers: tuple[str, ...],
    beacons: tuple[str, ...],
    log_level: str,
    log_json: bool,
) -> None:
    """Keep the blobs of every batch, and serve them: GET /v1/blobs/{versionedHash}.

    Exits with 1 if --once could not keep a blob, 3 if the chain cannot be worked with.
    """
    configure_logging(log_level, log_json)
    try:
        w3, deployment = connect(rpc, record)
        archiver = Archiver(w3, deployment, sources_of(w3, stores, archivers, beacons), Store(data))
        if not once:
            asyncio.run(serve(archiver, host, port, poll))
            return
        missing = keep(archiver)
    except QuoinError as error:
        log.error("archiver failed", reason=str(error), kind=type(error).__name__)
        sys.exit(CANNOT_WORK)
    log.info("done", blobs=len(archiver.store.hashes()), missing=missing)
    sys.exit(MISSING if missing else 0)


if __name__ == "__main__":
    cli()
