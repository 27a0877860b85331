"""An exchange to work with: the one on record, or a fresh one where the chain is fresh, too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from matcher.chain.deployment import Deployment, default_path, deploy, send
from matcher.errors import DeploymentError
from matcher.types import PRODUCTION_WINDOWS, Windows
from scripts._session import DEVNET, Session

# Final a minute after the commit: a devnet counts in seconds.
DEVNET_WINDOWS: Final = Windows(challenge=30, answer=15, freeze=600, notice=30, lag=120)
WINDOWS: Final = {"devnet": DEVNET_WINDOWS, "production": PRODUCTION_WINDOWS}
ETHER: Final = 10**18

# What a fresh exchange lists: one lot is 0.01 BTC, a tick a cent, a strike step a dollar per BTC.
SAMPLE_MARKET: Final = ("BTC", 10_000, 10_000, 30_000, -10_000)
SAMPLE_STRIKES: Final = (90_000, 100_000, 110_000)
SAMPLE_CAP: Final = 2_000_000_000  # atoms per lot
SAMPLE_DAYS: Final = 7
SAMPLE_REPORTERS: Final = ("TEST::7", "TEST::8", "TEST::9")
SAMPLE_DEPOSIT: Final = 1_000_000_000  # atoms
DAY: Final = 86_400


def say(text: str) -> None:
    """To the standard error output: what is asked for alone goes to the standard output."""
    click.echo(text, err=True)


@dataclass(frozen=True)
class Desk:
    """One exchange, and one account that sends transactions to it."""

    session: Session
    deployment: Deployment
    account: LocalAccount

    def send(self, what: str, call: ContractFunction, value: int = 0) -> TxReceipt:
        """Send a call and say what it cost."""
        return transact(self.session, self.account, what, call, value)

    def event(self, receipt: TxReceipt, role: str, name: str) -> dict[str, Any]:
        """Arguments of the one event of a name in a receipt."""
        from web3.logs import DISCARD

        found = self.deployment.contract(role).events[name]().process_receipt(receipt, DISCARD)
        if len(found) != 1:
            raise click.ClickException(f"{name}: found {len(found)} events, expected 1")
        return dict(found[0]["args"])


def transact(
    session: Session, account: LocalAccount, what: str, call: ContractFunction, value: int = 0
) -> TxReceipt:
    """Send a call and say what it cost."""
    receipt = send(
        session.w3, account, to=call.address, data=call._encode_transaction_data(), value=value
    )
    gas = receipt["gasUsed"]
    say(f"{what}: transaction {receipt['transactionHash'].to_0x_hex()}, {gas:,} gas")
    return receipt


def find(session: Session, account: LocalAccount, path: Path | None) -> Desk:
    """The exchange on record; on a chain that ends with the command, a fresh one.

    Raises
    ------
    click.ClickException
        If there is none, saying what to do.
    """
    if session.ends_with_command:
        say(
            f"{session.network} ends with this command, and so does everything on it: deploying a "
            f"fresh exchange first. For one that lasts, start anvil and use --network {DEVNET}."
        )
        return Desk(session, _fresh(session, account), account)
    try:
        deployment = Deployment.load(session.w3, path)
    except DeploymentError as error:
        raise click.ClickException(
            f"{error}. Deploy first: ape run deploy --network {session.network}"
        ) from None
    return Desk(session, deployment, account)


def _fresh(session: Session, account: LocalAccount) -> Deployment:
    """A whole exchange for one command, in which the account owns account 2."""
    owner, operator = session.account("TEST::0"), session.account("TEST::1")
    deployment = create(session, owner, operator, DEVNET_WINDOWS)
    list_sample(session, deployment, owner)
    token, vault = deployment.token, deployment.vault
    atoms = 10 * SAMPLE_DEPOSIT * vault.functions.tokenUnitsPerAtom().call()
    transact(session, account, "mint", token.functions.mint(account.address, atoms))
    approve(session, deployment, account)
    call = vault.functions.open(account.address, SAMPLE_DEPOSIT)
    transact(session, account, "open account 2 with 1,000 tokens", call)
    return deployment


def approve(session: Session, deployment: Deployment, account: LocalAccount) -> None:
    """Let the Vault take tokens, once and for all, unless it may already."""
    token, vault = deployment.token, deployment.vault
    if token.functions.allowance(account.address, vault.address).call() < 2**255:
        call = token.functions.approve(vault.address, 2**256 - 1)
        transact(session, account, "approve the Vault", call)


def create(
    session: Session,
    owner: LocalAccount,
    operator: LocalAccount,
    windows: Windows,
    token: str | None = None,
    bond: int = ETHER,
    fee_owner: str | None = None,
) -> Deployment:
    """Deploy, record, and name the operator, who puts up the bond."""
    deployment = deploy(
        session.w3, owner, windows=windows, token=token, min_bond=bond, fee_owner=fee_owner
    )
    path = default_path(session.chain_id)
    # A chain that ends with the command may have the id of one that lasts: that record stays.
    if session.lasts or not path.exists():
        deployment.save(path)
    say(f"deployed on chain {session.chain_id}, recorded in {relative(path)}")
    registry = deployment.registry
    desk = Desk(session, deployment, owner)
    receipt = desk.send("add the operator", registry.functions.addOperator(operator.address))
    index = desk.event(receipt, "registry", "OperatorAdded")["index"]
    call = registry.functions.addBond(index)
    transact(session, operator, "put up the bond", call, value=bond)
    desk.send("name the operator", registry.functions.setOperator(index))
    return deployment


def list_sample(session: Session, deployment: Deployment, owner: LocalAccount) -> list[str]:
    """List BTC, an expiry about a week from now, six options; their symbols."""
    desk, markets = Desk(session, deployment, owner), deployment.markets
    receipt = desk.send("list BTC", markets.functions.listMarket(*SAMPLE_MARKET))
    market = desk.event(receipt, "markets", "MarketListed")["market"]
    reporters = [session.account(alias).address for alias in SAMPLE_REPORTERS]
    receipt = desk.send("name reporters", markets.functions.addReporterSet(reporters))
    reporter_set = desk.event(receipt, "markets", "ReporterSetAdded")["set"]
    now = session.w3.eth.get_block("latest")["timestamp"]
    hours = (now // DAY + SAMPLE_DAYS) * 24 + 8
    call = markets.functions.openExpiry(market, hours, SAMPLE_CAP, reporter_set)
    desk.send("open an expiry", call)
    new = [(market, kind, hours, strike) for strike in SAMPLE_STRIKES for kind in (0, 1)]
    receipt = desk.send("list instruments", markets.functions.listInstruments(new))
    from web3.logs import DISCARD

    listed = markets.events.InstrumentListed().process_receipt(receipt, DISCARD)
    return [str(entry["args"]["symbol"]) for entry in listed]


def stands(session: Session, path: Path | None) -> Deployment | None:
    """The exchange on record, if it stands on this chain."""
    try:
        return Deployment.load(session.w3, path)
    except DeploymentError:
        return None


def relative(path: Path) -> Path:
    """A path as somebody in the checkout would type it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


__all__ = [
    "DEVNET_WINDOWS",
    "WINDOWS",
    "Desk",
    "approve",
    "create",
    "default_path",
    "find",
    "list_sample",
    "relative",
    "say",
    "stands",
    "transact",
]
