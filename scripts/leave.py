"""The way out, by the chain alone: what is mine, what can I do now, what comes next and when."""

import time
from typing import Any

import click

from matcher.blobs.options import with_blob_options
from scripts._session import actions
from scripts._values import moment, tokens


@click.group(name="leave", short_help="The way out, with or without the operator.")
def cli() -> None:
    """The way out, with or without the operator.

    Everything is rebuilt from the chain's logs: no gateway and nothing of the operator is needed.
    Orders are ended, everything is asked for, and what was let out is claimed once it is final; if
    the operator does not answer in time, the exchange is frozen and pays from its last state, the
    rest as expiries settle. Nothing is remembered between two commands: the chain does.
    """


action = actions(cli)
account_argument = click.argument("account_index", metavar="ACCOUNT", type=int)
at_once_option = click.option(
    "--at-once",
    is_flag=True,
    help="Ask without waiting until no order that was signed can be filled any more.",
)


@action("status")
@account_argument
@with_blob_options
def status(desk, account_index, **blobs):
    """Show what is whose and what comes next; sends nothing."""
    _require_known(desk, account_index)
    found = _read(desk, account_index, blobs)
    _show(desk, found)
    _show_plan(found, at_once=False)


@action("step")
@account_argument
@at_once_option
@with_blob_options
def step(desk, account_index, at_once, **blobs):
    """Do everything that can be done now, and say what comes next."""
    _require_owned(desk, account_index)
    _show_plan(_act(desk, account_index, at_once, blobs), at_once)


@action("go")
@account_argument
@at_once_option
@click.option(
    "--poll",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Seconds between two looks at the chain.",
)
@with_blob_options
def go(desk, account_index, at_once, poll, **blobs):
    """Go all the way: do what can be done, wait, and go on until nothing is left.

    May be stopped at any time and started again, anywhere.
    """
    from matcher.chain.audit.leaving import plan

    _require_owned(desk, account_index)
    while True:
        found = _act(desk, account_index, at_once, blobs)
        _show_plan(found, at_once)
        steps = plan(found, at_once)
        if not steps:
            return
        following = [step.at for step in steps if step.at > found.now]
        _wait(desk, found, min(following, default=0), poll)


# --- reading --------------------------------------------------------------------------------------


def _require_known(desk, account: int) -> str:
    """The owner of an account."""
    owner, *_ = desk.deployment.vault.functions.accountOf(account).call()
    if int(owner, 16) == 0:
        count = desk.deployment.vault.functions.accountCount().call()
        raise click.ClickException(f"account {account}: never opened, allowed below {count}")
    return str(owner)


def _require_owned(desk, account: int) -> None:
    owner = _require_known(desk, account)
    if owner != desk.account.address:
        raise click.ClickException(
            f"--account: found {desk.account.address}, allowed {owner}, who owns account {account}"
        )


def _read(desk, account: int, blobs: dict[str, Any]):
    """The account as the chain has it; `blobs` are the options of where blobs are."""
    from matcher.blobs.options import sources_of
    from matcher.chain.audit.exits import read_exit

    w3 = desk.session.w3
    return read_exit(w3, desk.deployment, account, sources_of(w3, **blobs))


def _wait(desk, found, until: int, poll: float) -> None:
    """Until a time of the chain (0: none), or until something happened that matters."""
    from matcher.chain.clock import ChainClock

    clock, before = ChainClock(desk.session.w3), _marks(desk, found)
    while True:
        time.sleep(poll)
        if until and clock.look().next_time >= until:
            return
        if _marks(desk, found) != before:
            return


def _marks(desk, found) -> list[Any]:
    """What changes when something happened that matters to the account; cheap to read."""
    registry, vault = desk.deployment.registry.functions, desk.deployment.vault.functions
    head = registry.head().call()
    prices = desk.deployment.prices.functions
    unsettled = found.unsettled(found.newest)
    return [
        head,
        registry.ringWord(head[0]).call(),
        vault.accountOf(found.account).call(),
        *(prices.priceOf(*key).call() for key in unsettled),
    ]


