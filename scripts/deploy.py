"""Deploys an exchange and records it in deployments/<chain id>.json."""

import click

from scripts._session import ChainCommand, Session, account_option, expect_chain_id, plain_errors
from scripts._values import ADDRESS


@click.command(cls=ChainCommand)
@account_option("Deploys, and owns the exchange.")
@click.option("--operator", default="TEST::1", show_default=True, help="Commits batches.")
@click.option(
    "--windows",
    type=click.Choice(["devnet", "production"]),
    help="W, A, F, D and lag: seconds or days. Devnet on development chains, else production.",
)
@click.option("--token", type=ADDRESS, help="Collateral; by default a new token, free for all.")
@click.option("--fee-owner", type=ADDRESS, help="Owns account 0; by default the deployer.")
@click.option("--bond", default=1, show_default=True, type=click.IntRange(1), help="Ether.")
@click.option("--sample", is_flag=True, help="List BTC with six options, too (devnets only).")
@click.option("--replace", is_flag=True, help="Forget the exchange that is on record.")
@expect_chain_id
@plain_errors
def cli(
    provider, account, operator, windows, token, fee_owner, bond, sample, replace, expect_chain_id
):
    """Deploy an exchange, name its operator, record it in deployments/<chain id>.json."""
    from scripts import _exchange as exchange

    session = Session.open(provider, expect_chain_id)
    if session.is_real and sample:
        raise click.ClickException("--sample: its reporters are test accounts, allowed on devnets")
    if session.is_real and expect_chain_id is None:
        raise click.ClickException(
            f"--expect-chain-id: found none, allowed {session.chain_id}: say it to deploy there"
        )
    if exchange.stands(session, None) and not replace:
        raise click.ClickException(
            f"{exchange.relative(exchange.default_path(session.chain_id))}: an exchange stands on "
            f"chain {session.chain_id} already; --replace forgets it"
        )
    chosen = exchange.WINDOWS[windows or ("production" if session.is_real else "devnet")]
    owner = session.account(account)
    deployment = exchange.create(
        session, owner, session.account(operator), chosen, token, bond * 10**18, fee_owner
    )
    for role, address in deployment.addresses.items():
        click.echo(f"{role:19} {address}")
    if sample:
        for symbol in exchange.list_sample(session, deployment, owner):
            click.echo(symbol)
    if session.ends_with_command:
        exchange.say(f"{session.network} ends with this command: nothing of this is left")
