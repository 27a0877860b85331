"""Which chain a command of its own works with, and what it logs, as options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from web3 import HTTPProvider, Web3

from matcher.chain.deployment import Deployment
from matcher.errors import ChainError

RPC_TIMEOUT: Final = 20  # seconds

Command = TypeVar("Command", bound=Callable[..., Any])


def with_chain_options(command: Command) -> Command:
    """Add ``--rpc``, ``--deployment`` (`record`), ``--log-level`` and ``--log-json``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS: Final = (
    click.option("--rpc", required=True, help="URL of an Ethereum node."),
    click.option(
        "--deployment",
        "record",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Deployment file; by default deployments/<chain id>.json.",
    ),
    click.option(
        "--log-level",
        default="info",
        show_default=True,
        type=click.Choice(["debug", "info", "warning", "error"]),
    ),
    click.option("--log-json", is_flag=True, help="Log JSON objects, one per line."),
)


def connect(rpc: str, record: Path | None) -> tuple[Web3, Deployment]:
    """The chain at a URL, and the exchange on it.

    Raises
    ------
    ChainError
        If nobody answers there.
    DeploymentError
        As `Deployment.load`.
    """
    w3 = Web3(HTTPProvider(rpc, request_kwargs={"timeout": RPC_TIMEOUT}))
    try:
        return w3, Deployment.load(w3, record)
    except OSError as error:
        raise ChainError(f"{rpc}: no answer: {error}") from error
