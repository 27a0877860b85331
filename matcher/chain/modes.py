"""Calldata or blobs: what a commit would cost in either mode at current prices (section 6)."""

from enum import StrEnum
from typing import Final

import msgspec
from web3 import Web3
from web3.exceptions import Web3RPCError

from matcher.batch import BLOB, CALLDATA, Batch
from matcher.blobs.encoding import BLOB_BYTES, blob_count
from matcher.commands import BatchLimited
from matcher.types import BLOB_CHUNKS_MAX, CALLDATA_CHUNKS_MAX

BLOB_GAS: Final = BLOB_BYTES  # of each blob (EIP-4844)
NAMES: Final = {CALLDATA: "calldata", BLOB: "blob"}
# One in blobs may be as large as a transaction carries: it hardly costs more.
_CALLDATA_CHUNKS: Final = 100

# Measured, when the ring has been filled once (tests/gas): of `commit` beside its calldata, of a
# word in it, of `commitBlobs` with one blob, of each blob more.
_COMMIT: Final = 26_000
_WORD: Final = 412
_BLOB_COMMIT: Final = 153_500
_NEXT_BLOB: Final = 540
# Bytes of `commit`'s other arguments, zero and not.
_ZEROS: Final = 118
_OTHERS: Final = 110


class Choice(StrEnum):
    """What the operator wants."""

    AUTO = "auto"  # what costs less
    CALLDATA = "calldata"
    BLOB = "blob"


class Prices(msgspec.Struct, frozen=True):
    """What is paid per gas, wei.

    Attributes
    ----------
    gas : int
        Base fee and tip.
    blob_gas : int, optional
        None if the chain has no blobs.
    """

    gas: int
    blob_gas: int | None


class Quote(msgspec.Struct, frozen=True):
    """What a commit of a batch would cost in each mode, wei; None where it is impossible."""

    calldata: int | None
    blob: int | None

    def wanted(self, choice: Choice, now: int) -> int:
        """The mode to commit in.

        Parameters
        ----------
        choice : Choice
        now : int
            Mode of the batch's header. It is left only for one that saves a tenth, so that prices
            that are nearly the same do not let every batch change its header.
        """
        if self.blob is None or self.calldata is None:
            return CALLDATA if self.blob is None else BLOB
        if choice is not Choice.AUTO:
            return CALLDATA if choice is Choice.CALLDATA else BLOB
        if now == CALLDATA:
            return BLOB if 10 * self.blob < 9 * self.calldata else CALLDATA
        return CALLDATA if 10 * self.calldata < 9 * self.blob else BLOB

    def __str__(self) -> str:
        parts = (("calldata", self.calldata), ("blob", self.blob))
        return ", ".join(
            f"{name} {'impossible' if cost is None else f'{cost / 10**9:,.0f} gwei'}"
            for name, cost in parts
        )


def limits_of(chunks: int | None) -> BatchLimited:
    """How many chunks batches may have, if an operator wants so many at most; None: no wish."""
    if chunks is None:
        return BatchLimited(_CALLDATA_CHUNKS, BLOB_CHUNKS_MAX)
    return BatchLimited(min(chunks, CALLDATA_CHUNKS_MAX), chunks)


def quote(batch: Batch, prices: Prices) -> Quote:
    """What a commit of a batch would cost now."""
    fits = batch.chunk_count <= CALLDATA_CHUNKS_MAX
    calldata = calldata_gas(batch.words) * prices.gas if fits else None
    if prices.blob_gas is None or batch.chunk_count > BLOB_CHUNKS_MAX:
        return Quote(calldata, None)
    blobs = blob_count(batch.chunk_count)
    execution = _BLOB_COMMIT + (blobs - 1) * _NEXT_BLOB
    return Quote(calldata, execution * prices.gas + blobs * BLOB_GAS * prices.blob_gas)


def calldata_gas(words: bytes) -> int:
    """Gas of `commit`: what is executed, or the floor of EIP-7623."""
    zeros = words.count(0) + _ZEROS
    others = len(words) - words.count(0) + _OTHERS
    execution = 4 * zeros + 16 * others + _COMMIT + _WORD * len(words) // 32
    return 21_000 + max(execution, 10 * zeros + 40 * others)


def blob_base_fee(w3: Web3) -> int | None:
    """Price of blob gas in the next block, wei; None of a chain, or a node, that knows no blobs."""
    try:
        answer = w3.provider.make_request("eth_blobBaseFee", [])  # type: ignore[arg-type]
    except (Web3RPCError, NotImplementedError, KeyError, ValueError):
        return None
    found = answer.get("result")
    return int(found, 16) if isinstance(found, str) else found
