"""Shows the processes of a running exchange: ``python -m matcher.processes DATA``."""

from pathlib import Path

import click

from matcher.errors import QuoinError
from matcher.processes.supervisor import ask_states


@click.command()
@click.argument("data", type=click.Path(path_type=Path, file_okay=False, exists=True))
def cli(data: Path) -> None:
    """Show each process of the exchange whose data is in DATA: its id, how often it was started,
    how many commands it has applied, and the hash of its state after them.
    """
    try:
        rows = ask_states(data)
    except QuoinError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{'process':<12}{'pid':>8}{'starts':>8}{'commands':>12}  state")
    for row in rows:
        commands = "-" if row["sequence"] is None else f"{row['sequence']:,}"
        state = "not at work" if row["state"] is None else "0x" + row["state"]
        click.echo(f"{row['process']:<12}{row['pid']:>8}{row['starts']:>8}{commands:>12}  {state}")


if __name__ == "__main__":
    cli()
