"""What a node is told when it is started."""

import contextlib
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import msgspec
import structlog

from matcher.chain.fees import GWEI, FeePolicy
from matcher.chain.modes import Choice, limits_of
from matcher.commands import BatchLimited
from matcher.errors import QuoinError
from matcher.policy import Policy

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount  # takes a second to import

KEY_VARIABLE: Final = "QUOIN_OPERATOR_KEY"
PASSWORD_VARIABLE: Final = "QUOIN_KEYSTORE_PASSWORD"


class SettingsError(QuoinError):
    """A setting that the node cannot start with."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that shapes a node beside the chain itself.

    Attributes
    ----------
    rpc : str
        URL of an Ethereum node.
    data : Path
        Holds the journal and the archive.
    deployment : Path, optional
        By default ``deployments/<chain id>.json`` of this checkout.
    host, port
        Of the gateway; port 0 takes any free one.
    confirmations : int
        A block counts once so many stand from it on, itself included.
    operator : LocalAccount, optional
        Commits batches. Without it they are only built and published.
    batches : Policy
    limits : BatchLimited
        How many chunks a batch may have.
    fees : FeePolicy
    mode : Choice
        Which mode batches are committed in; by default what costs less.
    poll : float
        Seconds of the wall clock between two looks at the chain.
    origins : tuple of str
        Web pages that may call the gateway.
    publish : str, optional
        Name of the tables in shared memory that show books and accounts to other processes of this
        machine and user (`matcher.readers`). Without it there are none.
    known_keys : int
        Traders' keys whose signatures are verified from tables of ours; 0: libsecp256k1 recovers
        every signer (docs/adr/0006-known-keys.md).
    """

    rpc: str
    data: Path
    deployment: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    confirmations: int = 1
    operator: "LocalAccount | None" = None
    batches: Policy = Policy()
    limits: BatchLimited = limits_of(None)
    fees: FeePolicy = FeePolicy()
    mode: Choice = Choice.AUTO
    poll: float = 0.5
    origins: tuple[str, ...] = ("*",)
    publish: str | None = None
    known_keys: int = 0


def settings_of(operator: "LocalAccount | None", **options: Any) -> Settings:
    """Settings of the options that `matcher.options.with_node_options` adds, and other settings.

    Parameters
    ----------
    operator : LocalAccount, optional
    **options
        By the names of the options; ``rpc`` and ``data`` among them.
    """
    age, ops, every = (options.pop(name) for name in ("batch_age", "batch_ops", "snapshot_every"))
    cap, blob_cap = (options.pop(name) * GWEI for name in ("max_fee", "max_blob_fee"))
    return Settings(
        operator=operator,
        batches=Policy(max_age=age, max_ops=ops, snapshot_every=every),
        limits=limits_of(options.pop("batch_chunks")),
        fees=FeePolicy(cap=cap, blob_cap=blob_cap),
        mode=Choice(options.pop("mode")),
        **options,
    )


_PARTS: Final = ("journal", "snapshots", "batches", "blobs", "switches", "processes")


def require_directory(data: Path) -> None:
    """Make a node's directory if it is not there, and see that it and its parts can be written.

    Raises
    ------
    SettingsError
        If this user cannot write there, or something else has that name.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_directory(data, error.strerror) from None
    for path in (data, *(data / part for part in _PARTS)):
        if path.exists() and not path.is_dir():
            raise _no_directory(path, "Not a directory")
        if path.exists() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            raise _no_directory(path, "not to be written")


def _no_directory(path: Path, why: str | None) -> SettingsError:
    return SettingsError(f"data: found {path}: {why}; allowed a directory that this user can write")


def load_operator(keystore: Path | None, variable: str = KEY_VARIABLE) -> "LocalAccount | None":
    """The operator's account: of a keystore file, else of the environment; None without both.

    A key is never taken from the command line, where other users of the machine could read it.

    Raises
    ------
    SettingsError
        Without saying anything of the key.
    """
    if keystore is not None:
        return _from_keystore(keystore)
    key = os.environ.get(variable)
    if not key:
        return None
    try:
        return _account(key)
    except Exception:
        raise SettingsError(f"{variable}: found no private key, allowed 32 bytes in hex") from None


def _from_keystore(path: Path) -> "LocalAccount":
    password = os.environ.get(PASSWORD_VARIABLE)
    if password is None:
        raise SettingsError(f"{PASSWORD_VARIABLE}: not set; it opens {path}")
    from eth_account import Account

    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        return _account(Account.decrypt(content, password))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except Exception:
        raise SettingsError(f"{path}: no keystore file that {PASSWORD_VARIABLE} opens") from None


def _account(key: Any) -> "LocalAccount":
    from eth_account import Account

    account: LocalAccount = Account.from_key(key)
    return account


class _StandardError:
    """Standard error for a log that stops nothing: who reads it may be gone, its disk be full."""

    def write(self, text: str) -> None:
        """Write, if that is possible."""
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Hand on what was written, if that is possible."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def configure_logging(level: str, as_json: bool) -> None:
    """Log to standard error: lines for people, or JSON, one object per line."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if as_json:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # A line in one write: processes that share standard error do not mix theirs.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _StandardError())),
        cache_logger_on_first_use=False,
    )
