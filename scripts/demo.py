"""Plays an order flow on a new exchange, from the first deposit to the last claim."""

import sys
from pathlib import Path

import click

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
    "--flow",
    "flow_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A LOBSTER message file, .csv or .csv.gz, in place of the generated flow.",
)
@click.option("--limit", type=click.IntRange(1), help="Messages of the file that are read.")
@click.option("--seed", default=1, show_default=True, help="Of the generated flow.")
@click.option(
    "--turns",
    default=5000,
    show_default=True,
    type=click.IntRange(1),
    help="Of the generated flow; about two messages each.",
)
@click.option(
    "--output",
    default="out",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where report.html, the journal and the batches go.",
)
@account_option("Pays for everything and owns the exchange.")
@expect_chain_id
@plain_errors
def cli(provider, flow_file, limit, seed, turns, output, account, expect_chain_id):
    """Play an order flow on a new exchange, from the first deposit to the last claim.

    Deploys, opens some twenty accounts, lists an options chain, sends signed orders through the
    gateway, commits batches, settles an expiry, withdraws with proofs, and checks S1-S8 against the
    chain. Exits with 1 if anything is off.
    """
    from demo import flow as generator
    from demo import lobster
    from demo.run import Settings, finish, run
    from demo.show import Show, default_console

    quiet()
    session = Session.open(provider, expect_chain_id)
    if session.is_real:
        raise click.ClickException(
            f"chain id: found {session.chain_id}, allowed a development chain: the demo moves time"
        )
    chosen = lobster.flow(flow_file, limit) if flow_file else generator.generate(seed, turns)
    settings = Settings(
        session.w3, session.account(account), session.network, output, session.lasts
    )
    show = Show(default_console())
    results = run(settings, chosen, show)
    finish(results, settings, chosen, show)
    if not results.sound:
        sys.exit(1)
