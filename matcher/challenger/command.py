"""A challenger as a command: its life, and what its exit code says."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import structlog
from eth_account.signers.local import LocalAccount

from matcher.blobs.sources import Sources
from matcher.chain.deployment import Deployment
from matcher.chain.fees import GWEI, FeePolicy
from matcher.challenger.challenger import Challenger, Options
from matcher.challenger.checkpoint import Checkpoints
from matcher.challenger.faults import FinalLie
from matcher.challenger.options import Choices
from matcher.challenger.order_files import OrderFiles, source_of
from matcher.challenger.policy import Policy
from matcher.challenger.status import StatusServer, health_of, line_of
from matcher.errors import QuoinError
from matcher.settings import SettingsError

log = structlog.get_logger(__name__)

# Exit codes; 2 is click's, for a command that was not understood.
NOTHING_FOUND: Final = 0  # or ended by a signal, in order
LIES_FOUND: Final = 1  # --once: lies were found, or something was asked about
CANNOT_WORK: Final = 3  # the chain does not answer, or is not this exchange's
LIE_IS_FINAL: Final = 4  # a lie that nobody can revert any more

PROGRESS_PAUSE: Final = 10.0  # seconds between two lines where nobody looks


def challenge(
    deployment: Deployment,
    account: LocalAccount | None,
    choices: Choices,
    blobs: Sources | None = None,
) -> int:
    """Run a challenger until it is done or told to end; the exit code."""
    ending = threading.Event()
    try:
        challenger = _challenger(deployment, account, choices, blobs)
        with _ended_by_signals(ending):
            if choices.status_port is None:
                return _work(challenger, choices, ending)
            with _serve(challenger, choices) as server:
                log.info("status", url=server.url)
                return _work(challenger, choices, ending)
    except FinalLie as error:
        log.critical("a lie became final", reason=str(error))
        return LIE_IS_FINAL
    except QuoinError as error:
        log.error("challenger failed", reason=str(error), kind=type(error).__name__)
        return CANNOT_WORK


def _challenger(
    deployment: Deployment,
    account: LocalAccount | None,
    choices: Choices,
    blobs: Sources | None,
) -> Challenger:
    return Challenger(
        deployment,
        Options(
            account=account,
            dry_run=choices.dry_run,
            confirmations=choices.confirmations,
            poll=choices.poll,
            policy=Policy(
                convict=choices.convict,
                answer=choices.answer,
                questions=choices.questions,
                open_questions=choices.open_questions,
                file_patience=choices.file_patience,
                accounts=choices.accounts,
            ),
            fees=FeePolicy(cap=choices.max_fee * GWEI),
        ),
        OrderFiles([source_of(where) for where in choices.order_files]),
        blobs,
        Checkpoints(choices.data) if choices.data else None,
    )


def _work(challenger: Challenger, choices: Choices, ending: threading.Event) -> int:
    progress = Progress(challenger)
    with progress:
        if choices.once:
            challenger.run_once(ending)
        else:
            challenger.run(ending)
    log.info("done", summary=line_of(health_of(challenger)))
    if challenger.tally.final_lies:
        return LIE_IS_FINAL
    found = challenger.tally.lies or challenger.tally.asked or challenger.tally.convicted
    return LIES_FOUND if choices.once and found else NOTHING_FOUND


def _serve(challenger: Challenger, choices: Choices) -> StatusServer:
    host, port = choices.status_host, choices.status_port or 0
    try:
        return StatusServer(challenger, host, port)
    except OSError as error:
        raise SettingsError(f"{host}:{port}: cannot listen there: {error.strerror}") from error


@contextmanager
def _ended_by_signals(ending: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM end the work in order, if this is the thread that hears them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: Any) -> None:
        # Not here: this thread may hold the event's own lock, or that of the log.
        threading.Thread(target=say_and_set, args=(number,)).start()

    def say_and_set(number: int) -> None:
        log.info("signal", name=signal.Signals(number).name)
        ending.set()

    before = {n: signal.signal(n, end) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Progress:
    """One line on a terminal, written over; elsewhere a log line now and then, when it changes."""

    def __init__(self, challenger: Challenger):
        self._challenger = challenger
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._terminal:
            click.echo("", err=True)

    def _show(self) -> None:
        before, said_at = "", -PROGRESS_PAUSE
        while not self._done.wait(1.0):
            line = line_of(health_of(self._challenger))
            if self._terminal:
                click.echo(f"\r\x1b[2K{line[:200]}", nl=False, err=True)
            elif line != before and time.monotonic() - said_at >= PROGRESS_PAUSE:
                log.info("progress", line=line)
                before, said_at = line, time.monotonic()
