"""The curve against Python's integers and libsecp256k1, with edges and degenerate sums."""

import random

import coincurve
import numpy as np
import pytest
from numba import njit

from matcher.kernel import field, known
from matcher.kernel.field import N, P
from matcher.kernel.secp import FORGED, KNOWN
from matcher.kernel.secp_plain import _recover

EDGES = [
    0, 1, 2, P - 2, P - 1, P, P + 1, N - 1, N, N + 1, 2**256 - 1, 2**256 - 2, 2**256 - P,
    2**256 - P - 1, 2**256 - N, 2**255, 2**64 - 1, 2**128 - 1, 2**192, 2**224 - 1,
]  # fmt: skip


@njit
def calculate(at: int) -> None:
    """All operations on the numbers at 0 and 1 of an array at an address."""
    a, b = at, at + 32
    field.mul(at + 64, a, b)
    field.add(at + 96, a, b)
    field.sub(at + 128, a, b)
    field.reduce(at + 160, a)
    field.mul_n(at + 192, a, b)
    field.mul(a, a, a)  # where it stands


def number(words: np.ndarray, place: int) -> int:
    return int.from_bytes(words[4 * place : 4 * place + 4].tobytes(), "little")


def test_numbers_equal_pythons_at_edges_and_at_random():
    rng = random.Random(11)
    pairs = [(a, b) for a in EDGES for b in EDGES]
    pairs += [
        (rng.getrandbits(256), rng.choice([*EDGES, rng.getrandbits(256)])) for _ in range(5000)
    ]
    words = np.zeros(28, np.int64)
    for a, b in pairs:
        words[:8] = known.words_of(a, b)
        calculate(words.ctypes.data)
        assert number(words, 2) % P == a * b % P
        assert number(words, 3) % P == (a + b) % P
        assert number(words, 4) % P == (a - b) % P
        assert number(words, 5) == a % P
        assert number(words, 6) == a * b % N
        assert number(words, 0) % P == a * a % P
        assert number(words, 1) == b


def multiple(scalar: int) -> tuple[int, int]:
    """x and y of a multiple of the base point."""
    x, y = coincurve.PrivateKey((scalar % N).to_bytes(32, "big")).public_key.point()
    return x, y


def table_of(secret: int) -> np.ndarray:
    table = known.aligned(known.KEY_WORDS)
    assert table.ctypes.data % 64 == 0
    known.make_table(known.words_of(*multiple(secret)), known.KEY_BITS, known.CONSTANTS, table)
    return table


BASE = known.base_table()


@pytest.mark.parametrize(
    ("table", "bits", "windows", "secret"),
    [
        (BASE, known.BASE_BITS, known.BASE_WINDOWS, 1),
        (table_of(0xC0FFEE), known.KEY_BITS, known.KEY_WINDOWS, 0xC0FFEE),
    ],
    ids=["base", "key"],
)
def test_table_holds_the_multiples(table, bits, windows, secret):
    entries = 1 << (bits - 1)
    assert table.size == windows * entries * 8
    rng = random.Random(3)
    places = {(w, d) for w in range(windows) for d in (0, 1, entries - 1)}
    places |= {(rng.randrange(windows), rng.randrange(entries)) for _ in range(200)}
    for window, entry in places:
        point = table[8 * (window * entries + entry) :][:8]
        expected = multiple((entry + 1 << bits * window) * secret)
        assert (number(point, 0), number(point, 1)) == expected


def signed_with(u1: int, u2: int, secret: int) -> tuple[bytes, bytes]:
    """A signature of the key whose check is the sum of these multiples, and its digest."""
    x, y = multiple(u1 + u2 * secret)
    r = x % N
    s = r * pow(u2, -1, N) % N
    e = u1 * s % N
    assert r == x
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + (y & 1)]), e.to_bytes(
        32, "big"
    )


def verdicts(signed: list[tuple[bytes, bytes]], tables: list[np.ndarray | None]) -> list[int]:
    raw = np.frombuffer(bytearray().join(signature for signature, _ in signed), np.uint8)
    digests = np.frombuffer(bytearray().join(digest for _, digest in signed), np.int64)
    places = np.array([0 if t is None else t.ctypes.data for t in tables], np.int64)
    found = np.full(len(signed), 9, np.uint8)
    known.verify_known(raw, digests, places, BASE, known.CONSTANTS, found)
    return found.tolist()


def recovers_to(signature: bytes, digest: bytes, secret: int) -> bool:
    _, point = _recover(signature, digest)
    x, y = multiple(secret)
    return point == x.to_bytes(32, "big") + y.to_bytes(32, "big")


