"""Operators lie, a challenger convicts them, users keep their money: told as it happens."""

import shutil
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

KINDS = ("transition", "margin", "unauthorized")


@click.command(cls=ChainCommand)
@click.option(
    "--lie",
    "lies",
    type=click.Choice(KINDS),
    multiple=True,
    help="By the prover that convicts it; several in turn, each by an operator of its own. All.",
)
@click.option(
    "--mode",
    default="calldata",
    show_default=True,
    type=click.Choice(["calldata", "blob"]),
    help="Where operators commit, honest batches and lies.",
)
@click.option("--seed", default=1, show_default=True, help="Of the honest trades.")
@click.option(
    "--output",
    default="out/fraud",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the node's journal, the challenger's checkpoint and published files go.",
)
@account_option("Pays for everything and owns the exchange.")
@expect_chain_id
@plain_errors
def cli(provider, lies, mode, seed, output, account, expect_chain_id):
    """Let operators lie, one lie for each prover, and see that nobody loses anything.

    Runs the node and the challenger as processes, on anvil: --network ethereum:local:foundry.
    Exits with 1 if anything is off.
    """
    from web3 import EthereumTesterProvider

    from demo.fraud.closing import show_outcome
    from demo.fraud.lies import Kind
    from demo.fraud.run import Settings, run
    from demo.show import Show, default_console
    from matcher.chain.modes import Choice
    from matcher.disk import make_directory

    quiet()
    session = Session.open(provider, expect_chain_id)
    if session.is_real:
        raise click.ClickException(
            f"chain id: found {session.chain_id}, allowed a development chain: the demo moves time"
        )
    url = getattr(provider, "uri", "")
    if isinstance(session.w3.provider, EthereumTesterProvider) or not url.startswith("http"):
        raise click.ClickException(
            f"--network: found {session.network}, allowed a chain that other processes reach by a "
            "URL, such as ethereum:local:foundry"
        )
    for name in ("data", "challenger", "published"):  # of a run before, on a chain that is gone
        shutil.rmtree(output / name, ignore_errors=True)
    make_directory(output)
    show = Show(default_console())
    kinds = [Kind(name) for name in lies or KINDS]
    settings = Settings(
        session.w3,
        url,
        session.account(account),
        session.network,
        output,
        seed,
        kinds,
        Choice(mode),
    )
    outcome = run(settings, show)
    show_outcome(show.console, outcome)
    if not outcome.sound:
        sys.exit(1)
