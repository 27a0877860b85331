"""Executes every committed batch again, from the chain alone, and checks S1-S8."""

import sys
from pathlib import Path

import click

from matcher.blobs.options import with_blob_options
from scripts._session import (
    ChainCommand,
    Session,
    account_option,
    expect_chain_id,
    plain_errors,
    quiet,
)


@click.command(cls=ChainCommand)
@click.option(
    "--batches",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Published batches (a node's data/batches): their order files show who signed (S4).",
)
@with_blob_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@account_option("Owns the fresh exchange where the chain is fresh; signs nothing else.")
@expect_chain_id
@plain_errors
def cli(provider, batches, stores, archivers, beacons, as_json, account, expect_chain_id):
    """Execute every committed batch again, from the chain alone, and check S1-S8.

    Exits with 1 if anything is wrong.
    """
    from matcher.archive import Archive
    from matcher.blobs.options import sources_of
    from matcher.chain.audit import audit
    from scripts._exchange import find

    quiet()
    session = Session.open(provider, expect_chain_id)
    desk = find(session, session.account(account), None)
    files = []
    if batches is not None:
        archive = Archive(batches)
        files = [(batch_id, archive.read(batch_id).order_file) for batch_id in archive.ids()]
    blobs = sources_of(session.w3, stores, archivers, beacons)
    found = audit(session.w3, desk.deployment, files, sources=blobs)
    click.echo(found.json() if as_json else found.text())
    if not found.sound:
        sys.exit(1)
