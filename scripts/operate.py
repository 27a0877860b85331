"""What the owner and the operator of an exchange do, one command each."""

import json
from pathlib import Path
from typing import Any

import click

from scripts._session import actions
from scripts._values import ADDRESS, ATOMS, DAY, moment, tokens


@click.group(name="operate", short_help="What the owner and the operator of an exchange do.")
def cli() -> None:
    """What the owner and the operator of an exchange do, one command each.

    Prices and amounts are in whole tokens with at most six decimals, sizes in lots, expiries days
    (08:00 UTC). Every command asserts the chain id before it writes.
    """


action = actions(cli)


# --- listing --------------------------------------------------------------------------------------


@action("list-market")
@click.argument("name")
@click.option("--tick-value", type=ATOMS, required=True, help="Of a tick of one lot, in tokens.")
@click.option("--strike-value", type=ATOMS, required=True, help="Of a strike step of one lot.")
@click.option("--taker-fee", default=0, type=int, help="Atoms per lot.")
@click.option("--maker-fee", default=0, type=int, help="Atoms per lot; negative is a rebate.")
def list_market(desk, name, tick_value, strike_value, taker_fee, maker_fee):
    """List a market (owner)."""
    functions = desk.deployment.markets.functions
    call = functions.listMarket(name, tick_value, strike_value, taker_fee, maker_fee)
    receipt = desk.send(f"list {name}", call)
    click.echo(f"market {desk.event(receipt, 'markets', 'MarketListed')['market']}")


@action("add-reporters")
@click.argument("reporters", type=ADDRESS, nargs=-1, required=True)
def add_reporters(desk, reporters):
    """Name a set of price reporters (owner)."""
    call = desk.deployment.markets.functions.addReporterSet(list(reporters))
    receipt = desk.send("add reporters", call)
    click.echo(f"reporter set {desk.event(receipt, 'markets', 'ReporterSetAdded')['set']}")


@action("open-expiry")
@click.argument("market", type=int)
@click.argument("expiry", type=DAY)
@click.option("--cap", type=ATOMS, required=True, help="Most that one lot can settle at.")
@click.option("--reporters", default=1, show_default=True, help="Reporter set.")
def open_expiry(desk, market, expiry, cap, reporters):
    """Open an expiry of a market (owner)."""
    call = desk.deployment.markets.functions.openExpiry(market, expiry, cap, reporters)
    desk.send(f"open {moment(expiry * 3600)} of market {market}", call)


@action("list-instruments")
@click.argument("market", type=int)
@click.argument("expiry", type=DAY)
@click.argument("strikes", type=int, nargs=-1, required=True)
@click.option("--kind", type=click.Choice(["both", "call", "put"]), default="both")
def list_instruments(desk, market, expiry, strikes, kind):
    """List calls and puts of an expiry at some strikes (owner or operator)."""
    from web3.logs import DISCARD

    kinds = {"both": (0, 1), "call": (0,), "put": (1,)}[kind]
    new = [(market, one, expiry, strike) for strike in strikes for one in kinds]
    markets = desk.deployment.markets
    receipt = desk.send("list instruments", markets.functions.listInstruments(new))
    for entry in markets.events.InstrumentListed().process_receipt(receipt, DISCARD):
        click.echo(f"{entry['args']['instrument']:6}  {entry['args']['symbol']}")


@action("set-fees")
@click.argument("market", type=int)
@click.option("--taker", required=True, type=int, help="Atoms per lot.")
@click.option("--maker", required=True, type=int, help="Atoms per lot; negative is a rebate.")
@click.option("--in", "delay", default=600, show_default=True, help="Seconds from now.")
def set_fees(desk, market, taker, maker, delay):
    """Date new fee rates (owner)."""
    active_at = desk.session.w3.eth.get_block("latest")["timestamp"] + delay
    call = desk.deployment.markets.functions.setFees(market, taker, maker, active_at)
    desk.send(f"fees of market {market} from {moment(active_at)} on", call)


# --- operators ------------------------------------------------------------------------------------


@action("add-operator")
@click.argument("operator", type=ADDRESS)
def add_operator(desk, operator):
    """Add an operator to the list (owner)."""
    receipt = desk.send("add", desk.deployment.registry.functions.addOperator(operator))
    click.echo(f"operator {desk.event(receipt, 'registry', 'OperatorAdded')['index']}")


@action("set-operator")
@click.argument("index", type=int)
def set_operator(desk, index):
    """Name the current operator (owner)."""
    desk.send("name", desk.deployment.registry.functions.setOperator(index))


@action("bond")
@click.argument("index", type=int)
@click.argument("ether", type=click.IntRange(1))
def bond(desk, index, ether):
    """Add to an operator's bond (anybody)."""
    call = desk.deployment.registry.functions.addBond(index)
    desk.send(f"{ether} ether for operator {index}", call, value=ether * 10**18)


@action("withdraw-bond")
@click.argument("index", type=int)
@click.option("--recipient", type=ADDRESS, help="By default who signs.")
def withdraw_bond(desk, index, recipient):
    """Take back the bond of a former operator (the operator)."""
    to = recipient or desk.account.address
    desk.send("withdraw", desk.deployment.registry.functions.withdrawBond(index, to))


@action("pause")
def pause(desk):
    """Stop commits and deposits (owner). Claims, exits and the freeze go on."""
    desk.send("pause", desk.deployment.registry.functions.setPaused(True))


@action("resume")
def resume(desk):
    """End the pause (owner)."""
    desk.send("resume", desk.deployment.registry.functions.setPaused(False))


