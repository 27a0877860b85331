"""How an exchange runs, as options of whatever command runs one.

Nothing here takes long to import: commands that only say what they would do stay quick.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from matcher.chain.modes import Choice
from matcher.policy import KNOWN_KEYS, MAX_CONFIRMATIONS, Policy
from matcher.types import BLOB_CHUNKS_MAX, CALLDATA_CHUNKS_MAX

Command = TypeVar("Command", bound=Callable[..., Any])


def with_node_options(command: Command) -> Command:
    """Add the options that `matcher.settings.settings_of` takes, and three more.

    These are ``--processes`` (`gateways`), ``--log-level`` and ``--log-json``.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS: Final = (
    click.option("--host", default="127.0.0.1", help="Address that the gateway listens at."),
    click.option(
        "--port", default=8000, type=click.IntRange(0, 65_535), help="0 takes a free one."
    ),
    click.option(
        "--origin",
        "origins",
        multiple=True,
        default=("*",),
        help="Web page that may call the gateway.",
    ),
    click.option(
        "--confirmations",
        default=1,
        type=click.IntRange(1, MAX_CONFIRMATIONS),
        help="Blocks from one on, itself included, until it counts.",
    ),
    click.option(
        "--batch-age",
        default=Policy().max_age,
        type=click.IntRange(1),
        help="Seconds after which a batch is closed.",
    ),
    click.option(
        "--batch-ops",
        default=Policy().max_ops,
        type=click.IntRange(1),
        help="Ops after which a batch is closed.",
    ),
    click.option(
        "--batch-chunks",
        type=click.IntRange(1, BLOB_CHUNKS_MAX),
        help="Chunks, of 30 ops at most, after which a batch is closed. By default 100 in calldata"
        f" and {BLOB_CHUNKS_MAX}, six full blobs, in blobs. One with more than"
        f" {CALLDATA_CHUNKS_MAX} goes in blobs whatever they cost.",
    ),
    click.option(
        "--max-fee",
        default=500,
        type=click.IntRange(1),
        help="Most gwei per gas that a commit may pay.",
    ),
    click.option(
        "--mode",
        default=Choice.AUTO.value,
        type=click.Choice([choice.value for choice in Choice]),
        help="Commit in calldata, in blobs, or in what costs less.",
    ),
    click.option(
        "--max-blob-fee",
        default=500,
        type=click.IntRange(1),
        help="Most gwei per blob gas that a commit may pay.",
    ),
    click.option(
        "--poll",
        default=0.5,
        type=click.FloatRange(0.01),
        help="Seconds between looks at the chain.",
    ),
    click.option(
        "--known-keys",
        default=0,
        type=click.IntRange(0, KNOWN_KEYS),
        help="Traders' keys verified from tables of our own; 0: by libsecp256k1 alone.",
    ),
    click.option(
        "--publish",
        metavar="NAME",
        help="Show books and accounts in shared memory; python -m matcher.readers NAME reads them.",
    ),
    click.option(
        "--processes",
        "gateways",
        metavar="N",
        type=click.IntRange(1),
        help="Run in several processes: the matcher, the batcher, and N gateways at one port.",
    ),
    click.option(
        "--snapshot-every",
        default=Policy().snapshot_every,
        type=click.IntRange(1),
        help="Commands after which the node, or each of its processes, writes a snapshot, to start"
        " behind it.",
    ),
    click.option(
        "--log-level", default="info", type=click.Choice(["debug", "info", "warning", "error"])
    ),
    click.option("--log-json", is_flag=True, help="Log JSON objects, one per line."),
)
