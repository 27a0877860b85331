"""Who signed a message: the part of a request that costs time.

Pure functions of their arguments (about 90 microseconds each, nearly all of it the recovery of the
public key), so that they can move to other processes without a change.
"""

from typing import Generic, TypeVar

import msgspec

from matcher.eip712 import Domain, Message, from_wallet, parse_signature, recover
from matcher.types import Order, SignedOrder

M = TypeVar("M", bound=Message)


class Verified(msgspec.Struct, Generic[M], frozen=True):
    """A message and who signed it. Whether they were allowed to is the engine's question."""

    message: M
    signature: bytes  # 65 bytes r, s, v (27 or 28), low s
    digest: bytes  # 32 bytes
    signer: bytes  # 20 bytes


def verify(domain: Domain, message: M, signature: bytes, field: str = "signature") -> Verified[M]:
    """Digest a message and recover its signer.

    Parameters
    ----------
    domain : Domain
    message : Order, Withdrawal, Transfer, CancelTerms, CancelAllTerms or AmendTerms
    signature : bytes
        As it was sent: 65 bytes with v of 0, 1, 27 or 28, or 64 bytes of EIP-2098.
    field : str
        Path named in errors.

    Raises
    ------
    SignatureError
        If the signature is malformed, has a high s, or recovers to no address.
    """
    normal = parse_signature(from_wallet(signature), field)
    digest = domain.digest(message)
    return Verified(message, normal, digest, recover(digest, normal, field))


def verify_order(
    domain: Domain, order: Order, signature: bytes, field: str = "signature"
) -> SignedOrder:
    """`verify` for an order, in the form that the engine takes."""
    verified = verify(domain, order, signature, field)
    return SignedOrder(order, verified.signature, verified.digest, verified.signer)
