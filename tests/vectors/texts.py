"""Vectors of symbols and signed messages."""

import random
from datetime import UTC, datetime
from typing import Any

import coincurve

from matcher.errors import ProtocolError, SignatureError
from matcher.reference import messages, symbols, tree
from matcher.types import (
    ORDER_ID_END,
    U24,
    U40,
    U48,
    U64,
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    Report,
    Transfer,
    Withdrawal,
)
from tests.vectors.spelling import Json, hexed, plain, some

# --- symbols ---------------------------------------------------------------


def hours(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, 8, tzinfo=UTC).timestamp()) // 3600


def make_symbols() -> Json:
    rng = random.Random("symbols")
    cases = [
        ("BTC", 0, hours(2027, 3, 26), 100_000),
        ("BTC", 1, hours(2027, 3, 26), 100_000),
        ("ETH", 0, hours(2026, 1, 1), 0),
        ("AB", 1, hours(2028, 2, 29), 1),
        ("12345678", 0, hours(2099, 12, 31), U24),
        ("A1B2C3D4", 1, hours(2000, 1, 1), 10),
        ("26MAR27", 0, hours(2027, 3, 26), 26),
        *(("SOL", month % 2, hours(2030, month, 9 + month), 5 * month) for month in range(1, 13)),
        *(
            (
                "".join(rng.choices("ABCXYZ0189", k=rng.randint(2, 8))),
                rng.randint(0, 1),
                hours(2000, 1, 1) + 24 * rng.randint(0, 36_524),
                some(rng, 24),
            )
            for _ in range(60)
        ),
    ]
    valid = []
    for name, kind, expiry, strike in cases:
        text = symbols.symbol(name, kind, expiry, strike)
        assert symbols.parse(text) == (name, kind, expiry, strike)
        valid.append(
            {
                "name": name,
                "kind": str(kind),
                "expiry": str(expiry),
                "strike": str(strike),
                "symbol": text,
                "hash": hexed(tree.keccak(text.encode())),
            }
        )
    wrong = [
        *("", "BTC", "BTC-26MAR27-100000", "BTC-26MAR27-100000-F", "btc-26MAR27-1-C"),
        *("B-26MAR27-1-C", "BTCBTCBTC-26MAR27-1-C", "BTC-06MAR27-1-C", "BTC-0MAR27-1-C"),
        *("BTC-31FEB27-1-C", "BTC-29FEB27-1-C", "BTC-32MAR27-1-C", "BTC-26Mar27-1-C"),
        *("BTC-26MRZ27-1-C", "BTC-26MAR2027-1-C", "BTC-26MAR27-01-C", "BTC-26MAR27--1-C"),
        *("BTC-26MAR27-1-C ", " BTC-26MAR27-1-C", "BTC-26MAR27-16777216-C", "BTC-26MAR27-1-c"),
        *("BTC-26MAR27-1.0-C", "BTC-26MAR27-1-C\n", "BTC-２6MAR27-1-C"),
    ]
    for text in wrong:
        try:
            symbols.parse(text)
        except ProtocolError:
            continue
        raise AssertionError(text)
    return {"valid": valid, "invalidSymbols": wrong}


# --- digests ---------------------------------------------------------------

CONTRACT = bytes.fromhex("00112233445566778899aabbccddeeff00112233")


