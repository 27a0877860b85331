"""What a trader does, one command each: at the Vault by transactions, at a gateway by messages."""

from functools import wraps
from typing import Any

import click

from scripts._session import (
    ChainCommand,
    Session,
    account_option,
    actions,
    expect_chain_id,
    plain_errors,
)
from scripts._values import ADDRESS, ATOMS, moment, tokens

NOTICE_MARGIN = 30  # seconds beyond the least notice, until the transaction is in a block


@click.group(name="trade", short_help="What a trader does, one command each.")
def cli() -> None:
    """What a trader does: at the Vault by transactions, at a gateway by signed messages.

    Prices and amounts are in whole tokens with at most six decimals, sizes in lots. ACCOUNT is an
    account of the exchange; --account names the Ethereum account that signs. Every command
    asserts the chain id before it writes.
    """


at_vault = actions(cli)

url_option = click.option(
    "--url", default="http://127.0.0.1:8000", show_default=True, help="Of the gateway."
)
of_option = click.option(
    "--of", "number", type=int, help="Account of the exchange; by default the signer's first."
)


def at_gateway(name: str):
    """A command that sends a message: gets a `Client` whose domain is that of the deployment."""

    def register(function):
        @wraps(function)
        def run(
            provider,
            account: str,
            expect_chain_id: int | None,
            url: str,
            number: int | None,
            **options: Any,
        ) -> None:
            session = Session.open(provider, expect_chain_id)
            with _client(session, account, url, number) as client:
                function(client, **options)

        del run.__wrapped__  # ape looks there for who wants the provider
        command = expect_chain_id(account_option("Signs.")(plain_errors(run)))
        command = url_option(of_option(command))
        return cli.command(name, cls=ChainCommand)(command)

    return register


def _client(session: Session, alias: str, url: str, number: int | None):
    """A client of a gateway that serves this exchange and no other."""
    from matcher.chain.deployment import Deployment
    from matcher.client import Client
    from matcher.eip712 import Domain

    signer = session.account(alias)
    client = Client(url, bytes(signer.key), number)
    if session.ends_with_command:
        raise click.ClickException(
            f"{session.network} ends with this command: no gateway can serve it. Start anvil, "
            "deploy, start a node, and use --network ethereum:devnet:node"
        )
    registry = Deployment.load(session.w3).registry.address
    expected = Domain(session.chain_id, bytes.fromhex(registry[2:]))
    if client.domain != expected:
        raise click.ClickException(f"{url}: serves {client.domain}, expected {expected}")
    return client


# --- at the Vault ---------------------------------------------------------------------------------


@at_vault("mint")
@click.argument("amount", type=ATOMS)
def mint(desk, amount):
    """Get tokens of a devnet, which are free."""
    units = amount * desk.deployment.vault.functions.tokenUnitsPerAtom().call()
    call = desk.deployment.token.functions.mint(desk.account.address, units)
    desk.send(f"mint {tokens(amount)}", call)


@at_vault("open")
@click.argument("amount", type=ATOMS)
@click.option("--owner", type=ADDRESS, help="By default who signs.")
def open_account(desk, amount, owner):
    """Open an account with a first deposit of at least 10 tokens."""
    from scripts._exchange import approve

    approve(desk.session, desk.deployment, desk.account)
    call = desk.deployment.vault.functions.open(owner or desk.account.address, amount)
    receipt = desk.send("open", call)
    click.echo(f"account {desk.event(receipt, 'vault', 'Opened')['account']}")


@at_vault("deposit")
@click.argument("account_index", metavar="ACCOUNT", type=int)
@click.argument("amount", type=ATOMS)
def deposit(desk, account_index, amount):
    """Deposit into an account of one's own."""
    from scripts._exchange import approve

    approve(desk.session, desk.deployment, desk.account)
    call = desk.deployment.vault.functions.deposit(account_index, amount)
    receipt = desk.send("deposit", call)
    total = desk.event(receipt, "vault", "Deposited")["deposited"]
    click.echo(f"deposited in all {tokens(total)}")


@at_vault("ask")
@click.argument("account_index", metavar="ACCOUNT", type=int)
def ask(desk, account_index):
    """Ask on chain for a forced withdrawal of everything that margin allows."""
    desk.send("ask", desk.deployment.vault.functions.ask(account_index))


