"""Keeps the blobs of an exchange, and serves them to whoever executes its batches again."""

import asyncio

import click

from matcher.blobs.options import with_archiver_options, with_blob_options
from scripts._session import (
    ChainCommand,
    Session,
    account_option,
    expect_chain_id,
    log_level_option,
    plain_errors,
)


@click.command(cls=ChainCommand)
@with_blob_options
@with_archiver_options
@log_level_option
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
    from matcher.archiver import keep, serve
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
        asyncio.run(serve(archiver, host, port, poll))
        return
    missing = keep(archiver)
    click.echo(f"{len(archiver.store.hashes())} blobs in {data}")
    if missing:
        raise click.ClickException(f"{missing} blobs are missing")
