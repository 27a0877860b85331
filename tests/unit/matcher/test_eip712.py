"""Digests against eth_account, signatures against every spelling a wallet may send."""

import json
from pathlib import Path

import coincurve
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak as eth_keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import eip712
from matcher.errors import Reject, SignatureError
from matcher.types import (
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    Report,
    Transfer,
    Withdrawal,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "digests.json").read_text())
KINDS = {kind.name: (cls, kind) for cls, kind in eip712.MESSAGE_TYPES.items()}

u8 = st.integers(0, 255)
u24 = st.integers(0, 2**24 - 1)
u40 = st.integers(0, 2**40 - 1)
u48 = st.integers(0, 2**48 - 1)
u64 = st.integers(0, 2**64 - 1)
text = st.text(max_size=40)
addresses = st.binary(min_size=20, max_size=20)
digests = st.binary(min_size=32, max_size=32)
private_keys = st.integers(1, eip712.CURVE_ORDER - 1).map(lambda key: key.to_bytes(32, "big"))
domains = st.builds(eip712.Domain, st.integers(0, 2**256 - 1), addresses)
messages = st.one_of(
    st.builds(
        Order,
        account=u24,
        instrument=text,
        buy=st.booleans(),
        price=u64,
        quantity=u64,
        id=u48,
        expiry=u40,
        flags=u8,
    ),
    st.builds(Withdrawal, account=u24, amount=u64, id=u48, expiry=u40),
    st.builds(Transfer, source=u24, target=u24, amount=u64, id=u48, expiry=u40),
    st.builds(Report, market=u8, expiry=u24, price=u64),
    st.builds(CancelTerms, account=u24, id=u48, expiry=u40),
    st.builds(CancelAllTerms, account=u24, instrument=text, expiry=u40),
    st.builds(AmendTerms, account=u24, id=u48, quantity=u64, expiry=u40),
)

ORDER = Order(7, "BTC-26MAR27-100000-C", True, 1500, 10, 4097, 1790000000, 1)
KEY = Account.from_key(b"\x11" * 32)
DOMAIN = eip712.Domain(1337, b"\xab" * 20)


def sign(digest: bytes, key: bytes) -> bytes:
    """65 bytes r, s, v with v 27 or 28, by libsecp256k1."""
    raw = coincurve.PrivateKey(key).sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


@given(domains, messages)
def test_digest_any_message_equals_eth_account(domain, message):
    encoded = encode_typed_data(full_message=domain.typed_data(message))
    assert encoded.header == domain.separator
    assert eth_keccak(b"\x19\x01" + encoded.header + encoded.body) == domain.digest(message)


@given(domains, messages, messages)
def test_digest_different_messages_differ(domain, one, other):
    assert (domain.digest(one) == domain.digest(other)) == (
        type(one) is type(other) and one == other
    )


@given(messages, st.integers(0, 2**64), addresses, addresses)
def test_digest_other_domain_differs(message, chain_id, one, other):
    first = eip712.Domain(chain_id, one)
    assert first.digest(message) != eip712.Domain(chain_id + 1, one).digest(message)
    assert (first.digest(message) == eip712.Domain(chain_id, other).digest(message)) == (
        one == other
    )


def test_type_strings_are_those_of_the_protocol():
    assert [kind.encoded for kind in eip712.MESSAGE_TYPES.values()] == [
        (
            "Order(uint24 account,string instrument,bool buy,uint64 price,uint64 quantity,"
            "uint48 id,uint40 expiry,uint8 flags)"
        ),
        "Withdrawal(uint24 account,uint64 amount,uint48 id,uint40 expiry)",
        "Transfer(uint24 from,uint24 to,uint64 amount,uint48 id,uint40 expiry)",
        "Report(uint8 market,uint24 expiry,uint64 price)",
        "Cancel(uint24 account,uint48 id,uint40 expiry)",
        "CancelAll(uint24 account,string instrument,uint40 expiry)",
        "Amend(uint24 account,uint48 id,uint64 quantity,uint40 expiry)",
    ]


def test_domain_address_of_wrong_length_is_refused():
    with pytest.raises(ValueError, match="19 bytes"):
        eip712.Domain(1, bytes(19))


def test_domain_equality_is_by_separator():
    assert eip712.Domain(1, b"\1" * 20) == eip712.Domain(1, b"\1" * 20)
    assert eip712.Domain(1, b"\1" * 20) != eip712.Domain(2, b"\1" * 20)
    assert len({eip712.Domain(1, b"\1" * 20), eip712.Domain(1, b"\1" * 20)}) == 1


def test_recover_signature_of_eth_account_names_its_address():
    signed = KEY.sign_message(encode_typed_data(full_message=DOMAIN.typed_data(ORDER)))
    signature = eip712.parse_signature(bytes(signed.signature))
    assert eip712.recover(DOMAIN.digest(ORDER), signature) == bytes.fromhex(KEY.address[2:])


@given(digests, private_keys)
@settings(max_examples=50)
def test_parse_signature_every_spelling_gives_the_same(digest, key):
    signature = sign(digest, key)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    compact = r + (s | (v - 27) << 255).to_bytes(32, "big")
    assert eip712.parse_signature(signature) == signature
    assert eip712.parse_signature(compact) == signature
    assert eip712.from_wallet(signature[:64] + bytes([v - 27])) == signature
    assert eip712.from_wallet(signature) == signature
    assert eip712.from_wallet(compact) == compact
    public = coincurve.PrivateKey(key).public_key.format(compressed=False)[1:]
    assert eip712.recover(digest, signature) == eth_keccak(public)[12:]