# --- settlement -----------------------------------------------------------------------------------


@action("report")
@click.argument("market", type=int)
@click.argument("expiry", type=DAY)
@click.argument("price", type=ATOMS)
def report(desk, market, expiry, price):
    """Sign a settlement price as a reporter; prints the report as JSON, sends nothing."""
    from eth_typing import Hash32

    markets = desk.deployment.markets.functions
    _, reporter_set = markets.expiryOf(market, expiry).call()
    reporters = markets.reporterSetOf(reporter_set).call()
    if desk.account.address not in reporters:
        raise click.ClickException(
            f"--account: found {desk.account.address}, allowed {', '.join(reporters)}"
        )
    digest = desk.deployment.prices.functions.reportDigest(market, expiry, price).call()
    signature = desk.account.unsafe_sign_hash(Hash32(digest)).signature
    found = {
        "market": market,
        "expiry": expiry,
        "reporter": reporters.index(desk.account.address),
        "price": str(price),
        "signature": signature.to_0x_hex(),
    }
    click.echo(json.dumps(found))


@action("settle")
@click.argument("market", type=int)
@click.argument("expiry", type=DAY)
@click.argument("reports", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def settle(desk, market, expiry, reports):
    """Fix the price of an expiry from files of `report` (anybody, after it)."""
    read = [_read_report(path, market, expiry) for path in reports]
    read.sort(key=lambda one: one[1])
    prices = desk.deployment.prices.functions
    desk.send("settle", prices.settle(market, expiry, read))
    price, fixed_at = prices.priceOf(market, expiry).call()
    click.echo(f"{tokens(price)} per lot, fixed {moment(fixed_at)}")


def _read_report(path: Path, market: int, expiry: int) -> tuple[int, int, bytes]:
    """Reporter, price, signature of a report, which must be of this expiry."""
    try:
        found = json.loads(path.read_text())
        if (found["market"], found["expiry"]) != (market, expiry):
            raise click.ClickException(
                f"{path}: of market {found['market']}, hour {found['expiry']}, expected market "
                f"{market}, hour {expiry}"
            )
        signature = bytes.fromhex(found["signature"][2:])
        return int(found["reporter"]), int(found["price"]), signature
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{path}: found {error!r}, expected a report") from None


@action("propose-price")
@click.argument("market", type=int)
@click.argument("expiry", type=DAY)
@click.argument("price", type=ATOMS)
def propose_price(desk, market, expiry, price):
    """Propose a price nobody reported for two weeks (owner)."""
    desk.send("propose", desk.deployment.prices.functions.propose(market, expiry, price))


@action("execute-price")
@click.argument("market", type=int)
@click.argument("expiry", type=DAY)
def execute_price(desk, market, expiry):
    """Fix a proposed price after its three days of notice (anybody)."""
    desk.send("execute", desk.deployment.prices.functions.executeProposal(market, expiry))


# --- looking --------------------------------------------------------------------------------------


@action("status")
@click.option("--batches", default=10, show_default=True, help="Newest batches shown.")
def status(desk, batches):
    """Show the head, the operator and the newest batches; sends nothing."""
    deployment = desk.deployment
    head = deployment.lens.functions.head().call()
    names = [part["name"] for part in _outputs(deployment.lens, "head")]
    seen = dict(zip(names, head, strict=True))
    index = seen["operatorIndex"]
    _, bond_wei, _, retired = deployment.registry.functions.operators(index).call()
    now = deployment.w3.eth.get_block("latest")["timestamp"]
    rows = {
        "chain": f"{deployment.chain_id}, {moment(now)}",
        "registry": deployment.registry.address,
        "head": f"batch {seen['id']}, built {moment(seen['builtAt'])}",
        "final": moment(seen["finalAt"]),
        "operator": f"{index}, {seen['operator']}, bond {bond_wei / 10**18:g} ether"
        + (", retired" if retired else ""),
        "state": _state(seen),
        "markets": str(deployment.markets.functions.marketCount().call()),
        "instruments": str(deployment.markets.functions.instrumentCount().call()),
        "accounts": f"below {deployment.vault.functions.accountCount().call()}",
        "Vault": tokens(deployment.vault.functions.totalAtoms().call()),
    }
    for name, value in rows.items():
        click.echo(f"{name:12} {value}")
    _show_batches(deployment, now, batches)


def _outputs(contract: Any, name: str) -> list[dict[str, Any]]:
    """Components of the struct that a view returns."""
    entry = next(item for item in contract.abi if item.get("name") == name)
    return list(entry["outputs"][0]["components"])


def _state(head: dict[str, Any]) -> str:
    if head["frozen"]:
        return "frozen"
    return "paused" if head["paused"] else "open"


def _show_batches(deployment: Any, now: int, count: int) -> None:
    """The newest batches that stand, as the logs tell them."""
    from matcher.chain.committed import EVENTS, CommittedBatches
    from matcher.chain.logs import LogReader

    standing = CommittedBatches(deployment.windows.final_after)
    newest = deployment.w3.eth.block_number
    standing.take(
        LogReader(deployment.w3, deployment).read(deployment.genesis_block, newest, EVENTS)
    )
    for batch_id in range(standing.head, max(0, standing.head - count), -1):
        batch = standing.get(batch_id)
        final_at = standing.final_at(batch)
        place = "final" if final_at <= now else f"final {moment(final_at)}"
        click.echo(f"batch {batch.id:6} 0x{batch.hash.hex()[:16]}.. block {batch.block:8} {place}")