def compact(signature: bytes) -> bytes:
    """EIP-2098: the parity in the highest bit of s."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


def sign(key: coincurve.PrivateKey, digest: bytes) -> bytes:
    raw = key.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def make_digests() -> Json:
    rng = random.Random("digests")
    listed = "BTC-26MAR27-100000-C"
    cases: list[Any] = [
        Order(2, listed, True, 1_000_000, 10, 1, 1_800_000_000, 0),
        Order(3, "ETH-1JAN26-0-P", False, 0, 1, ORDER_ID_END - 1, U40, 1),
        Order(U24, "12345678-31DEC99-16777215-C", True, U64, U64, U48, U40, 255),
        Order(0, "", False, 0, 0, 0, 0, 0),
        *(
            Order(2, listed, bool(i % 2), 5000 * i, i, 4096 * i, 10**9, 1 << i % 4)
            for i in range(6)
        ),
        Withdrawal(2, 123_456, 4097, 1_800_000_000),
        Withdrawal(U24, U64, U48, U40),
        Withdrawal(0, 0, 0, 0),
        Transfer(2, 3, 1, 2, 3),
        Transfer(U24, U24, U64, U48, U40),
        Report(1, hours(2027, 3, 26), 95_000_000_000),
        Report(255, U24, U64),
        CancelTerms(2, 77, 1_800_000_000),
        CancelTerms(U24, U48, U40),
        CancelAllTerms(2, listed, 1_800_000_000),
        CancelAllTerms(2, "", 1_800_000_000),
        AmendTerms(2, 77, 5, 1_800_000_000),
        AmendTerms(U24, U48, U64, U40),
    ]
    domains = [(31337, CONTRACT), (1, bytes(19) + b"\x01"), ((1 << 64) + 5, b"\xff" * 20)]
    made = []
    for number, message in enumerate(cases):
        chain_id, contract = domains[number % len(domains)]
        separator = messages.domain_separator(chain_id, contract)
        digest = messages.digest(message, separator)
        key = coincurve.PrivateKey(rng.randbytes(32))
        signature, signer = sign(key, digest), messages.address_of(key.public_key)
        assert messages.recover(digest, signature) == signer
        assert messages.recover(digest, compact(signature)) == signer
        made.append(
            {
                "type": messages.type_name(message),
                "terms": {name: plain(value) for name, value in messages.terms(message).items()},
                "chainId": str(chain_id),
                "verifyingContract": hexed(contract),
                "structHash": hexed(messages.struct_hash(message)),
                "digest": hexed(digest),
                "privateKey": hexed(key.secret),
                "signer": hexed(signer),
                "signature": hexed(signature),
                "compactSignature": hexed(compact(signature)),
            }
        )
    return {
        "domains": [
            {
                "chainId": str(chain_id),
                "verifyingContract": hexed(contract),
                "separator": hexed(messages.domain_separator(chain_id, contract)),
            }
            for chain_id, contract in domains
        ],
        "typeHashes": {
            text.split("(")[0]: hexed(tree.keccak(text.encode()))
            for text in (messages.DOMAIN, *messages.TYPES.values())
        },
        "messages": made,
        "badSignatures": make_bad_signatures(rng),
    }


def make_bad_signatures(rng: random.Random) -> list[Json]:
    digest = tree.keccak(b"a digest")
    good = sign(coincurve.PrivateKey(rng.randbytes(32)), digest)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    mirrored = (messages.CURVE_ORDER - s).to_bytes(32, "big")
    order, zero = messages.CURVE_ORDER.to_bytes(32, "big"), bytes(32)
    off_curve = next(
        x.to_bytes(32, "big") for x in range(1, 100) if not recovers(digest, x.to_bytes(32, "big"))
    )
    cases = [
        ("high s", r + mirrored + bytes([55 - v])),
        ("s one above half", r + (messages.CURVE_ORDER // 2 + 1).to_bytes(32, "big") + b"\x1b"),
        ("v 26", good[:64] + b"\x1a"),
        ("v 29", good[:64] + b"\x1d"),
        ("v 0", good[:64] + bytes([v - 27])),
        ("r zero", zero + good[32:]),
        ("s zero", r + zero + good[64:]),
        ("all zero but v", zero + zero + b"\x1b"),
        ("r the curve's order", order + good[32:]),
        ("s the curve's order", r + order + good[64:]),
        ("r of no point", off_curve + good[32:]),
        ("compact, r of no point", off_curve + compact(good)[32:]),
        ("compact, high s", r + ((1 << 255) - 1).to_bytes(32, "big")),
        ("compact, all zero", bytes(64)),
        ("63 bytes", good[:63]),
        ("66 bytes", good + b"\x00"),
        ("empty", b""),
    ]
    result = []
    for reason, signature in cases:
        try:
            messages.recover(digest, signature)
        except SignatureError:
            result.append(
                {"reason": reason, "digest": hexed(digest), "signature": hexed(signature)}
            )
        else:
            raise AssertionError(reason)
    return result


def recovers(digest: bytes, r: bytes) -> bool:
    try:
        messages.recover(digest, r + (1).to_bytes(32, "big") + b"\x1b")
    except SignatureError:
        return False
    return True
