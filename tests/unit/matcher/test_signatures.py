"""Batches of signatures against one at a time, with and without compiled code, on many threads."""

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import coincurve
import numpy as np
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from matcher import eip712
from matcher.errors import SignatureError
from matcher.kernel import digests as kernel
from matcher.kernel.secp import FORGED, LIBRARY, SIGNED, ZERO, recover_signers
from matcher.signatures import Answer, Claim, answer, claim, require_signed
from matcher.types import AmendTerms, CancelAllTerms, CancelTerms, Order, Transfer, Withdrawal

DOMAIN = eip712.Domain(1337, b"\xab" * 20)
KEYS = [coincurve.PrivateKey(bytes([i]) * 32) for i in range(1, 5)]
u24, u32, u40 = (st.integers(0, 2**bits - 1) for bits in (24, 32, 40))
u44, u64 = st.integers(0, 2**44 - 1), st.integers(0, 2**64 - 1)
symbols = st.sampled_from(["BTC-26MAR27-100000-C", "ETH-1JAN30-5-P", "", "ü" * 40])
orders = st.builds(Order, u24, symbols, st.booleans(), u64, u64, u44, u40, st.integers(0, 255))
messages = st.one_of(
    orders,
    st.builds(Withdrawal, u24, u64, u44, u40),
    st.builds(Transfer, u24, u24, u64, u44, u40),
    st.builds(CancelTerms, u24, u44, u40),
    st.builds(CancelAllTerms, u24, symbols, u40),
    st.builds(AmendTerms, u24, u44, u32, u40),
)


