"""What the contracts say at one block, and whether the replay says the same."""

from collections.abc import Iterator
from typing import Any

import msgspec
from web3 import Web3

from matcher.chain.audit.report import Agreement
from matcher.chain.deployment import Deployment
from matcher.reference.header import ring_word
from matcher.reference.replay import Audit, Auditor
from matcher.types import RING_SLOTS


class AccountOnChain(msgspec.Struct, frozen=True):
    """Slots A and B of an account."""

    owner: str
    deposited: int
    claimed: int
    asks: int


class OnChain(msgspec.Struct, frozen=True):
    """The views of the contracts, all at one block."""

    head: int
    built_at: int
    frozen: bool
    ring: dict[int, bytes]  # batch to ring word, of the batches that the replay says stand
    accounts: dict[int, AccountOnChain]
    account_count: int
    total: int  # atoms, as the Vault counts
    balance: int  # atoms, as the token says, rounded down

    @classmethod
    def read(cls, deployment: Deployment, block: int, auditor: Auditor) -> "OnChain":
        registry, vault = deployment.registry.functions, deployment.vault.functions

        def ask(call: Any) -> Any:
            return call.call(block_identifier=block)

        head = ask(registry.head())
        standing = [s.header.id for s in auditor.standing[1 - RING_SLOTS :]]
        units = ask(vault.tokenUnitsPerAtom())
        balance = ask(deployment.token.functions.balanceOf(deployment.vault.address))
        return cls(
            head=head[0],
            built_at=head[1],
            frozen=head[6],
            ring={i: bytes(ask(registry.ringWord(i))) for i in standing},
            accounts={
                i: _account(ask(vault.accountOf(i))) for i in sorted(auditor.chain.facts.opened)
            },
            account_count=ask(vault.accountCount()),
            total=ask(vault.totalAtoms()),
            balance=balance // units,
        )


def _account(view: Any) -> AccountOnChain:
    owner, deposited, _, claimed, _, asks, _ = view
    return AccountOnChain(owner, deposited, claimed, asks)


def agreements(auditor: Auditor, result: Audit, chain: OnChain) -> Iterator[Agreement]:
    """Everything that both know, compared."""
    yield _compare(
        "head and its builtAt",
        {"id": result.head.id, "builtAt": result.head.built_at},
        {"id": chain.head, "builtAt": chain.built_at},
    )
    expected = {
        s.header.id: ring_word(s.header.batch_hash(), s.verdict.committed_at).hex()
        for s in auditor.standing
        if s.header.id in chain.ring
    }
    yield _compare("ring words", expected, {i: word.hex() for i, word in chain.ring.items()})
    yield _compare(
        "deposited, claimed, asks and owner of each account",
        {i: _replayed(auditor, i) for i in chain.accounts},
        chain.accounts,
    )
    # Indices below the count were opened, but 1, which never is.
    yield _compare(
        "accounts opened",
        {"count": len(auditor.chain.facts.opened) + 1},
        {"count": chain.account_count},
    )
    yield _compare(
        "the Vault's total", {"atoms": result.deposited - result.claimed}, {"atoms": chain.total}
    )
    yield _compare("frozen", {"frozen": auditor.frozen}, {"frozen": chain.frozen})


def _replayed(auditor: Auditor, index: int) -> AccountOnChain:
    """An account as the logs tell it."""
    owner = auditor.chain.signers.owners[index]
    return AccountOnChain(
        owner=Web3.to_checksum_address(owner),
        deposited=auditor.deposited.get(index, 0),
        claimed=auditor.claimed.get(index, 0),
        asks=auditor.chain.facts.asks.get(index, 0),
    )


def _compare(what: str, replayed: dict[Any, Any], found: dict[Any, Any]) -> Agreement:
    return Agreement(
        what,
        len(replayed),
        tuple(
            f"{key}: the chain says {found.get(key)}, its logs {value}"
            for key, value in replayed.items()
            if found.get(key) != value
        ),
    )
