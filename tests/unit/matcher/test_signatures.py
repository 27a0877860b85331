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
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import eip712
from matcher.errors import SignatureError
from matcher.kernel import digests as kernel
from matcher.kernel import known
from matcher.kernel.secp import FORGED, KNOWN, LIBRARY, SIGNED, ZERO, recover_signers
from matcher.signatures import Answer, Claim, KnownKeys, Recovery, claim, require_signed
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


def batch(claims: list[Claim], recovery: Recovery | None = None) -> list[Answer | str]:
    outcomes: list[Answer | str] = []
    found = (recovery or Recovery(DOMAIN)).answer(claims)
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
    signers, points = np.zeros(20, np.uint8), np.zeros(64, np.uint8)
    raw = np.frombuffer(bytearray(signature), np.uint8)
    recover_signers(LIBRARY, raw, digest, signers, points, verdicts)
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
    recovery = Recovery(DOMAIN, KnownKeys(tables=2, after=2))  # they tear at it
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert list(pool.map(lambda part: batch(part, recovery), parts)) == expected


def test_signer_is_the_address_that_eth_account_names():
    wallet = Account.from_key(b"\x11" * 32)
    order = Order(7, "BTC-26MAR27-100000-C", True, 1500, 10, 4097, 1790000000, 1)
    signed = wallet.sign_message(encode_typed_data(full_message=DOMAIN.typed_data(order)))
    (found,) = batch([claim(order, bytes(signed.signature))])
    assert found.signer.hex() == wallet.address[2:].lower()


# --- keys that are known ------------------------------------------------------------------------

few = st.sampled_from([7, 8])
by_few = st.builds(Order, few, symbols, st.booleans(), u64, u64, u44, u40, st.integers(0, 15))
sent = st.tuples(by_few, st.sampled_from(KEYS[:3]), st.integers(0, 9))


@settings(deadline=None)  # tables are made meanwhile
@given(st.lists(st.lists(sent, max_size=12), max_size=6), st.integers(1, 3), st.integers(1, 3))
def test_known_keys_never_change_an_answer(parts, tables, after):
    keys = KnownKeys(tables, after)
    recovery = Recovery(DOMAIN, keys)
    for part in parts:
        claims = [claim(order, tampered(sign(order, key), how)) for order, key, how in part]
        assert batch(claims, recovery) == [one_by_one(asked) for asked in claims]
        keys.settle()
        assert len(keys) <= tables


def spied(monkeypatch) -> list[tuple[int, int]]:
    """(tried, known) of every call that tries known keys."""
    seen = []
    original = known.verify_known

    def verify(signatures, digests, tables, base, constants, verdicts):
        original(signatures, digests, tables, base, constants, verdicts)
        seen.append((int((tables != 0).sum()), int((verdicts == KNOWN).sum())))

    monkeypatch.setattr(known, "verify_known", verify)
    return seen


def orders_of(account: int, key: coincurve.PrivateKey, count: int, first: int = 0) -> list[Claim]:
    made = [Order(account, "X", True, 1, 1, first + i, 1, 0) for i in range(count)]
    return [claim(order, sign(order, key)) for order in made]


def test_key_that_signed_often_enough_is_known_and_not_recovered(monkeypatch):
    seen = spied(monkeypatch)
    keys = KnownKeys(after=5)
    recovery = Recovery(DOMAIN, keys)
    batch(orders_of(7, KEYS[0], 4), recovery)
    keys.settle()
    assert len(keys) == 0
    batch(orders_of(7, KEYS[0], 4, 4), recovery)
    keys.settle()
    assert len(keys) == 1
    batch(orders_of(7, KEYS[0], 1, 9), recovery)  # sees that there is a table
    assert seen == []
    claims = orders_of(7, KEYS[0], 20, 8) + orders_of(8, KEYS[0], 3)
    assert batch(claims, recovery) == [one_by_one(asked) for asked in claims]
    assert seen == [(20, 20)]  # of the other account nothing is known


def test_nobody_is_known_where_no_key_may_be(monkeypatch):
    seen = spied(monkeypatch)
    keys = KnownKeys(0, after=1)
    recovery = Recovery(DOMAIN, keys)
    for first in (0, 20, 40):
        claims = orders_of(7, KEYS[0], 4, first)
        assert batch(claims, recovery) == [one_by_one(asked) for asked in claims]
        keys.settle()
    assert (seen, len(keys)) == ([], 0)


def test_account_whose_keys_take_turns_is_not_guessed(monkeypatch):
    seen = spied(monkeypatch)
    keys = KnownKeys(after=3)
    recovery = Recovery(DOMAIN, keys)

    def sign_two(key: int, first: int) -> None:
        batch(orders_of(7, KEYS[key], 2, first), recovery)
        keys.settle()

    for turn in range(10):
        sign_two(turn % 2, 2 * turn)
    assert (seen, len(keys)) == ([], 0)
    for turn in range(4):
        sign_two(0, 50 + 2 * turn)
    assert seen == [(2, 2)]  # a table after the second, a guess after the third
    sign_two(1, 90)
    assert seen == [(2, 2), (2, 0)]  # wrong: forgotten
    sign_two(0, 95)
    assert len(seen) == 2


def test_known_key_with_another_v_is_not_its_signature(monkeypatch):
    seen = spied(monkeypatch)
    keys = KnownKeys(after=2)
    recovery = Recovery(DOMAIN, keys)
    for first in (0, 5):
        batch(orders_of(7, KEYS[0], 3, first), recovery)
        keys.settle()
    made = [Order(7, "X", False, 1, 1, i, 1, 0) for i in range(40)]
    claims = [claim(order, tampered(sign(order, KEYS[0]), 0)) for order in made]
    answers = batch(claims, recovery)
    assert answers == [one_by_one(asked) for asked in claims]
    signer = one_by_one(orders_of(7, KEYS[0], 1)[0]).signer
    assert all(one.signer != signer for one in answers)
    assert seen == [(40, 0)]


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
