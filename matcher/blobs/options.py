"""Where a command gets blobs from, as options."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click
from web3 import Web3

from matcher.blobs.sources import Archiver, BeaconNode, DevelopmentNode, Source, Sources
from matcher.blobs.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])


def require_urls(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse what is no URL of a server, which would be asked in vain."""
    for text in given:
        if not _is_url(text):
            raise click.BadParameter(f"found {text}, allowed http://HOST or https://HOST")
    return given


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that are no address, or a port that is none
        return False


def with_blob_options(command: Command) -> Command:
    """Add ``--blobs``, ``--archiver`` and ``--beacon``, each any number of times."""
    for option in (
        click.option(
            "--beacon",
            "beacons",
            multiple=True,
            metavar="URL",
            callback=require_urls,
            help="Beacon API that has blobs.",
        ),
        click.option(
            "--archiver",
            "archivers",
            multiple=True,
            metavar="URL",
            callback=require_urls,
            help="Archiver that has blobs.",
        ),
        click.option(
            "--blobs",
            "stores",
            multiple=True,
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="Directory of blobs, a node's data/blobs or an archiver's.",
        ),
    ):
        command = option(command)
    return command


def with_archiver_options(command: Command) -> Command:
    """Add what an archiver is told beside where blobs are had from."""
    for option in reversed(_ARCHIVER_OPTIONS):
        command = option(command)
    return command


_ARCHIVER_OPTIONS: Final = (
    click.option(
        "--data",
        required=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Directory of the blobs; made if it is not there.",
    ),
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to serve at."),
    click.option(
        "--port",
        default=8900,
        show_default=True,
        type=click.IntRange(0, 65_535),
        help="0 takes a free one.",
    ),
    click.option(
        "--poll",
        default=2.0,
        show_default=True,
        type=click.FloatRange(0.01),
        help="Seconds between looks at the chain.",
    ),
    click.option("--once", is_flag=True, help="Keep what there is, serve nothing, and end."),
)


def sources_of(
    w3: Web3,
    stores: Sequence[Path] = (),
    archivers: Sequence[str] = (),
    beacons: Sequence[str] = (),
) -> Sources:
    """Directories first, then archivers, beacon nodes, and the node itself."""
    found: list[Source] = [Store(path) for path in stores]
    found += [Archiver(url) for url in archivers]
    found += [BeaconNode(url) for url in beacons]
    return Sources([*found, DevelopmentNode(w3)])
