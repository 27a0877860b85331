"""Runs an exchange against a network: matcher, gateway and committer, in one process or several."""

import asyncio
import signal
from pathlib import Path

import click

from matcher.options import with_node_options
from scripts._session import (
    ChainCommand,
    Session,
    account_option,
    expect_chain_id,
    plain_errors,
)


@click.command(cls=ChainCommand, context_settings={"show_default": True})
@account_option("Owns the fresh exchange where the chain is fresh; signs nothing else.")
@click.option("--operator", default="TEST::1", show_default=True, help="Signs and pays commits.")
@click.option(
    "--answerer",
    metavar="ALIAS",
    help="Signs and pays answers to questions about who signed, in a process beside the node."
    " Another account than the operator's.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Of the journal and the published batches; by default data/<chain id>.",
)
@with_node_options
@expect_chain_id
@plain_errors
def cli(
    provider, account, operator, answerer, data, gateways, log_level, log_json, expect_chain_id,
    **options,
):  # fmt: skip
    """Run an exchange until it is interrupted: matcher, gateway, committer.

    On ethereum:local:test and ethereum:local:foundry the chain, and a fresh exchange with a few
    listed options, live as long as the node.
    """
    import tempfile

    from matcher.settings import configure_logging, settings_of
    from scripts._exchange import find

    session = Session.open(provider, expect_chain_id)
    configure_logging(log_level, log_json)
    deployment = find(session, session.account(account), None).deployment
    # The journal of a chain that is gone is nobody's.
    scratch = tempfile.TemporaryDirectory() if session.ends_with_command else None
    directory = Path(scratch.name) if scratch else data or Path("data") / str(session.chain_id)
    settings = settings_of(
        session.account(operator),
        rpc=getattr(provider, "uri", "") or "the chain in this process",
        data=directory,
        **options,
    )
    if answerer is not None and answerer == operator:
        raise click.UsageError("--answerer: another account than --operator's, whose turn it takes")
    key = None if answerer is None else session.account(answerer).key.to_0x_hex()
    try:
        asyncio.run(_run(settings, deployment, gateways, key, log_level, log_json))
    finally:
        if scratch:
            scratch.cleanup()


async def _run(settings, deployment, gateways, key, *logging) -> None:
    """Inside the loop: a node makes its events there."""
    from web3 import EthereumTesterProvider

    from matcher.answering import answering
    from matcher.node import Node
    from matcher.turns import collect_seldom, take_short_turns
    from scripts._embedded import EmbeddedNode

    embedded = isinstance(deployment.w3.provider, EthereumTesterProvider)
    for name, chosen in (("--processes", gateways), ("--answerer", key)):
        if chosen is not None and embedded:
            raise click.UsageError(f"{name} needs a chain that other processes reach by a URL")
    if gateways is not None:
        from matcher.processes.supervisor import Supervisor

        node = Supervisor(settings, gateways, *logging)
    else:
        node = EmbeddedNode(settings, deployment) if embedded else Node(settings)
    collect_seldom()
    take_short_turns()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, node.stop)
    async with answering(settings, key, *logging):
        await node.run()
