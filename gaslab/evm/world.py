"""Accounts in plain dictionaries with one journal: py-evm's account database without its tries.

About ten times as fast, and enough for a chain whose blocks nobody hashes. It has no state root.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sha3 import keccak_256

EMPTY_HASH = keccak_256(b"").digest()


@dataclass
class Account:
    """One account; `storage` holds no zeros."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""
    storage: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Account:
        return Account(self.balance, self.nonce, self.code, dict(self.storage))


class World:
    """All accounts; the interface is py-evm's ``AccountDatabaseAPI``, as far as a VM asks."""

    def __init__(self, *database: Any):
        self.accounts: dict[bytes, Account] = {}
        self._first: dict[tuple[bytes, int], int] = {}  # slots' values before the transaction
        self._journal: list[tuple[Any, ...]] = []

    state_root = bytes(32)

    # --- checkpoints --------------------------------------------------------------------------

    def record(self) -> int:
        return len(self._journal)

    def commit(self, checkpoint: int) -> None:
        """What happened since stays, and an outer checkpoint can still take it back."""

    def discard(self, checkpoint: int) -> None:
        """Take back everything since a checkpoint."""
        journal, accounts = self._journal, self.accounts
        while len(journal) > checkpoint:
            kind, address, *before = journal.pop()
            if kind == "storage":
                slot, value = before
                if value:
                    accounts[address].storage[slot] = value
                else:
                    accounts[address].storage.pop(slot, None)
            elif kind == "account":
                (account,) = before
                if account is None:
                    del accounts[address]
                else:
                    accounts[address] = account
            else:
                setattr(accounts[address], kind, before[0])

    def lock_changes(self) -> None:
        """A transaction has ended: all values are original now."""
        self._journal.clear()
        self._first.clear()

    # --- storage ------------------------------------------------------------------------------

    def get_storage(self, address: bytes, slot: int, from_journal: bool = True) -> int:
        if not from_journal:
            first = self._first.get((address, slot))
            if first is not None:
                return first
        account = self.accounts.get(address)
        return account.storage.get(slot, 0) if account is not None else 0

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        storage = self._account(address).storage
        before = storage.get(slot, 0)
        self._first.setdefault((address, slot), before)
        self._journal.append(("storage", address, slot, before))
        if value:
            storage[slot] = value
        else:
            storage.pop(slot, None)

    def delete_storage(self, address: bytes) -> None:
        account = self.accounts.get(address)
        if account is not None and account.storage:
            self._replace(address, Account(account.balance, account.nonce, account.code))

    # --- accounts -----------------------------------------------------------------------------

    def _account(self, address: bytes) -> Account:
        account = self.accounts.get(address)
        if account is None:
            account = self.accounts[address] = Account()
            self._journal.append(("account", address, None))
        return account

    def _replace(self, address: bytes, account: Account | None) -> None:
        self._journal.append(("account", address, self.accounts.get(address)))
        if account is None:
            del self.accounts[address]
        else:
            self.accounts[address] = account

    def _set(self, address: bytes, name: str, value: Any) -> None:
        account = self._account(address)
        self._journal.append((name, address, getattr(account, name)))
        setattr(account, name, value)

    def get_balance(self, address: bytes) -> int:
        account = self.accounts.get(address)
        return account.balance if account is not None else 0

    def set_balance(self, address: bytes, balance: int) -> None:
        if balance < 0:
            raise ValueError(f"balance {balance}")
        self._set(address, "balance", balance)

    def get_nonce(self, address: bytes) -> int:
        account = self.accounts.get(address)
        return account.nonce if account is not None else 0

    def set_nonce(self, address: bytes, nonce: int) -> None:
        self._set(address, "nonce", nonce)

    def increment_nonce(self, address: bytes) -> None:
        self._set(address, "nonce", self.get_nonce(address) + 1)

    def get_code(self, address: bytes) -> bytes:
        account = self.accounts.get(address)
        return account.code if account is not None else b""

    def set_code(self, address: bytes, code: bytes) -> None:
        self._set(address, "code", code)

    def delete_code(self, address: bytes) -> None:
        self._set(address, "code", b"")

    def get_code_hash(self, address: bytes) -> bytes:
        code = self.get_code(address)
        return bytes(keccak_256(code).digest()) if code else EMPTY_HASH

    def account_has_code_or_nonce(self, address: bytes) -> bool:
        account = self.accounts.get(address)
        return account is not None and bool(account.nonce or account.code)

    def account_exists(self, address: bytes) -> bool:
        """An empty account does not exist (EIP-161)."""
        return not self.account_is_empty(address)

    def account_is_empty(self, address: bytes) -> bool:
        account = self.accounts.get(address)
        return account is None or not (account.balance or account.nonce or account.code)

    def touch_account(self, address: bytes) -> None:
        """Nothing: there is nothing to clear (EIP-161)."""

    def delete_account(self, address: bytes) -> None:
        if address in self.accounts:
            self._replace(address, None)

    def copy(self) -> World:
        """The same accounts, to be changed apart."""
        world = World()
        world.accounts = {address: account.copy() for address, account in self.accounts.items()}
        return world
