"""EIP-712 digests of every message, signatures, and who signed (sections 8, 10, 14).

Twin of the Solidity side: the same digest, the same signatures accepted (65 bytes or EIP-2098, low
s only, never the zero address). Everything here is a pure function of its arguments, so that it
may run in any process.
"""

import functools
import struct
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

import coincurve
from sha3 import keccak_256

from matcher.errors import Reject, SignatureError
from matcher.kernel.signed import REQUEST_BYTES, SIGNATURE_AT, SIGNATURE_BYTES, WORDS_AT
from matcher.types import (
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    Report,
    Transfer,
    Withdrawal,
)

Message = Order | Withdrawal | Transfer | Report | CancelTerms | CancelAllTerms | AmendTerms

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_ORDER: Final = CURVE_ORDER // 2
_CURVE_ORDER: Final = CURVE_ORDER.to_bytes(32, "big")
_HALF_ORDER: Final = HALF_ORDER.to_bytes(32, "big")
_ZERO: Final = bytes(32)
_ZERO_ADDRESS: Final = bytes(20)

DOMAIN_NAME: Final = "Quoin"
DOMAIN_VERSION: Final = "1"
DOMAIN_TYPE: Final = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


def keccak(data: bytes) -> bytes:
    """Keccak-256, 32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest


@functools.lru_cache(maxsize=65536)
def _string_hash(text: str) -> bytes:
    """Hash of a symbol. Symbols repeat; there are fewer than the cache holds."""
    return keccak(text.encode())


class MessageType:
    """One EIP-712 struct: its fields, its type hash and how it is packed.

    Parameters
    ----------
    name : str
        Primary type, e.g. ``Order``.
    fields : tuple of (solidity type, field name)
    attributes : dict
        Attribute of the Python object where it differs from the field's name.

    Attributes
    ----------
    type_hash : bytes
        ``keccak256("Name(type field,...)")``, 32 bytes.
    """

    def __init__(
        self,
        name: str,
        fields: tuple[tuple[str, str], ...],
        attributes: dict[str, str] | None = None,
    ):
        self.name = name
        self.fields = fields
        self.encoded = f"{name}({','.join(f'{kind} {field}' for kind, field in fields)})"
        self.type_hash = keccak(self.encoded.encode())
        renamed = attributes or {}
        self._attributes = tuple(renamed.get(field, field) for _, field in fields)
        self._values: Callable[[Message], tuple[Any, ...]] = attrgetter(*self._attributes)
        kinds = [kind for kind, _ in fields]
        # No message has two.
        self._string = kinds.index("string") if "string" in kinds else None
        # Every number is below 2^64: 24 bytes of padding and one big-endian u64 make its EVM word.
        preimage = ">32s" + "".join("32s" if kind == "string" else "24xQ" for kind in kinds)
        self._preimage = struct.Struct(preimage)
        self._request = struct.Struct(
            f"{preimage}{WORDS_AT - self._preimage.size}xB{SIGNATURE_AT - WORDS_AT - 1}x"
            f"{SIGNATURE_BYTES}s"
        )
        assert self._request.size == REQUEST_BYTES
        self._words = 1 + len(fields)

    def struct_hash(self, message: Message) -> bytes:
        """``hashStruct`` of EIP-712, 32 bytes."""
        return keccak(self._preimage.pack(self.type_hash, *self._signed_values(message)))

    def request(self, message: Message, signature: bytes) -> bytes:
        """The message and its signature as `matcher.kernel.signed` draws them, 360 bytes."""
        values = self._signed_values(message)
        return self._request.pack(self.type_hash, *values, self._words, signature)

    def _signed_values(self, message: Message) -> list[Any]:
        """The fields, strings as their hashes."""
        values, place = list(self._values(message)), self._string
        if place is not None:
            values[place] = _string_hash(values[place])
        return values

    def terms(self, message: Message) -> dict[str, str | int | bool]:
        """The message's fields by the names that are signed."""
        return {
            field: getattr(message, attribute)
            for (_, field), attribute in zip(self.fields, self._attributes, strict=True)
        }