@given(digests, private_keys)
@settings(max_examples=50)
def test_parse_signature_high_s_is_refused(digest, key):
    signature = sign(digest, key)
    s = eip712.CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    # The twin recovers to the same address: that is why it must not be taken.
    recovered = eip712.recover(digest, twin)
    assert recovered == eip712.recover(digest, signature)
    with pytest.raises(SignatureError) as caught:
        eip712.parse_signature(twin, "signature")
    assert caught.value.code is Reject.HIGH_S
    assert caught.value.field == "signature"
    assert caught.value.found == f"s = {s:#x}"


def test_parse_signature_s_at_the_half_is_taken_above_it_is_not():
    r = (1).to_bytes(32, "big")
    half = r + eip712.HALF_ORDER.to_bytes(32, "big") + b"\x1b"
    assert eip712.parse_signature(half) == half
    with pytest.raises(SignatureError, match="low s"):
        eip712.parse_signature(r + (eip712.HALF_ORDER + 1).to_bytes(32, "big") + b"\x1b")


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", "0 bytes"),
        (bytes(63), "63 bytes"),
        (bytes(66), "66 bytes"),
        (b"\1" * 64 + b"\x00", "v = 0"),
        (b"\1" * 64 + b"\x01", "v = 1"),
        (b"\1" * 64 + b"\x02", "v = 2"),
        (b"\1" * 64 + b"\x1a", "v = 26"),
        (b"\1" * 64 + b"\x1d", "v = 29"),
        (bytes(32) + b"\1" * 32 + b"\x1b", "r = 0x0"),
        (
            eip712.CURVE_ORDER.to_bytes(32, "big") + b"\1" * 32 + b"\x1b",
            f"r = {eip712.CURVE_ORDER:#x}",
        ),
        (b"\1" * 32 + bytes(32) + b"\x1b", "s = 0"),
    ],
)
def test_parse_signature_malformed_is_refused_and_says_what(raw, found):
    with pytest.raises(SignatureError) as caught:
        eip712.parse_signature(raw, "orders[3].signature")
    assert caught.value.code is Reject.BAD_SIGNATURE
    assert caught.value.field == "orders[3].signature"
    assert caught.value.found == found


def test_recover_r_off_the_curve_is_refused():
    # 5 is the x of no point: 5^3 + 7 is not a square modulo p.
    signature = (5).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x1b"
    with pytest.raises(SignatureError, match="recovers to no address") as caught:
        eip712.recover(b"\x22" * 32, signature)
    assert caught.value.code is Reject.BAD_SIGNATURE


def test_recover_the_zero_address_is_refused(monkeypatch):
    # Nobody knows a key of the zero address, so the hash is made to say so.
    signature = sign(b"\x22" * 32, b"\x11" * 32)
    monkeypatch.setattr(eip712, "keccak", lambda data: bytes(32))
    with pytest.raises(SignatureError, match="zero address"):
        eip712.recover(b"\x22" * 32, signature)


@given(st.binary(max_size=70), digests)
def test_signature_any_bytes_raise_nothing_but_signature_errors(raw, digest):
    try:
        signer = eip712.recover(digest, eip712.parse_signature(raw))
    except SignatureError:
        return
    assert len(signer) == 20


def test_signature_with_one_bit_changed_names_another_signer():
    signature = sign(DOMAIN.digest(ORDER), b"\x11" * 32)
    own = eip712.recover(DOMAIN.digest(ORDER), signature)
    other = Order(7, "BTC-26MAR27-100000-C", True, 1500, 10, 4097, 1790000000, 0)
    assert eip712.recover(DOMAIN.digest(other), signature) != own


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def message_of(vector: dict) -> eip712.Message:
    """The vector's terms as the object they describe."""
    cls, kind = KINDS[vector["type"]]
    values = []
    for solidity, name in kind.fields:
        value = vector["terms"][name]
        values.append(int(value) if solidity.startswith("uint") else value)
    return cls(*values)


def test_vectors_of_the_domains_and_types_hold():
    for vector in VECTORS["domains"]:
        domain = eip712.Domain(int(vector["chainId"]), raw(vector["verifyingContract"]))
        assert domain.separator == raw(vector["separator"])
    hashes = dict(VECTORS["typeHashes"])
    assert eip712.keccak(eip712.DOMAIN_TYPE.encode()) == raw(hashes.pop("EIP712Domain"))
    assert {name: kind.type_hash for name, (_, kind) in KINDS.items()} == {
        name: raw(value) for name, value in hashes.items()
    }


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["type"])
def test_vectors_of_the_messages_hold(vector):
    message = message_of(vector)
    domain = eip712.Domain(int(vector["chainId"]), raw(vector["verifyingContract"]))
    assert KINDS[vector["type"]][1].struct_hash(message) == raw(vector["structHash"])
    digest = domain.digest(message)
    assert digest == raw(vector["digest"])
    signature = eip712.parse_signature(raw(vector["signature"]))
    assert eip712.parse_signature(raw(vector["compactSignature"])) == signature
    assert eip712.recover(digest, signature) == raw(vector["signer"])


@pytest.mark.parametrize("vector", VECTORS["badSignatures"], ids=lambda vector: vector["reason"])
def test_vectors_of_bad_signatures_are_refused(vector):
    with pytest.raises(SignatureError):
        eip712.recover(raw(vector["digest"]), eip712.parse_signature(raw(vector["signature"])))