SECRETS = [1, 2, 3, 5, N - 1, N // 2, 0xC0FFEE]
SCALARS = [
    1, 2, 5, 31, 32, 33, 63, 64, 255, 256, 257, 511, 512, N - 1, N - 2, N - 32, N // 2, 2**255,
    2**256 % N, 2**252 - 1, (1 << 192) - 1, int("20" * 32, 16) % N, int("55" * 32, 16) % N,
]  # fmt: skip


def test_sums_that_the_formulas_do_not_cover_are_left_to_recovery_and_others_are_known():
    """Small keys and scalars make partial sums meet, cancel, or be nothing."""
    asked, tables, secrets = [], [], []
    for secret in SECRETS:
        table = table_of(secret)
        for u1 in [0, *SCALARS]:
            for u2 in SCALARS:
                if (u1 + u2 * secret) % N:
                    asked.append(signed_with(u1, u2, secret))
                    tables.append(table)
                    secrets.append(secret)
    found = verdicts(asked, tables)
    assert all(recovers_to(*one, secret) for one, secret in zip(asked, secrets, strict=True))
    assert set(found) == {KNOWN, FORGED}
    assert found.count(KNOWN) > 0.8 * len(found)
    of_no_account = [found[i] for i, secret in enumerate(secrets) if secret == 0xC0FFEE]
    assert set(of_no_account) == {KNOWN}


def test_forged_signatures_whose_sums_meet_or_cancel_are_not_known_and_hurt_no_neighbor():
    """Where sums meet, careless formulas end at (0, 0, 0), which is on every curve."""
    rng = random.Random(6)
    asked, tables, forged = [], [], []
    for secret in (1, 2, N - 1, N - 2):
        table = table_of(secret)
        for scalar in (1, 2, 5, 31, 256, 2**40, 2**250 + 3):
            for u1 in (scalar * secret % N, -scalar * secret % N):
                for v in (27, 28):
                    r = rng.randrange(1, N)
                    s = r * pow(scalar, -1, N) % N
                    parts = (r.to_bytes(32, "big"), s.to_bytes(32, "big"), bytes([v]))
                    asked.append((b"".join(parts), (u1 * s % N).to_bytes(32, "big")))
                    asked.append(signed_with(rng.randrange(1, N), rng.randrange(1, N), secret))
                    tables += [table, table]
                    forged += [True, False]
    found = verdicts(asked, tables)
    assert found == [FORGED if wrong else KNOWN for wrong in forged]


def test_what_recovery_would_not_give_is_never_known():
    rng = random.Random(5)
    table = table_of(0xC0FFEE)
    asked = []
    for _ in range(60):
        signature, digest = signed_with(rng.randrange(1, N), rng.randrange(1, N), 0xC0FFEE)
        r, s, v = signature[:32], signature[32:64], signature[64:]
        bit = (1 << rng.randrange(256)).to_bytes(32, "big")

        def flipped(value: bytes, bit: bytes = bit) -> bytes:
            return bytes(a ^ b for a, b in zip(value, bit, strict=True))

        other_s = (N - int.from_bytes(s, "big")).to_bytes(32, "big")
        asked += [
            (r + s + bytes([55 - v[0]]), digest),
            (r + s + bytes([v[0] + 2]), digest),
            (r + s + bytes([v[0] - 27]), digest),
            (flipped(r) + s + v, digest),
            (r + flipped(s) + v, digest),
            (r + s + v, flipped(digest)),
            (r + other_s + v, digest),
            (bytes(32) + s + v, digest),
            (r + bytes(32) + v, digest),
            (N.to_bytes(32, "big") + s + v, digest),
            (r + N.to_bytes(32, "big") + v, digest),
            (r + b"\xff" * 32 + v, digest),
            (r + s + v, digest),
        ]
    found = verdicts(asked, [table] * len(asked))
    assert found == ([FORGED] * 12 + [KNOWN]) * 60
    untried = verdicts(asked, [None] * len(asked))
    assert set(untried) == {FORGED}


def test_twin_of_a_signature_is_known_as_recovery_knows_it():
    """(r, n - s) with the other v: the edge refuses it, the curve does not."""
    signature, digest = signed_with(12345, 67890, 0xC0FFEE)
    s = N - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    assert recovers_to(twin, digest, 0xC0FFEE)
    assert verdicts([(twin, digest)] * 2, [table_of(0xC0FFEE)] * 2) == [KNOWN] * 2


def test_table_of_another_key_knows_nothing():
    signature, digest = signed_with(12345, 67890, 0xC0FFEE)
    wrong = [table_of(0xC0FFED), table_of(N - 0xC0FFEE), np.zeros(known.KEY_WORDS, np.int64)]
    junk = np.frombuffer(random.Random(9).randbytes(8 * known.KEY_WORDS), np.int64)
    tables = [*wrong, junk, table_of(0xC0FFEE)]
    assert verdicts([(signature, digest)] * 5, tables) == [FORGED] * 4 + [KNOWN]
