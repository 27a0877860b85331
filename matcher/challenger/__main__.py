"""``python -m matcher.challenger``: a challenger that needs nothing but a node's URL."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

import click
import structlog

from matcher.blobs.options import sources_of, with_blob_options
from matcher.chain.options import connect, with_chain_options
from matcher.challenger.command import CANNOT_WORK, challenge
from matcher.challenger.options import Choices, with_options
from matcher.errors import QuoinError
from matcher.settings import configure_logging, load_operator

log = structlog.get_logger(__name__)

KEY_VARIABLE: Final = "QUOIN_CHALLENGER_KEY"


@click.command(context_settings={"auto_envvar_prefix": "QUOIN"})
@with_chain_options
@click.option(
    "--keystore",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keystore file of the challenger's key, opened by QUOIN_KEYSTORE_PASSWORD. Without it the"
    f" key is read from {KEY_VARIABLE}; without both nothing is sent.",
)
@with_options
@with_blob_options
@click.option("--end-with-input", is_flag=True, help="End when the standard input is closed.")
def cli(
    rpc: str,
    record: Path | None,
    keystore: Path | None,
    log_level: str,
    log_json: bool,
    end_with_input: bool,
    stores: tuple[Path, ...],
    archivers: tuple[str, ...],
    beacons: tuple[str, ...],
    **choices: Any,
) -> None:
    """Watch an exchange from its chain alone, and convict its operator of every lie.

    Exits with 0 if nothing was found, 1 if --once found lies, 3 if the chain cannot be worked with,
    4 if a lie is final already.
    """
    configure_logging(log_level, log_json)
    try:
        account = load_operator(keystore, KEY_VARIABLE)
        w3, deployment = connect(rpc, record)
    except QuoinError as error:
        log.error("challenger failed", reason=str(error), kind=type(error).__name__)
        sys.exit(CANNOT_WORK)
    if end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    blobs = sources_of(w3, stores, archivers, beacons)
    sys.exit(challenge(deployment, account, Choices(**choices), blobs))


def _end_with_input() -> None:
    """Whoever started this is gone, or wants it to end."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    cli()
