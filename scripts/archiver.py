"""Keeps the blobs of an exchange, and serves them to whoever executes its batches again."""

import asyncio
import contextlib
import signal
from pathlib import Path

import click

from matcher.blobs.options import with_blob_options
from scripts._session import ChainCommand, Session, account_option, expect_chain_id, plain_errors


@click.command(cls=ChainCommand)
@with_blob_options
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory of the blobs; made if it is not there.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve at.")
@click.option("--port", default=8900, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--poll", default=2.0, show_default=True, type=click.FloatRange(0.01))
@click.option("--once", is_flag=True, help="Keep what there is, serve nothing, and end.")
@click.option("--log-level", default="info", show_default=True)
@click.option("--log-json", is_flag=True, help="Log JSON objects, one per line.")
@account_option("Owns the fresh exchange where the chain is fresh; signs nothing else.")
@expect_chain_id
@plain_errors
def cli(
    provider,
    stores,
    archivers,
    beacons,
    data,
    host,
    port,
    poll,
    once,
    log_level,
    log_json,
    account,
    expect_chain_id,
):
    """Keep the blobs of every batch, and serve them: GET /v1/blobs/{versionedHash}.

    Follows the chain by its logs. Exits with 1 if --once could not keep a blob.
    """
    from matcher.blobs.options import sources_of
    from matcher.blobs.store import Store
    from matcher.chain.archiver import Archiver
    from matcher.settings import configure_logging
    from scripts._exchange import find

    session = Session.open(provider, expect_chain_id)
    configure_logging(log_level, log_json)
    deployment = find(session, session.account(account), None).deployment
    sources = sources_of(session.w3, stores, archivers, beacons)
    archiver = Archiver(session.w3, deployment, sources, Store(data))
    if not once:
        asyncio.run(_serve(archiver, host, port, poll))
        return
    archiver.step()
    while not archiver.caught_up:
        archiver.step()
    click.echo(f"{len(archiver.store.hashes())} blobs in {data}")
    if missing := archiver.health()["missing"]:
        raise click.ClickException(f"{missing} blobs are missing")


async def _serve(archiver, host, port, poll) -> None:
    """Follow and serve until a signal."""
    import structlog

    from matcher.blobs.server import make_app
    from matcher.chain_side import PASSING
    from matcher.gateway.server import GatewayServer

    log = structlog.get_logger("archiver")
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    server = GatewayServer(make_app(archiver.store, archiver.health), host, port)
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