@at_vault("hard-cancel")
@click.argument("account_index", metavar="ACCOUNT", type=int)
def hard_cancel(desk, account_index):
    """Kill every order that the owner ever signed, after the least notice. Cannot be undone."""
    until = _soon(desk)
    call = desk.deployment.vault.functions.setOrdersUntil(account_index, until)
    desk.send(f"the owner's orders end {moment(until)}", call)


@at_vault("register-key")
@click.argument("account_index", metavar="ACCOUNT", type=int)
@click.argument("key", type=ADDRESS)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1))
def register_key(desk, account_index, key, days):
    """Let a key sign orders (not withdrawals) for some days."""
    until = _now(desk) + days * 86_400
    call = desk.deployment.vault.functions.registerKey(account_index, key, until)
    desk.send(f"the key is valid until {moment(until)}", call)


@at_vault("revoke-key")
@click.argument("account_index", metavar="ACCOUNT", type=int)
@click.argument("key", type=ADDRESS)
def revoke_key(desk, account_index, key):
    """End a key's validity after the least notice."""
    until = _soon(desk)
    call = desk.deployment.vault.functions.revokeKey(account_index, key, until)
    desk.send(f"the key is valid until {moment(until)}", call)


def _now(desk) -> int:
    return int(desk.deployment.w3.eth.get_block("latest")["timestamp"])


def _soon(desk) -> int:
    """The earliest moment that the Vault takes, and a little."""
    from matcher.chain.clock import ChainClock

    return ChainClock(desk.deployment.w3).now() + desk.deployment.windows.notice + NOTICE_MARGIN


@at_vault("claim")
@click.argument("account_index", metavar="ACCOUNT", type=int)
@click.option("--recipient", type=ADDRESS, help="Another than the owner (the owner signs).")
@click.option("--url", help="Gateway that proves; without one the proof is made from the chain.")
def claim(desk, account_index, recipient, url):
    """Fetch what final batches let out. Needs no server: a proof is made from the chain's logs."""
    from matcher.client import Client
    from scripts import _proofs as proofs

    if url:
        with Client(url, account=account_index) as client:
            proof = proofs.from_gateway(client.account_proof())
    else:
        proof = proofs.from_chain(desk.deployment, account_index, final=True)
    functions = desk.deployment.vault.functions
    arguments = (account_index, *proof.arguments)
    due = functions.claimable(*arguments).call()
    if not due:
        raise click.ClickException(
            f"account {account_index}: found nothing to claim in batch {proof.batch}, the newest "
            "final one; a withdrawal counts once its batch is final"
        )
    call = functions.claimTo(*arguments, recipient) if recipient else functions.claim(*arguments)
    receipt = desk.send("claim", call)
    paid = desk.event(receipt, "vault", "Claimed")
    click.echo(f"{tokens(paid['amount'])} paid to {paid['recipient']}")


@at_vault("freeze")
@click.argument("account_index", metavar="ACCOUNT", type=int)
def freeze(desk, account_index):
    """Freeze an exchange that did not credit or serve in time. For ever; needs no server."""
    from matcher.chain.audit.exits import EMPTY_HEADER
    from scripts import _proofs as proofs

    proof = proofs.from_chain(desk.deployment, account_index, final=False)
    call = desk.deployment.vault.functions.freeze(account_index, *proof.arguments, EMPTY_HEADER)
    desk.send("freeze", call)
    click.echo(f"frozen at batch {proof.batch}: once it is final, claim pays what you are worth")


@at_vault("status")
@click.argument("account_index", metavar="ACCOUNT", type=int)
def status(desk, account_index):
    """Show an account as the chain has it; sends nothing."""
    from scripts import _proofs as proofs

    functions = desk.deployment.vault.functions
    owner, deposited, deposited_at, claimed, until, asks, asked_at = functions.accountOf(
        account_index
    ).call()
    if int(owner, 16) == 0:
        count = functions.accountCount().call()
        raise click.ClickException(f"account {account_index}: never opened, allowed below {count}")
    proof = proofs.from_chain(desk.deployment, account_index, final=False)
    header, leaf, path = proof.arguments
    _, seen = desk.deployment.lens.functions.verifyAccount(header, account_index, leaf, path).call()
    cash, exited, credited, served, _, positions = seen
    rows = {
        "owner": owner,
        "deposited": f"{tokens(deposited)}, last {moment(deposited_at)}",
        "credited": tokens(credited),
        "cash": tokens(cash),
        "let out": tokens(exited),
        "claimed": tokens(claimed),
        "asks": f"{asks}, {served} served, last {moment(asked_at)}",
        "owner's orders": f"until {moment(until)}" if until else "for ever",
        "as of batch": str(proof.batch),
    }
    for name, value in rows.items():
        click.echo(f"{name:15} {value}")
    for _, lots, symbol in positions:
        click.echo(f"{symbol:24} {lots:+,} lots")