def sign(message, key: coincurve.PrivateKey) -> bytes:
    raw = key.sign_recoverable(DOMAIN.digest(message), hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def tampered(signature: bytes, how: int) -> bytes:
    """The signature as it is, or one that is another's or nobody's."""
    match how:
        case 0:
            return signature[:64] + bytes([55 - signature[64]])
        case 1:
            return bytes(31) + b"\x05" + signature[32:]  # x = 5 is on no curve
        case 2:
            return signature[:32] + bytes(31) + b"\x01" + signature[64:]
    return signature


def one_by_one(asked: Claim) -> Answer | str:
    digest = DOMAIN.digest(asked.message)
    try:
        return Answer(digest, eip712.recover(digest, asked.signature, asked.field), SIGNED)
    except SignatureError as error:
        return f"{error.code.name} {error}"


def batch(claims: list[Claim]) -> list[Answer | str]:
    outcomes: list[Answer | str] = []
    found = answer(DOMAIN, [asked.request for asked in claims])
    for asked, one in zip(claims, found, strict=True):
        assert one.digest == DOMAIN.digest(asked.message)
        try:
            require_signed(asked, one)
            outcomes.append(one)
        except SignatureError as error:
            outcomes.append(f"{error.code.name} {error}")
    return outcomes


@given(st.lists(st.tuples(messages, st.sampled_from(KEYS), st.integers(0, 9)), max_size=20))
def test_batch_of_any_messages_answers_as_one_at_a_time(drawn):
    claims = [
        claim(message, tampered(sign(message, key), how), f"orders[{place}].signature")
        for place, (message, key, how) in enumerate(drawn)
    ]
    assert batch(claims) == [one_by_one(asked) for asked in claims]


def test_claim_with_a_high_s_or_a_strange_v_is_refused():
    order = Order(7, "X", True, 1, 1, 1, 1, 0)
    signature = sign(order, KEYS[0])
    s = eip712.CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    with pytest.raises(SignatureError, match="low s"):
        claim(order, signature[:32] + s.to_bytes(32, "big") + signature[64:])
    with pytest.raises(SignatureError, match="v = 29"):
        claim(order, signature[:64] + b"\x1d")


@pytest.mark.parametrize("v", [0, 1, 2, 3, 26, 29, 30, 31, 255])
def test_recover_with_another_v_is_forged_and_the_process_lives(v):
    order = Order(7, "X", True, 1, 1, 1, 1, 0)
    signature = sign(order, KEYS[0])[:64] + bytes([v])
    verdicts = np.full(1, 9, np.uint8)
    digest = np.frombuffer(DOMAIN.digest(order), np.int64).copy()
    signers = np.zeros(20, np.uint8)
    raw = np.frombuffer(bytearray(signature), np.uint8)
    recover_signers(LIBRARY, raw, digest, signers, verdicts)
    assert verdicts[0] == FORGED
    assert not signers.any()


def test_recover_to_address_zero_is_said():
    asked = claim(Order(7, "X", True, 1, 1, 1, 1, 0), sign(CancelTerms(1, 1, 1), KEYS[0]), "here")
    with pytest.raises(SignatureError, match="here: found the zero address, allowed a signer"):
        require_signed(asked, Answer(bytes(32), bytes(20), ZERO))


@given(st.lists(orders, max_size=20))
def test_digests_of_arrays_of_orders_equal_eth_account(drawn):
    names = sorted({order.instrument for order in drawn})
    hashes = b"".join(eip712.keccak(name.encode()) for name in names)
    fields = np.zeros((len(drawn), kernel.ORDER_FIELDS), np.int64)
    for row, order in zip(fields, drawn, strict=True):
        place = names.index(order.instrument)
        values = (order.account, place, order.buy, order.price, order.quantity)
        values += (order.id, order.expiry, order.flags)
        row[:] = np.array(values, np.uint64).view(np.int64)
    digests = np.empty(4 * len(drawn), np.int64)
    kernel.digest_orders(
        fields,
        np.frombuffer(bytearray(hashes), np.uint8),
        np.frombuffer(bytearray(eip712.MESSAGE_TYPES[Order].type_hash), np.uint8),
        np.frombuffer(bytearray(DOMAIN.prefix), np.uint8),
        digests,
    )
    raw = digests.tobytes()
    for place, order in enumerate(drawn):
        encoded = encode_typed_data(full_message=DOMAIN.typed_data(order))
        expected = eip712.keccak(b"\x19\x01" + encoded.header + encoded.body)
        assert raw[32 * place : 32 * place + 32] == expected == DOMAIN.digest(order)


def claims_of(seed: int, count: int) -> list[Claim]:
    """Orders of random terms; every seventh signature is another's or nobody's."""
    rng = random.Random(seed)
    claims = []
    for place in range(count):
        order = Order(
            rng.randrange(2**24), "BTC-26MAR27-100000-C", rng.random() < 0.5, rng.randrange(2**64),
            rng.randrange(2**32), rng.randrange(2**44), rng.randrange(2**40), rng.randrange(16),
        )  # fmt: skip
        signature = sign(order, rng.choice(KEYS))
        claims.append(claim(order, tampered(signature, place % 7), "signature"))
    return claims


def test_batches_on_many_threads_at_once_answer_as_one_at_a_time():
    parts = [claims_of(seed, 50) for seed in range(8)]
    expected = [[one_by_one(asked) for asked in part] for part in parts]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(batch, parts)) == expected


def test_signer_is_the_address_that_eth_account_names():
    wallet = Account.from_key(b"\x11" * 32)
    order = Order(7, "BTC-26MAR27-100000-C", True, 1500, 10, 4097, 1790000000, 1)
    signed = wallet.sign_message(encode_typed_data(full_message=DOMAIN.typed_data(order)))
    (found,) = batch([claim(order, bytes(signed.signature))])
    assert found.signer.hex() == wallet.address[2:].lower()


SAME = """
import hashlib
from tests.unit.matcher.test_signatures import batch, claims_of
print(hashlib.sha256(repr(batch(claims_of(3, 40))).encode()).hexdigest())
"""


def test_without_compiled_code_the_answers_are_the_same():
    said = [
        subprocess.run(
            [sys.executable, "-c", SAME], env=os.environ | environment, capture_output=True,
            text=True, check=True,
        ).stdout
        for environment in ({}, {"NUMBA_DISABLE_JIT": "1"})
    ]  # fmt: skip
    assert said[0] == said[1]
    assert len(said[0]) == 65
