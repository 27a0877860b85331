"""EIP-712 digests in batches, eight at a time.

Messages come as requests (`matcher.kernel.signed`). An order's fields as arrays are eight int64
each, in the order in which they are signed; the second is the number of its symbol's hash, the rest
is what is signed (a u64 as the int64 of the same bits).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from matcher.kernel.compiled import compiled
from matcher.kernel.keccak import NODE_BYTES, NODE_WORDS, hash_messages
from matcher.kernel.signed import (
    PREFIX_BYTES,
    PREIMAGE_BYTES,
    REQUEST_BYTES,
    SIGNATURE_AT,
    SIGNATURE_BYTES,
    WORDS_AT,
)

ORDER_FIELDS: Final = 8
_SYMBOL: Final = 1  # place of the symbol among an order's fields
_WORD: Final = 32


@compiled("void(int64[::1], uint8[::1])", nogil=True)
def _wrap(digests: NDArray[np.int64], prefix: NDArray[np.uint8]) -> None:
    """Struct hashes to what is signed. Written: `digests`."""
    count = digests.size // NODE_WORDS
    size = PREFIX_BYTES + NODE_BYTES
    hashes = digests.view(np.uint8)
    data = np.empty(count * size, np.uint8)
    for i in range(count):
        for j in range(PREFIX_BYTES):
            data[i * size + j] = prefix[j]
        for j in range(NODE_BYTES):
            data[i * size + PREFIX_BYTES + j] = hashes[i * NODE_BYTES + j]
    hash_messages(data, np.arange(count) * size, np.full(count, size, np.int64), digests, 0)


@compiled("void(uint8[::1], uint8[::1], int64[::1])", nogil=True)
def digest_requests(
    requests: NDArray[np.uint8], prefix: NDArray[np.uint8], digests: NDArray[np.int64]
) -> None:
    """What each request's signer signed.

    Parameters
    ----------
    requests : array of uint8, shape (360 * n,)
    prefix : array of uint8, shape (34,)
    digests : array of int64, shape (4 * n,)
        Written: nodes.
    """
    count = digests.size // NODE_WORDS
    starts = np.arange(count) * REQUEST_BYTES
    lengths = np.empty(count, np.int64)
    for i in range(count):
        lengths[i] = _WORD * requests[starts[i] + WORDS_AT]
    hash_messages(requests, starts, lengths, digests, 0)
    _wrap(digests, prefix)


@compiled("void(uint8[::1], uint8[::1])", nogil=True)
def copy_signatures(requests: NDArray[np.uint8], signatures: NDArray[np.uint8]) -> None:
    """Signatures of requests. Written: `signatures`, shape (65 * n,)."""
    for i in range(signatures.size // SIGNATURE_BYTES):
        for j in range(SIGNATURE_BYTES):
            signatures[i * SIGNATURE_BYTES + j] = requests[i * REQUEST_BYTES + SIGNATURE_AT + j]


@compiled("void(int64[:, ::1], uint8[::1], uint8[::1], uint8[::1], int64[::1])", nogil=True)
def digest_orders(
    fields: NDArray[np.int64],
    symbols: NDArray[np.uint8],
    type_hash: NDArray[np.uint8],
    prefix: NDArray[np.uint8],
    digests: NDArray[np.int64],
) -> None:
    """What the signers of orders signed.

    Parameters
    ----------
    fields : array of int64, shape (n, 8)
    symbols : array of uint8, shape (32 * k,)
        Hashes of the symbols that the second field counts.
    type_hash : array of uint8, shape (32,)
    prefix : array of uint8, shape (34,)
    digests : array of int64, shape (4 * n,)
        Written: nodes.
    """
    count = fields.shape[0]
    data = np.zeros(count * PREIMAGE_BYTES, np.uint8)
    for i in range(count):
        at = i * PREIMAGE_BYTES
        for j in range(_WORD):
            data[at + j] = type_hash[j]
            data[at + (1 + _SYMBOL) * _WORD + j] = symbols[fields[i, _SYMBOL] * _WORD + j]
        for field in range(ORDER_FIELDS):
            if field != _SYMBOL:
                end = at + (2 + field) * _WORD
                for byte in range(8):
                    data[end - 1 - byte] = fields[i, field] >> 8 * byte & 0xFF
    starts = np.arange(count) * PREIMAGE_BYTES
    hash_messages(data, starts, np.full(count, PREIMAGE_BYTES, np.int64), digests, 0)
    _wrap(digests, prefix)