# --- at a gateway ---------------------------------------------------------------------------------


@at_gateway("order")
@click.argument("side", type=click.Choice(["buy", "sell"]))
@click.argument("lots", type=click.IntRange(1))
@click.argument("symbol")
@click.argument("price", type=ATOMS)
@click.option("--post-only", is_flag=True)
@click.option("--ioc", is_flag=True, help="Fill what can be filled now, cancel the rest.")
@click.option("--fok", is_flag=True, help="Fill all of it now, or nothing.")
@click.option("--reduce-only", is_flag=True)
@click.option("--seconds", type=click.IntRange(1), help="Life of the order; by default an hour.")
def order(client, side, lots, symbol, price, post_only, ioc, fok, reduce_only, seconds):
    """Sign an order and send it: order buy 5 BTC-26MAR27-100000-C 15.50."""
    flags = post_only * 1 + ioc * 2 + fok * 4 + reduce_only * 8
    expiry = client.now() + seconds if seconds else None
    answer = client.place(symbol, side == "buy", price, lots, flags=flags, expiry=expiry)
    found = answer["order"]
    click.echo(
        f"order {found['id']}: {found['status']}, {found['filled']} of {found['quantity']} filled"
    )
    for fill in answer["fills"]:
        click.echo(f"  {fill['lots']} at {tokens(int(fill['price']))}")


@at_gateway("cancel")
@click.argument("order_id", type=int)
def cancel(client, order_id):
    """Cancel an open order."""
    found = client.cancel(order_id)["order"]
    click.echo(f"order {found['id']}: {found['status']}, {found['filled']} filled")


@at_gateway("cancel-all")
@click.argument("symbol", default="")
def cancel_all(client, symbol):
    """Cancel all open orders, or all in one instrument."""
    canceled = client.cancel_all(symbol)["canceled"]
    click.echo(f"{len(canceled)} orders canceled")


@at_gateway("amend")
@click.argument("order_id", type=int)
@click.argument("lots", type=click.IntRange(1))
def amend(client, order_id, lots):
    """Lower the whole quantity of an open order; it keeps its place."""
    found = client.amend(order_id, lots)["order"]
    click.echo(f"order {found['id']}: {found['status']}, {found['remaining']} left")


@at_gateway("withdraw")
@click.argument("amount", type=ATOMS)
def withdraw(client, amount):
    """Let money out of the exchange; claim it once the batch is final."""
    client.withdraw(amount)
    click.echo(f"{tokens(amount)} let out; claim it when the batch is final")


@at_gateway("transfer")
@click.argument("target", metavar="ACCOUNT", type=int)
@click.argument("amount", type=ATOMS)
def transfer(client, target, amount):
    """Move money to another account of the exchange."""
    client.transfer(target, amount)
    click.echo(f"{tokens(amount)} moved to account {target}")


@at_gateway("book")
@click.argument("symbol")
def book(client, symbol):
    """Show an instrument's book."""
    found = client.book(symbol)
    for price, lots, _ in reversed(found["asks"]):
        click.echo(f"{'':14} {tokens(int(price)):>14}  {lots}")
    click.echo(f"{'':14} {symbol:>14}")
    for price, lots, _ in found["bids"]:
        click.echo(f"{lots:>14} {tokens(int(price)):>14}")


@at_gateway("balance")
def balance(client):
    """Show cash, positions and what may be withdrawn, as the exchange has it now."""
    found = client.balances()
    for name in ("cash", "free", "worst", "deposited", "credited", "exited"):
        if name in found:
            click.echo(f"{name:10} {tokens(int(found[name]))}")
    for position in found["positions"]:
        click.echo(f"{position['instrument']:24} {int(position['lots']):+,} lots")