# --- doing ----------------------------------------------------------------------------------------


def _act(desk, account: int, at_once: bool, blobs: dict[str, Any]):
    """Send whatever can be sent now; the account as it is then.

    Raises
    ------
    click.ClickException
        If the chain does not know of what was just sent: a node that lags behind.
    """
    from matcher.chain.audit.leaving import plan, possible

    sent: list[Any] = []
    while True:
        found = _read(desk, account, blobs)
        steps = possible(found, plan(found, at_once))
        if not steps:
            return found
        first = steps[0]
        if (first.act, first.text, first.key) in sent:
            raise click.ClickException(f"{first.act}: was sent, and the chain does not show it")
        sent.append((first.act, first.text, first.key))
        _send(desk, found, first)


def _send(desk, found, step) -> None:
    from matcher.chain.audit.exits import EMPTY_HEADER, header_words
    from matcher.chain.audit.leaving import Act

    functions, account = desk.deployment.vault.functions, found.account
    match step.act:
        case Act.CANCEL:
            call = functions.setOrdersUntil(account, step.until)
        case Act.REVOKE:
            call = functions.revokeKey(account, "0x" + step.key.hex(), step.until)
        case Act.ASK:
            call = functions.ask(account)
        case Act.FREEZE:
            successor = header_words(step.successor) if step.successor else EMPTY_HEADER
            call = functions.freeze(account, *step.shown.arguments(), successor)
        case Act.CLAIM:
            call = functions.claim(account, *step.shown.arguments())
    receipt = desk.send(step.act.value, call)
    if step.act is Act.CLAIM:
        paid = desk.event(receipt, "vault", "Claimed")
        click.echo(f"{tokens(paid['amount'])} paid to {paid['recipient']}")
    else:
        click.echo(f"{step.text}: done")


# --- showing --------------------------------------------------------------------------------------


def _show(desk, found) -> None:
    demands, shown = found.demands, found.newest
    account = shown.account
    worst = found.worst(shown)
    final_at = found.final_at(shown)
    rows = {
        "owner": "0x" + demands.owner.hex(),
        "deposited": tokens(demands.deposited),
        "credited": tokens(account.credited),
        "cash": tokens(account.cash),
        "worth at the worst": tokens(worst),
        "let out": tokens(account.exited),
        "claimed": tokens(demands.claimed),
        "asks": f"{demands.asks}, {account.served} served",
        "orders signed end": _end_of_orders(demands),
        "as of batch": f"{shown.batch}, {_when('final', final_at, found.now)}",
        "exchange": "frozen: it pays, and takes nothing" if found.frozen else "open",
    }
    for name, value in rows.items():
        click.echo(f"{name:20} {value}")
    markets = desk.deployment.markets.functions
    for instrument, lots in sorted(account.positions.items()):
        click.echo(f"{markets.symbolOf(instrument).call():20} {lots:+,} lots")


def _end_of_orders(demands) -> str:
    until = demands.orders_until
    own = moment(until) if until else "never"
    return f"{own}, and {len(demands.keys)} session keys" if demands.keys else own


def _show_plan(found, at_once: bool) -> None:
    from matcher.chain.audit.leaving import plan

    steps = plan(found, at_once)
    if not steps:
        click.echo(
            f"account {found.account}: nothing is left; {tokens(found.demands.claimed)} of "
            f"{tokens(found.demands.deposited)} deposited were claimed"
        )
    for step in steps:
        click.echo(f"{_when('', step.at, found.now).strip():44} {step.text}")


def _when(what: str, at: int, now: int) -> str:
    """``final 2027-03-26 08:00:00 UTC (in 2 h 5 min)``, or ``now`` for what is past."""
    if at <= now:
        return what or "now"
    return f"{what} {moment(at)} (in {_span(at - now)})"


def _span(seconds: int) -> str:
    """The two largest units of a time: ``2 d 3 h``."""
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
