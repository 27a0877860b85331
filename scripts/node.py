"""Runs an exchange against a network: matcher, gateway and committer, in one process or several."""

import asyncio
import signal
from pathlib import Path

import click

from scripts._session import (
    ChainCommand,
    Session,
    account_option,
    expect_chain_id,
    log_level_option,
    plain_errors,
)


@click.command(cls=ChainCommand)
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
@click.option("--host", default="127.0.0.1", show_default=True, help="That the gateway listens at.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65_535))
@click.option(
    "--batch-age",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="Seconds until a batch is closed.",
)
@click.option(
    "--batch-chunks",
    type=click.IntRange(1, 768),
    help="Chunks, of 30 ops at most, after which a batch is closed. By default 100 in calldata and"
    " 768, six full blobs, in blobs. One with more than 127 goes in blobs whatever they cost.",
)
@click.option(
    "--mode",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "calldata", "blob"]),
    help="Commit in calldata, in blobs, or in what costs less.",
)
@click.option("--confirmations", default=1, show_default=True, type=click.IntRange(1))
@click.option(
    "--publish",
    metavar="NAME",
    help="Show books and accounts in shared memory; python -m matcher.readers NAME reads them.",
)
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(1),
    help="Run in several processes: the matcher, the batcher, and N gateways at one port.",
)
@log_level_option
@expect_chain_id
@plain_errors
def cli(
    provider,
    account,
    operator,
    answerer,
    data,
    host,
    port,
    batch_age,
    batch_chunks,
    mode,
    confirmations,
    publish,
    processes,
    log_level,
    expect_chain_id,
):
    """Run an exchange until it is interrupted: matcher, gateway, committer.

    On ethereum:local:test and ethereum:local:foundry the chain, and a fresh exchange with a few
    listed options, live as long as the node.
    """
    import tempfile

    from matcher.chain.modes import Choice, limits_of
    from matcher.sequencer import Policy
    from matcher.settings import Settings, configure_logging
    from scripts._exchange import find

    session = Session.open(provider, expect_chain_id)
    configure_logging(log_level, False)
    deployment = find(session, session.account(account), None).deployment
    # The journal of a chain that is gone is nobody's.
    scratch = tempfile.TemporaryDirectory() if session.ends_with_command else None
    directory = Path(scratch.name) if scratch else data or Path("data") / str(session.chain_id)
    settings = Settings(
        rpc=getattr(provider, "uri", "") or "the chain in this process",
        data=directory,
        host=host,
        port=port,
        confirmations=confirmations,
        operator=session.account(operator),
        batches=Policy(max_age=batch_age),
        limits=limits_of(batch_chunks),
        mode=Choice(mode),
        publish=publish,
    )
    if answerer is not None and answerer == operator:
        raise click.UsageError("--answerer: another account than --operator's, whose turn it takes")
    key = None if answerer is None else session.account(answerer).key.to_0x_hex()
    try:
        asyncio.run(_run(settings, deployment, processes, log_level, key))
    finally:
        if scratch:
            scratch.cleanup()


async def _run(settings, deployment, processes, log_level, key) -> None:
    """Inside the loop: a node makes its events there."""
    from web3 import EthereumTesterProvider

    from matcher.answering import answering
    from matcher.node import Node
    from matcher.turns import collect_seldom, take_short_turns
    from scripts._embedded import EmbeddedNode

    embedded = isinstance(deployment.w3.provider, EthereumTesterProvider)
    for name, chosen in (("--processes", processes), ("--answerer", key)):
        if chosen is not None and embedded:
            raise click.UsageError(f"{name} needs a chain that other processes reach by a URL")
    if processes is not None:
        from matcher.processes.supervisor import Supervisor

        node = Supervisor(settings, processes, log_level)
    else:
        node = EmbeddedNode(settings, deployment) if embedded else Node(settings)
    collect_seldom()
    take_short_turns()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, node.stop)
    async with answering(settings, key, log_level):
        await node.run()
