"""Digests and signers of many messages at once.

A message becomes a request of 360 bytes (`MessageType.request`); requests lie in a row, and one
compiled call, without the interpreter's lock, answers all of them: the digest that was signed, and
the address that signed it. Nearly all of its time libsecp256k1 multiplies points.
"""

from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np

from matcher.eip712 import (
    MESSAGE_TYPES,
    Domain,
    Message,
    from_wallet,
    parse_signature,
    signed_by_zero,
    unrecoverable,
)
from matcher.kernel.digests import answer_requests
from matcher.kernel.secp import ADDRESS_BYTES, LIBRARY, SIGNED, ZERO

M = TypeVar("M", bound=Message)
_DIGEST_BYTES: Final = 32


class Verified(msgspec.Struct, Generic[M], frozen=True):
    """A message and who signed it. Whether they were allowed to is the engine's question."""

    message: M
    signature: bytes  # 65 bytes r, s, v (27 or 28), low s
    digest: bytes  # 32 bytes
    signer: bytes  # 20 bytes


class Claim(NamedTuple):
    """A message with a signature that is well-formed, and may be anybody's or nobody's."""

    message: Message
    signature: bytes  # 65 bytes as `parse_signature` returns them
    field: str  # path named in errors
    request: bytes  # 360 bytes


class Answer(NamedTuple):
    """What a claim comes to."""

    digest: bytes  # 32 bytes
    signer: bytes  # 20 bytes; nobody's unless the verdict is `SIGNED`
    verdict: int


def claim(message: Message, signature: bytes, field: str = "signature") -> Claim:
    """A message and its signature as they are sent, ready for `answer`.

    Parameters
    ----------
    message : Order, Withdrawal, Transfer, CancelTerms, CancelAllTerms or AmendTerms
    signature : bytes
        As it was sent: 65 bytes with v of 0, 1, 27 or 28, or 64 bytes of EIP-2098.
    field : str
        Path named in errors.

    Raises
    ------
    SignatureError
        If the signature is malformed or has a high s.
    """
    normal = parse_signature(from_wallet(signature), field)
    request = MESSAGE_TYPES[type(message)].request(message, normal)
    return Claim(message, normal, field, request)


def answer(domain: Domain, requests: Sequence[bytes]) -> list[Answer]:
    """Digests and signers, in the order of the requests. Other threads run meanwhile."""
    count = len(requests)
    digests = np.empty(_DIGEST_BYTES * count // 8, np.int64)
    signers = np.zeros(ADDRESS_BYTES * count, np.uint8)
    verdicts = np.empty(count, np.uint8)
    data = np.frombuffer(bytearray().join(requests), np.uint8)
    prefix = np.frombuffer(bytearray(domain.prefix), np.uint8)
    answer_requests(LIBRARY, data, prefix, digests, signers, verdicts)
    hashes, addresses = digests.tobytes(), signers.tobytes()
    return [
        Answer(
            hashes[_DIGEST_BYTES * i : _DIGEST_BYTES * (i + 1)],
            addresses[ADDRESS_BYTES * i : ADDRESS_BYTES * (i + 1)],
            verdict,
        )
        for i, verdict in enumerate(verdicts.tolist())
    ]


def require_signed(asked: Claim, found: Answer) -> None:
    """Raise `SignatureError` unless somebody made the claim's signature."""
    if found.verdict != SIGNED:
        if found.verdict == ZERO:
            raise signed_by_zero(asked.field)
        raise unrecoverable(asked.signature, asked.field)
