"""The operator's answers to questions about who signed (section 7), from a process of their own.

An operator has every order file, and must answer within A or be convicted, however honest. The
answering is the challenger's: here it is only started, with the operator's archive, and kept alive.
It has a key of its own, because the operator's sends the commits, one after the other.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import Final

import structlog

from matcher.settings import KEY_VARIABLE as OPERATOR_VARIABLE
from matcher.settings import Settings

log = structlog.get_logger(__name__)

KEY_VARIABLE: Final = "QUOIN_ANSWERER_KEY"
_CHILD_KEY: Final = "QUOIN_CHALLENGER_KEY"
_SECRETS: Final = (KEY_VARIABLE, OPERATOR_VARIABLE)  # not the child's
_END_PATIENCE: Final = 10.0  # seconds to end in order
_LONGEST_PAUSE: Final = 60.0  # seconds between two starts


@contextlib.asynccontextmanager
async def answering(
    settings: Settings, key: str | None, log_level: str = "info", log_json: bool = False
) -> AsyncIterator[None]:
    """Answer questions while the block runs; without a key, nothing.

    Parameters
    ----------
    settings : Settings
        Of the node whose archive has the order files.
    key : str, optional
        Private key of who sends the answers, hexadecimal. Not the operator's.
    log_level : str
    log_json : bool
    """
    if key is None:
        yield
        return
    logging = ["--log-level", log_level, *(["--log-json"] if log_json else [])]
    task = asyncio.create_task(_keep([*command(settings), *logging], key), name="answerer")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def command(settings: Settings) -> list[str]:
    """The challenger as one that only answers."""
    line = [sys.executable, "-m", "matcher.challenger", "--rpc", settings.rpc]
    if settings.deployment is not None:
        line += ["--deployment", str(settings.deployment)]
    line += ["--data", str(settings.data / "answerer")]
    line += ["--order-files", str(settings.data / "batches")]
    blobs = settings.data / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)  # the committer fills it
    line += ["--blobs", str(blobs)]
    line += ["--confirmations", str(settings.confirmations), "--poll", str(settings.poll)]
    return [*line, "--no-convict", "--answer", "--end-with-input"]


async def _keep(line: list[str], key: str) -> None:
    """Start it again whenever it ends, after a growing pause."""
    pause = 1.0
    kept = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    environment = {**kept, _CHILD_KEY: key}
    while True:
        process = await asyncio.create_subprocess_exec(*line, stdin=PIPE, env=environment)
        log.info("answerer started", pid=process.pid)
        began = asyncio.get_running_loop().time()
        try:
            code = await process.wait()
        finally:
            await asyncio.shield(_end(process))
        lived = asyncio.get_running_loop().time() - began
        pause = 1.0 if lived > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)
        log.error("answerer ended", code=code, again_in=pause)
        await asyncio.sleep(pause)


async def _end(process: Process) -> None:
    """Close its input, which ends it; it ends with this process, too, however that ends."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
