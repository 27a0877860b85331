"""The last tables: who had what before and after, what lying cost, and every check."""

from rich.console import Console
from rich.table import Table

from demo.charts import dollars
from demo.fraud.run import Outcome
from demo.fraud.timeline import ether


def show_outcome(console: Console, outcome: Outcome) -> None:
    """Print everything that a run came to."""
    console.print()
    console.print(_people(outcome))
    console.print(_lies(outcome))
    console.print(_checks(outcome))
    if outcome.sound:
        console.print(
            f"[bold green]Nobody lost an atom, every liar lost the bond.[/] "
            f"{outcome.seconds} seconds"
        )
    else:
        console.print("[bold red]Something is off.[/]")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right")
    return table


def _people(outcome: Outcome) -> Table:
    columns = ("in the wallet before", "deposited", "won by the rules", "paid out", "after")
    table = _table("Who had what, dollars", "", *columns)
    for one in outcome.holdings:
        amounts = (one.wallet_before, one.deposited, one.earned, one.paid, one.wallet_after)
        table.add_row(one.name, *(dollars(atoms, 6) for atoms in amounts))
    table.add_row("the Vault", "", "", "", "", dollars(outcome.vault, 6))
    table.add_row("it owes (fees)", "", "", "", "", dollars(outcome.owed, 6))
    return table


def _lies(outcome: Outcome) -> Table:
    columns = ("batch", "would have stolen", "bond paid to the challenger", "burned", "gas")
    table = _table("What lying brought", "", *columns)
    for one in outcome.convictions:
        table.add_row(
            f"operator {one.operator}, {one.kind.value}",
            str(one.batch),
            dollars(one.stolen),
            f"{ether(one.reward)} ETH",
            f"{ether(one.burned)} ETH",
            f"{one.gas:,}",
        )
    return table


def _checks(outcome: Outcome) -> Table:
    table = _table("What was checked", "", "")
    table.show_header = False
    for what, holds in outcome.checks:
        table.add_row(what, "[green]holds[/]" if holds else "[bold red]BROKEN[/]")
    return table
