"""Signed messages (sections 8, 10, 14): EIP-712 from first principles, and who signed.

``digest = keccak256(0x1901 || domainSeparator || hashStruct(message))`` where ``hashStruct`` is the
keccak256 of the type's hash and of each field as one EVM word, strings hashed.
"""

from typing import Any

import coincurve

from matcher.errors import SignatureError
from matcher.reference.tree import keccak
from matcher.types import (
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    Report,
    Transfer,
    Withdrawal,
)

DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
TYPES: dict[type, str] = {
    Order: "Order(uint24 account,string instrument,bool buy,uint64 price,uint64 quantity,"
    "uint48 id,uint40 expiry,uint8 flags)",
    Withdrawal: "Withdrawal(uint24 account,uint64 amount,uint48 id,uint40 expiry)",
    Transfer: "Transfer(uint24 from,uint24 to,uint64 amount,uint48 id,uint40 expiry)",
    Report: "Report(uint8 market,uint24 expiry,uint64 price)",
    CancelTerms: "Cancel(uint24 account,uint48 id,uint40 expiry)",
    CancelAllTerms: "CancelAll(uint24 account,string instrument,uint40 expiry)",
    AmendTerms: "Amend(uint24 account,uint48 id,uint64 quantity,uint40 expiry)",
}
RENAMED = {"from": "source", "to": "target"}  # `from` is a word of Python's

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def encode_field(value: Any) -> bytes:
    """One field as an EVM word; a string as its hash."""
    if isinstance(value, str):
        return keccak(value.encode())
    return int(value).to_bytes(32, "big")


def type_name(message: Any) -> str:
    """``Order``, ``Withdrawal``, ..."""
    return TYPES[type(message)].split("(")[0]


def terms(message: Any) -> dict[str, Any]:
    """The fields of a message by the names that are signed, in their order."""
    inside = TYPES[type(message)].split("(")[1].rstrip(")")
    names = [field.split(" ")[1] for field in inside.split(",")]
    return {name: getattr(message, RENAMED.get(name, name)) for name in names}


def outside_type(message: Any) -> str:
    """The first field that its type cannot hold, and what it holds; empty if there is none."""
    inside = TYPES[type(message)].split("(")[1].rstrip(")")
    for field, value in zip(inside.split(","), terms(message).values(), strict=True):
        kind, name = field.split(" ")
        if kind.startswith("uint") and not 0 <= value < 1 << int(kind.removeprefix("uint")):
            return f"{name}: found {str(value)[:80]}, allowed a {kind}"
    return ""


def struct_hash(message: Any) -> bytes:
    """``hashStruct(message)``."""
    type_hash = keccak(TYPES[type(message)].encode())
    return keccak(type_hash + b"".join(map(encode_field, terms(message).values())))


def domain_separator(chain_id: int, verifying_contract: bytes) -> bytes:
    """Separator of the one domain; `verifying_contract` is BatchRegistry's address, 20 bytes."""
    return keccak(
        keccak(DOMAIN.encode())
        + encode_field("Quoin")
        + encode_field("1")
        + encode_field(chain_id)
        + encode_field(int.from_bytes(verifying_contract, "big"))
    )


def digest(message: Any, separator: bytes) -> bytes:
    """What is signed, 32 bytes."""
    return keccak(b"\x19\x01" + separator + struct_hash(message))


# --- signatures ----------------------------------------------------------------------------------


def split_signature(signature: bytes) -> tuple[int, int, int]:
    """(r, s, parity) of 65 bytes ``r || s || v`` (v 27 or 28), or of EIP-2098's 64 bytes.

    Raises
    ------
    SignatureError
        Another length, another v, or a high s.
    """
    if len(signature) == 64:
        r = int.from_bytes(signature[:32], "big")
        packed = int.from_bytes(signature[32:], "big")
        s, parity = packed & (1 << 255) - 1, packed >> 255
    elif len(signature) == 65:
        r = int.from_bytes(signature[:32], "big")
        s, parity = int.from_bytes(signature[32:64], "big"), signature[64] - 27
    else:
        raise SignatureError("signature", f"{len(signature)} bytes", "64 or 65 bytes")
    if parity not in (0, 1):
        raise SignatureError("signature", f"v {parity + 27}", "v 27 or 28")
    if s > CURVE_ORDER // 2:
        raise SignatureError("signature", "high s", "s in the lower half of the curve's order")
    return r, s, parity


def recover(message_digest: bytes, signature: bytes) -> bytes:
    """Address of who signed, 20 bytes; never the zero address.

    Raises
    ------
    SignatureError
        If the signature is malformed, malleable, or of nobody.
    """
    r, s, parity = split_signature(signature)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity])
    try:
        public = coincurve.PublicKey.from_signature_and_message(raw, message_digest, hasher=None)
    except Exception as error:  # coincurve raises bare ones
        raise SignatureError("signature", "of nobody", "a recoverable signature") from error
    return address_of(public)


def address_of(public: coincurve.PublicKey) -> bytes:
    """Address of a public key, 20 bytes."""
    return keccak(public.format(compressed=False)[1:])[12:]
