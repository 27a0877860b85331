"""Sets the stage: an exchange on a chain, what is listed there, and traders with money."""

from dataclasses import dataclass, field
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.logs import DISCARD

from demo.remote import ETHER, Remote
from demo.steps import Flow, Listing
from matcher.chain.deployment import Deployment, deploy
from matcher.eip712 import Domain, keccak
from matcher.symbols import symbol
from matcher.types import Windows

# Seconds, not days: final 20 minutes after the commit. Time moves only when the demo moves it.
WINDOWS: Final = Windows(challenge=600, answer=300, freeze=3600, notice=60, lag=240)
BOND: Final = 5 * ETHER
REPORTERS: Final = 3
KEY_LIFE: Final = 90 * 86_400  # seconds
DAY: Final = 86_400
OPENING_HOUR: Final = 8 * 3600  # expiries are at 08:00 UTC


def account_of(name: str) -> LocalAccount:
    """A demo account: its key is the hash of its name. Never send it anything of value."""
    account: LocalAccount = Account.from_key(keccak(f"quoin demo {name}".encode()))
    return account


@dataclass
class Trader:
    """One trader of the flow on the chain."""

    name: str
    account: int
    owner: LocalAccount
    signer: LocalAccount  # of orders: the owner or a session key


@dataclass
class World:
    """An exchange that is ready for the flow."""

    remote: Remote
    deployment: Deployment
    rich: LocalAccount
    operator: LocalAccount
    operator_index: int
    fees: LocalAccount
    reporters: list[LocalAccount]
    flow: Flow
    markets: list[int] = field(default_factory=list)  # index on chain, by place in the listing
    expiries: list[int] = field(default_factory=list)  # hours
    instruments: list[int] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)
    traders: list[Trader] = field(default_factory=list)

    @property
    def domain(self) -> Domain:
        registry = bytes.fromhex(self.deployment.addresses["registry"][2:])
        return Domain(self.deployment.chain_id, registry)

    @property
    def listing(self) -> Listing:
        return self.flow.listing


def deploy_exchange(remote: Remote, rich: LocalAccount, flow: Flow) -> World:
    """Deploy, name an operator under bond, gather reporters."""
    operator, fees = account_of("operator"), account_of("fees")
    reporters = [account_of(f"reporter {number}") for number in range(REPORTERS)]
    remote.give_ether(rich, [operator], 100 * ETHER)
    remote.give_ether(rich, [fees], ETHER)
    deployment = deploy(remote.w3, rich, windows=WINDOWS, fee_owner=fees.address, min_bond=BOND)
    registry = deployment.registry
    receipt = remote.send("operator", rich, registry.functions.addOperator(operator.address))
    added = registry.events.OperatorAdded().process_receipt(receipt, DISCARD)
    index = int(added[0]["args"]["index"])
    remote.send("operator", operator, registry.functions.addBond(index), value=BOND)
    remote.send("operator", rich, registry.functions.setOperator(index))
    return World(remote, deployment, rich, operator, index, fees, reporters, flow)


def first_expiry(now: int, flow_seconds: int) -> int:
    """The first 08:00 UTC that leaves room for the flow and a few batches, hours."""
    earliest = now + flow_seconds + 2 * WINDOWS.lag + 600
    days = -(-(earliest - OPENING_HOUR) // DAY)
    return (days * DAY + OPENING_HOUR) // 3600


def list_everything(world: World) -> None:
    """Markets, reporters, expiries, instruments."""
    markets, owner, send = world.deployment.markets, world.rich, world.remote.send
    for plan in world.listing.markets:
        rates = (plan.taker_fee, plan.maker_fee)
        call = markets.functions.listMarket(plan.name, plan.tick_value, plan.strike_value, *rates)
        receipt = send("listing", owner, call)
        listed = markets.events.MarketListed().process_receipt(receipt, DISCARD)
        world.markets.append(int(listed[0]["args"]["market"]))
    addresses = [reporter.address for reporter in world.reporters]
    receipt = send("listing", owner, markets.functions.addReporterSet(addresses))
    added = markets.events.ReporterSetAdded().process_receipt(receipt, DISCARD)
    reporter_set = int(added[0]["args"]["set"])
    first = first_expiry(world.remote.time, world.flow.duration // 1000)
    for expiry in world.listing.expiries:
        hours = first + 24 * expiry.days
        world.expiries.append(hours)
        market = world.markets[expiry.market]
        call = markets.functions.openExpiry(market, hours, expiry.cap, reporter_set)
        send("listing", owner, call)
    _list_instruments(world)


def _list_instruments(world: World) -> None:
    new = []
    for plan in world.listing.instruments:
        expiry = world.listing.expiries[plan.expiry]
        market, hours = world.markets[expiry.market], world.expiries[plan.expiry]
        new.append((market, int(plan.kind), hours, plan.strike))
        name = world.listing.markets[expiry.market].name
        world.symbols.append(symbol(name, int(plan.kind), hours, plan.strike))
    markets = world.deployment.markets
    receipt = world.remote.send("listing", world.rich, markets.functions.listInstruments(new))
    listed = markets.events.InstrumentListed().process_receipt(receipt, DISCARD)
    world.instruments.extend(int(entry["args"]["instrument"]) for entry in listed)


def open_trader(world: World, number: int) -> Trader:
    """Mint, approve, open with the whole deposit, and register a session key if there is one."""
    plan = world.flow.traders[number]
    token, vault, send = world.deployment.token, world.deployment.vault, world.remote.send
    owner = account_of(f"trader {plan.name}")
    world.remote.give_ether(world.rich, [owner], ETHER)
    units = plan.deposit * vault.functions.tokenUnitsPerAtom().call()
    send("mint (devnet token)", owner, token.functions.mint(owner.address, 2 * units))
    send("approve", owner, token.functions.approve(vault.address, 2**256 - 1))
    receipt = send(
        "open with first deposit", owner, vault.functions.open(owner.address, plan.deposit)
    )
    opened = vault.events.Opened().process_receipt(receipt, DISCARD)
    account = int(opened[0]["args"]["account"])
    signer = owner
    if plan.session_key:
        signer = account_of(f"key of {plan.name}")
        until = world.remote.time + KEY_LIFE
        call = vault.functions.registerKey(account, signer.address, until)
        send("register a session key", owner, call)
    trader = Trader(plan.name, account, owner, signer)
    world.traders.append(trader)
    return trader
