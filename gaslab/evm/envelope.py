"""Signed transactions, as a block carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rlp
from coincurve import PrivateKey as Signer
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from sha3 import keccak_256

AccessList = Sequence[tuple[bytes, Sequence[int]]]

MNEMONIC = "test test test test test test test test test test test junk"
ACCOUNTS = 10
DYNAMIC_FEE, BLOB, SET_CODE = 2, 3, 4


@lru_cache(maxsize=ACCOUNTS)
def key_of(index: int) -> PrivateKey:
    """Key of one of the ten accounts, to sign messages with."""
    Account.enable_unaudited_hdwallet_features()
    found = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return PrivateKey(bytes(found.key))


@lru_cache(maxsize=256)
def _signer(key: bytes) -> Signer:
    return Signer(key)


def sign(key: PrivateKey, digest: bytes) -> tuple[int, int, int]:
    """Parity of y, r and s."""
    signature = _signer(key.to_bytes()).sign_recoverable(digest, hasher=None)
    return (
        signature[64],
        int.from_bytes(signature[:32], "big"),
        int.from_bytes(signature[32:64], "big"),
    )


@dataclass(frozen=True)
class Authorization:
    """Lets an account's code point at another's (EIP-7702)."""

    chain_id: int
    address: bytes
    nonce: int
    y_parity: int
    r: int
    s: int

    @property
    def fields(self) -> list[Any]:
        return [self.chain_id, self.address, self.nonce, self.y_parity, self.r, self.s]


def authorize(key: PrivateKey, address: bytes, *, nonce: int, chain_id: int) -> Authorization:
    """An authorization signed by the account that it is for."""
    digest = keccak_256(b"\x05" + rlp.encode([chain_id, address, nonce])).digest()
    return Authorization(chain_id, address, nonce, *sign(key, digest))


@dataclass(frozen=True)
class Envelope:
    """A transaction before it is signed; its type follows from what it carries."""

    chain_id: int
    nonce: int
    tip: int
    max_fee: int
    gas: int
    to: bytes | None
    value: int
    data: bytes
    access_list: AccessList = ()
    authorizations: Sequence[Authorization] = ()
    blob_hashes: Sequence[bytes] = ()
    max_blob_fee: int = 1

    @property
    def type(self) -> int:
        return SET_CODE if self.authorizations else BLOB if self.blob_hashes else DYNAMIC_FEE

    def signed(self, key: PrivateKey) -> bytes:
        """The raw transaction."""
        fields: list[Any] = [self.chain_id, self.nonce, self.tip, self.max_fee, self.gas]
        fields += [self.to or b"", self.value, self.data]
        fields.append(
            [
                [address, [slot.to_bytes(32, "big") for slot in slots]]
                for address, slots in self.access_list
            ]
        )
        if self.type == BLOB:
            fields += [self.max_blob_fee, list(self.blob_hashes)]
        if self.type == SET_CODE:
            fields.append([one.fields for one in self.authorizations])
        kind = bytes([self.type])
        digest = keccak_256(kind + rlp.encode(fields)).digest()
        return kind + bytes(rlp.encode([*fields, *sign(key, digest)]))


def decode(raw: bytes) -> Any:
    """py-evm's transaction."""
    return PragueTransactionBuilder.decode(raw)