_ORDER = MessageType(
    "Order",
    (
        ("uint24", "account"),
        ("string", "instrument"),
        ("bool", "buy"),
        ("uint64", "price"),
        ("uint64", "quantity"),
        ("uint48", "id"),
        ("uint40", "expiry"),
        ("uint8", "flags"),
    ),
)
_WITHDRAWAL = MessageType(
    "Withdrawal",
    (("uint24", "account"), ("uint64", "amount"), ("uint48", "id"), ("uint40", "expiry")),
)
_TRANSFER = MessageType(
    "Transfer",
    (
        ("uint24", "from"),
        ("uint24", "to"),
        ("uint64", "amount"),
        ("uint48", "id"),
        ("uint40", "expiry"),
    ),
    {"from": "source", "to": "target"},
)
_REPORT = MessageType("Report", (("uint8", "market"), ("uint24", "expiry"), ("uint64", "price")))
_CANCEL = MessageType("Cancel", (("uint24", "account"), ("uint48", "id"), ("uint40", "expiry")))
_CANCEL_ALL = MessageType(
    "CancelAll", (("uint24", "account"), ("string", "instrument"), ("uint40", "expiry"))
)
_AMEND = MessageType(
    "Amend",
    (("uint24", "account"), ("uint48", "id"), ("uint64", "quantity"), ("uint40", "expiry")),
)

MESSAGE_TYPES: Final[dict[type, MessageType]] = {
    Order: _ORDER,
    Withdrawal: _WITHDRAWAL,
    Transfer: _TRANSFER,
    Report: _REPORT,
    CancelTerms: _CANCEL,
    CancelAllTerms: _CANCEL_ALL,
    AmendTerms: _AMEND,
}


class Domain:
    """The one EIP-712 domain of a deployment.

    Parameters
    ----------
    chain_id : int
    verifying_contract : bytes
        Address of BatchRegistry, 20 bytes.

    Attributes
    ----------
    separator : bytes
        Domain separator, 32 bytes; equals ``BatchRegistry.domainSeparator()``.
    prefix : bytes
        What stands before a struct hash when it is signed, 34 bytes.
    """

    def __init__(self, chain_id: int, verifying_contract: bytes):
        if len(verifying_contract) != 20:
            raise ValueError(f"verifying_contract: {len(verifying_contract)} bytes, allowed 20")
        self.chain_id = chain_id
        self.verifying_contract = bytes(verifying_contract)
        self.separator = keccak(
            keccak(DOMAIN_TYPE.encode())
            + keccak(DOMAIN_NAME.encode())
            + keccak(DOMAIN_VERSION.encode())
            + chain_id.to_bytes(32, "big")
            + self.verifying_contract.rjust(32, b"\0")
        )
        self.prefix = b"\x19\x01" + self.separator

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Domain) and self.separator == other.separator

    def __hash__(self) -> int:
        return hash(self.separator)

    def __repr__(self) -> str:
        return f"Domain({self.chain_id}, 0x{self.verifying_contract.hex()})"

    def digest(self, message: Message) -> bytes:
        """What is signed: ``keccak256(0x1901 || separator || hashStruct(message))``, 32 bytes."""
        return keccak(self.prefix + MESSAGE_TYPES[type(message)].struct_hash(message))

    def as_dict(self) -> dict[str, str | int]:
        """The domain as wallets and ``eth_account`` take it."""
        return {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": self.chain_id,
            "verifyingContract": "0x" + self.verifying_contract.hex(),
        }

    def typed_data(self, message: Message) -> dict[str, object]:
        """The whole message for ``eth_signTypedData_v4`` or ``encode_typed_data``."""
        kind = MESSAGE_TYPES[type(message)]
        return {
            "domain": self.as_dict(),
            "types": {"EIP712Domain": domain_fields(), kind.name: type_fields(kind)},
            "primaryType": kind.name,
            "message": kind.terms(message),
        }


