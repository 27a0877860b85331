"""Transactions of one sender: gas limits, broadcasting, receipts, and why they failed."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import rlp
from eth_account.signers.local import LocalAccount
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3RPCError
from web3.types import TxReceipt

from matcher.blobs.encoding import Sidecar
from matcher.chain.artifacts import Revert, load
from matcher.chain.deployment import GAS_LIMIT, revert_data
from matcher.chain.fees import Fees

# What a commit's execution needs beside its calldata, generously: unused gas is not paid for.
_GAS_PER_COMMIT: Final = 150_000
_GAS_PER_WORD: Final = 600
# The same of a commit in blobs: two openings, then what the first lap of the ring costs more.
_GAS_PER_BLOB_COMMIT: Final = 200_000
_GAS_PER_BLOB: Final = 3_000

_CELL_PROOFS: Final = b"\x01"  # version of a network wrapper (EIP-7594)

_ALREADY_THERE: Final = ("already known", "already imported", "already exists")
_UNDERPRICED: Final = ("underpriced", "fee too low to replace")
_NONCE_USED: Final = ("nonce too low", "nonce is too low", "invalid transaction nonce")


class Refusal(Exception):
    """A node did not take a transaction."""


class Underpriced(Refusal):
    """One with the same nonce waits already, and offers as much."""


class NonceUsed(Refusal):
    """One with the same nonce is in a block already."""


class Signed(msgspec.Struct, frozen=True):
    """A transaction as it is signed, and the blobs that go with it."""

    raw: bytes
    hash: bytes
    sidecar: Sidecar | None = None

    def with_blobs(self, cells: bool) -> bytes:
        """What nodes are sent: with proofs of the cells of its blobs, or of the blobs."""
        if self.sidecar is None:
            return self.raw
        side, body = self.sidecar, rlp.decode(self.raw[1:])
        proofs = side.cell_proofs() if cells else side.proofs()
        version = [_CELL_PROOFS] if cells else []
        parts = [body, *version, list(side.blobs), list(side.commitments), proofs]
        encoded: bytes = rlp.encode(parts)
        return self.raw[:1] + encoded


def gas_limit(data: bytes, words: int) -> int:
    """Gas limit of a commit, computed rather than estimated.

    An estimate executes the commit many times over, and at the state of a block in which it may
    not be allowed yet.
    """
    zeros = data.count(0)
    others = len(data) - zeros
    floor = 21_000 + 10 * zeros + 40 * others  # EIP-7623
    execution = 21_000 + 4 * zeros + 16 * others + _GAS_PER_COMMIT + _GAS_PER_WORD * words
    return min(GAS_LIMIT, max(floor, execution))


def blob_gas_limit(data: bytes, blobs: int) -> int:
    """Gas limit of a commit in blobs."""
    zeros = data.count(0)
    calldata = 4 * zeros + 16 * (len(data) - zeros)
    return 21_000 + calldata + _GAS_PER_BLOB_COMMIT + _GAS_PER_BLOB * blobs


class Sender:
    """Signs, sends and looks after transactions of one account.

    Parameters
    ----------
    w3 : Web3
    account : LocalAccount
        Nobody else may send transactions with it meanwhile.
    chain_id : int
    """

    def __init__(self, w3: Web3, account: LocalAccount, chain_id: int):
        self._w3 = w3
        self._account = account
        self._chain_id = chain_id
        self._cells = True  # what nodes took last
        self.address = account.address

    def sign(
        self,
        to: str,
        data: bytes,
        nonce: int,
        gas: int,
        fees: Fees,
        value: int = 0,
        sidecar: Sidecar | None = None,
    ) -> Signed:
        """Sign a call that brings `value` wei, and blobs if there is a sidecar."""
        transaction: dict[str, Any] = {
            "chainId": self._chain_id,
            "nonce": nonce,
            "to": to,
            "data": HexBytes(data),
            "value": value,
            "gas": gas,
            "maxPriorityFeePerGas": fees.tip,
            "maxFeePerGas": fees.limit,
        }
        if sidecar is not None:
            transaction |= {
                "maxFeePerBlobGas": fees.blob,
                "blobVersionedHashes": list(sidecar.hashes),
            }
        signed = self._account.sign_transaction(transaction)
        return Signed(bytes(signed.raw_transaction), bytes(signed.hash), sidecar)

    def broadcast(self, signed: Signed) -> None:
        """Hand a transaction to the node; once more is no harm.

        Blobs go with proofs of their cells, as nodes ask from Osaka on; where these are not taken,
        with those of before. It is the same transaction.

        Raises
        ------
        Underpriced, NonceUsed
            Others of the node's errors are raised as they come.
        """
        if signed.sidecar is None:
            self._hand_over(signed.raw)
            return
        try:
            self._hand_over(signed.with_blobs(self._cells))
        except (Web3RPCError, ValueError) as error:
            try:
                self._hand_over(signed.with_blobs(not self._cells))
            except (Web3RPCError, ValueError):
                raise error from None  # neither was taken: it is something else
            self._cells = not self._cells

    def _hand_over(self, raw: bytes) -> None:
        try:
            self._w3.eth.send_raw_transaction(HexBytes(raw))
        except (Web3RPCError, ValueError) as error:
            text = str(error).lower()
            if any(part in text for part in _ALREADY_THERE):
                return
            if any(part in text for part in _UNDERPRICED):
                raise Underpriced(text) from error
            if any(part in text for part in _NONCE_USED):
                raise NonceUsed(text) from error
            raise

    def is_known(self, transaction: bytes) -> bool:
        """Whether the node has a transaction, in a block or waiting."""
        try:
            self._w3.eth.get_transaction(HexBytes(transaction))
        except TransactionNotFound:
            return False
        return True

    def receipt(self, transaction: bytes) -> TxReceipt | None:
        """What became of a transaction; None if it is in no block."""
        try:
            return self._w3.eth.get_transaction_receipt(HexBytes(transaction))
        except TransactionNotFound:
            return None

    def revert_of(self, call: Mapping[str, Any], block: Any) -> Revert | None:
        """Why a call of this account would revert at the state of a block; None if it would not."""
        question: Any = {"from": self.address, **call}
        try:
            self._w3.eth.call(question, block)
        except Exception as error:
            data = revert_data(error)
            if data is None:
                raise
            return load().revert(data)
        return None
