"""What every command needs: the chain, its id asserted, an account that signs, the deployment.

Commands speak for themselves when something is wrong: a `click.ClickException`, no traceback.
"""

import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from ape.cli import ConnectedProviderCommand
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from matcher.errors import QuoinError

# ape takes the checkout off the path once a script is loaded; commands import when they run, too.
ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

F = TypeVar("F", bound=Callable[..., Any])

TEST_ALIAS: Final = "TEST::"
# Chains where the test accounts, whose keys everybody knows, may sign.
DEVELOPMENT_CHAINS: Final = (1337, 31337)
PASSPHRASE: Final = "APE_ACCOUNTS_{}_PASSPHRASE"  # the variable's name, as in ape
DEVNET: Final = "ethereum:devnet:node"


@dataclass(frozen=True)
class Session:
    """A connected chain that was asserted to be the right one."""

    w3: Web3
    chain_id: int
    network: str  # ethereum:local:test
    ends_with_command: bool  # the chain lives only as long as this process

    @classmethod
    def open(cls, provider: Any, expect_chain_id: int | None) -> "Session":
        """Connect to ape's provider; the chain id must be the expected one, if one is."""
        choice = f"{provider.network.ecosystem.name}:{provider.network.name}:{provider.name}"
        session = cls(
            w3=provider.web3,
            chain_id=provider.web3.eth.chain_id,
            network=choice,
            ends_with_command=provider.network.name == "local",
        )
        if expect_chain_id is not None and session.chain_id != expect_chain_id:
            raise click.ClickException(
                f"chain id: found {session.chain_id} on {choice}, expected {expect_chain_id}"
            )
        return session

    @property
    def lasts(self) -> bool:
        """The chain outlives this command."""
        return not self.ends_with_command

    @property
    def is_real(self) -> bool:
        """Whether somebody may lose money here."""
        return self.chain_id not in DEVELOPMENT_CHAINS

    def account(self, alias: str) -> LocalAccount:
        """The account behind an alias of ape, or ``TEST::<n>``; only these never leave devnets.

        Raises
        ------
        click.ClickException
            If there is none, the passphrase is wrong, or a test account would sign on a real chain.
        """
        if alias.upper().startswith(TEST_ALIAS):
            return self._test_account(alias)
        return _keyfile_account(alias)

    def _test_account(self, alias: str) -> LocalAccount:
        from ape import accounts

        if self.is_real:
            raise click.ClickException(
                f"--account: found {alias} on chain {self.chain_id}, allowed an account of your "
                "own (`ape accounts list`): everybody knows the keys of test accounts"
            )
        number = alias[len(TEST_ALIAS) :]
        count = len(accounts.test_accounts)
        if not number.isdecimal() or int(number) >= count:
            raise click.ClickException(
                f"--account: found {alias}, allowed {TEST_ALIAS}0 to {TEST_ALIAS}{count - 1}"
            )
        account: LocalAccount = Account.from_key(accounts.test_accounts[int(number)].private_key)
        return account


def _keyfile_account(alias: str) -> LocalAccount:
    """The key of an ape account, opened with its passphrase."""
    from ape import accounts

    found = next((a for a in accounts if getattr(a, "alias", None) == alias), None)
    keyfile = getattr(found, "keyfile_path", None)
    if keyfile is None:
        known = ", ".join(str(a.alias) for a in accounts) or "none"
        raise click.ClickException(
            f"--account: found {alias}, allowed TEST::<n> or an account of ape ({known})"
        )
    passphrase = os.environ.get(PASSPHRASE.format(alias))
    if passphrase is None:
        passphrase = click.prompt(f"Passphrase of {alias}", hide_input=True, err=True)
    try:
        key = Account.decrypt(json.loads(Path(keyfile).read_text()), passphrase)
    except ValueError as error:
        raise click.ClickException(f"--account {alias}: {error}") from None
    account: LocalAccount = Account.from_key(key)
    return account


class ChainCommand(ConnectedProviderCommand):
    """A command with ``--network``; a chain that does not answer is said in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        from ape.exceptions import NetworkError, ProviderError
        from ape.logging import LogLevel, logger

        if logger.level == LogLevel.INFO:  # it speaks on the standard output, where answers stand
            logger.set_level(LogLevel.WARNING)
        try:
            return super().invoke(ctx)
        except (NetworkError, ProviderError) as error:
            raise click.ClickException(f"the chain does not answer: {error}") from error


# --- options --------------------------------------------------------------------------------------

expect_chain_id = click.option(
    "--expect-chain-id", type=int, metavar="ID", help="Refuse to write on any other chain."
)


def account_option(help_text: str) -> Callable[[F], F]:
    """``--account``: who signs the transaction."""
    return click.option(
        "--account", default="TEST::0", show_default=True, metavar="ALIAS", help=help_text
    )


def log_level_option(command: F) -> F:
    """``--log-level``: what is said of what is done."""
    levels = click.Choice(["debug", "info", "warning", "error"])
    return click.option("--log-level", default="info", show_default=True, type=levels)(command)


def quiet() -> None:
    """Let the exchange's parts speak of what is wrong, not of what they do, beside the output.

    Unless somebody in this process has said already what becomes of the log.
    """
    import structlog

    from matcher.settings import configure_logging

    if not structlog.is_configured():
        configure_logging("warning", False)


def actions(group: click.Group) -> Callable[[str], Callable[[F], click.Command]]:
    """Makes ``@action("name")``: a command of the group that gets a `Desk`.

    The exchange is the one on record; where the chain ends with the command, a fresh one.
    """

    def action(name: str) -> Callable[[F], click.Command]:
        def register(function: F) -> click.Command:
            @functools.wraps(function)
            def run(provider: Any, account: str, expect_chain_id: int | None, **rest: Any) -> None:
                from scripts._exchange import find

                quiet()
                session = Session.open(provider, expect_chain_id)
                function(find(session, session.account(account), None), **rest)

            del run.__wrapped__  # ape looks there for who wants the provider
            command = expect_chain_id(account_option("Signs and pays.")(plain_errors(run)))
            return group.command(name, cls=ChainCommand)(command)

        return register

    return action


def plain_errors(command: F) -> F:
    """What this project raises on purpose ends a command with one line, not with a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from httpx import HTTPError

        try:
            return command(*args, **kwargs)
        except QuoinError as error:
            raise click.ClickException(str(error)) from error
        except HTTPError as error:
            raise click.ClickException(f"the gateway does not answer: {error}") from error

    return run  # type: ignore[return-value]