def type_fields(kind: MessageType) -> list[dict[str, str]]:
    """The fields of a struct as EIP-712 JSON lists them."""
    return [{"name": field, "type": solidity} for solidity, field in kind.fields]


def domain_fields() -> list[dict[str, str]]:
    """The fields of ``EIP712Domain``."""
    return [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ]


def from_wallet(raw: bytes) -> bytes:
    """Bring v to 27 or 28 where a wallet counts it from 0, as some devices do.

    The gateway takes these and publishes 27 or 28, the only spelling on chain.
    """
    if len(raw) == 65 and raw[64] < 2:
        return raw[:64] + bytes([raw[64] + 27])
    return raw


def parse_signature(raw: bytes, field: str = "signature") -> bytes:
    """Bring a signature to its one spelling.

    Parameters
    ----------
    raw : bytes
        65 bytes ``r, s, v`` with v 27 or 28; or 64 bytes of EIP-2098, ``r`` and ``s`` with the
        parity in the highest bit of ``s``. The prover accepts the same, and no more.
    field : str
        Path named in errors.

    Returns
    -------
    bytes
        65 bytes ``r, s, v``, v 27 or 28.

    Raises
    ------
    SignatureError
        ``HIGH_S`` if s lies in the upper half of the curve's order (the same signature has a second
        spelling there); ``BAD_SIGNATURE`` for every other fault.
    """
    if len(raw) == 65:
        s = raw[32:64]
        v = raw[64]
        if v not in (27, 28):
            raise SignatureError(field, f"v = {v}", "v of 27 or 28", Reject.BAD_SIGNATURE)
    elif len(raw) == 64:
        s = bytes([raw[32] & 0x7F]) + raw[33:]
        v = 27 + (raw[32] >> 7)
    else:
        raise SignatureError(
            field, f"{len(raw)} bytes", "65 bytes, or 64 of EIP-2098", Reject.BAD_SIGNATURE
        )
    # Big-endian numbers of one length compare as their bytes do.
    r = raw[:32]
    if not _ZERO < r < _CURVE_ORDER:
        raise SignatureError(
            field,
            f"r = {int.from_bytes(r, 'big'):#x}",
            "r from 1 to the curve's order - 1",
            Reject.BAD_SIGNATURE,
        )
    if s > _HALF_ORDER:
        raise SignatureError(
            field,
            f"s = {int.from_bytes(s, 'big'):#x}",
            f"s of at most {HALF_ORDER:#x} (low s)",
            Reject.HIGH_S,
        )
    if s == _ZERO:
        raise SignatureError(field, "s = 0", "s of at least 1", Reject.BAD_SIGNATURE)
    return raw if len(raw) == 65 else r + s + bytes([v])


def recover(digest: bytes, signature: bytes, field: str = "signature") -> bytes:
    """Address that signed a digest.

    Parameters
    ----------
    digest : bytes
        32 bytes.
    signature : bytes
        65 bytes as `parse_signature` returns them.
    field : str
        Path named in errors.

    Returns
    -------
    bytes
        20 bytes, never zero.

    Raises
    ------
    SignatureError
        ``BAD_SIGNATURE`` if no key could have made it.
    """
    recoverable = signature[:64] + bytes([signature[64] - 27])
    try:
        key = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception as error:  # coincurve raises bare Exception and ValueError
        raise unrecoverable(signature, field) from error
    signer = keccak(key.format(compressed=False)[1:])[12:]
    if signer == _ZERO_ADDRESS:
        raise signed_by_zero(field)
    return signer


def unrecoverable(signature: bytes, field: str) -> SignatureError:
    """The error of a signature that no key could have made."""
    found = f"recovers to no address, r = 0x{signature[:32].hex()}"
    return SignatureError(field, found, "a signature of the message", Reject.BAD_SIGNATURE)


def signed_by_zero(field: str) -> SignatureError:
    """The error of a signature that recovers to the zero address."""
    return SignatureError(field, "the zero address", "a signer", Reject.BAD_SIGNATURE)
