"""What may be chosen on the command line. Imports little: every `ape run` reads it."""

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from matcher.blobs.options import require_urls
from matcher.challenger.policy import OPEN_QUESTIONS, QUESTIONS


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chose on the command line, beside the chain and the account."""

    order_files: tuple[str, ...] = ()
    data: Path | None = None
    convict: bool = True
    answer: bool = False
    once: bool = False
    dry_run: bool = False
    confirmations: int = 1
    questions: int = QUESTIONS
    open_questions: int = OPEN_QUESTIONS
    file_patience: int | None = None
    accounts: tuple[int, ...] = ()
    max_fee: int = 500
    poll: float = 0.5
    status_host: str = "127.0.0.1"
    status_port: int | None = None


def with_options(command: Any) -> Any:
    """Add the options of `Choices` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _require_places(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuse what looks like a URL and is none of a gateway; all else is a directory's name."""
    require_urls(context, option, tuple(where for where in given if "://" in where))
    return given


_OPTIONS: Final = [
    click.option(
        "--order-files",
        multiple=True,
        metavar="WHERE",
        callback=_require_places,
        help="Published order files: a gateway's URL, a node's data/batches, or a directory of"
        " <batch>.json; may be given several times, the nearest first.",
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="Directory of the checkpoint; made if it is not there. Without it every start reads"
        " the whole history.",
    ),
    click.option(
        "--convict/--no-convict",
        default=True,
        show_default=True,
        help="Prove lies, and ask about what nobody signed.",
    ),
    click.option(
        "--answer/--no-answer",
        default=False,
        show_default=True,
        help="Answer questions of others that the order files answer.",
    ),
    click.option("--once", is_flag=True, help="Judge what there is, act, and exit."),
    click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing."),
    click.option(
        "--confirmations",
        default=1,
        show_default=True,
        type=click.IntRange(1, 128),
        help="Blocks from one on, itself included, until it counts.",
    ),
    click.option(
        "--questions",
        default=QUESTIONS,
        show_default=True,
        type=click.IntRange(0),
        help="Asked about one batch, at most; an answered one costs its bond.",
    ),
    click.option(
        "--open-questions",
        default=OPEN_QUESTIONS,
        show_default=True,
        type=click.IntRange(0),
        help="Bonds that lie in questions, at most.",
    ),
    click.option(
        "--file-patience",
        type=click.IntRange(0),
        metavar="SECONDS",
        help="After the commit, until an order file counts as missing; by default a quarter of W.",
    ),
    click.option(
        "--watch",
        "accounts",
        multiple=True,
        type=click.IntRange(2, (1 << 24) - 1),
        metavar="ACCOUNT",
        help="Of a batch whose order file is missing, ask about all that names this account, too;"
        " may be given several times.",
    ),
    click.option(
        "--max-fee",
        default=500,
        show_default=True,
        type=click.IntRange(1),
        help="Most gwei per gas that a transaction may pay.",
    ),
    click.option(
        "--poll",
        default=0.5,
        show_default=True,
        type=click.FloatRange(0.01),
        help="Seconds between looks at the chain.",
    ),
    click.option(
        "--status-host",
        default="127.0.0.1",
        show_default=True,
        help="Address to serve health and metrics at.",
    ),
    click.option(
        "--status-port",
        type=click.IntRange(0, 65_535),
        help="Serve /v1/health and /metrics there; 0 takes a free one.",
    ),
]
