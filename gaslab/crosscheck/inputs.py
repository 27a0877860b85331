"""Inputs for precompiled contracts: valid, nearly valid and not valid at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from random import Random

import coincurve

# Weights say how often: what maps to a curve takes tens of milliseconds in plain Python.
BY_FORK = {
    "cancun": tuple(range(0x01, 0x0A)),
    "prague": tuple(range(0x01, 0x0A)) * 4 + tuple(range(0x0B, 0x10)) * 3 + (0x10, 0x11),
    "osaka": tuple(range(0x01, 0x0A)) * 4
    + tuple(range(0x0B, 0x10)) * 3
    + (0x10, 0x11, *[0x100] * 6),
}
BY_FORK["amsterdam-draft"] = BY_FORK["osaka"]
POINT_EVALUATION = 0x0A

_BN_FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
_BLS_GENERATOR = (
    0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
    0x08B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
)
# RFC 6979, A.2.5, SHA-256 of "sample": digest, r, s, x, y.
_P256 = (
    0xAF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF,
    0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
    0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
)


def words(*values: int) -> bytes:
    """Numbers of 32 bytes each."""
    return b"".join(value.to_bytes(32, "big") for value in values)


def precompile_input(rng: Random, number: int) -> bytes:
    """Something for the precompile at this address; one in eight is cut short or damaged."""
    made = _MAKERS[number](rng)
    if made and rng.random() < 0.125:
        if rng.random() < 0.5:
            return made[: rng.randrange(len(made))]
        at = rng.randrange(len(made))
        return made[:at] + bytes([rng.randrange(256)]) + made[at + 1 :]
    return made


def plain_input(number: int) -> bytes:
    """A valid input, the same every time."""
    return _MAKERS[number](Random(number))


def _point_evaluation(_: Random) -> bytes:
    """The proof that the polynomial zero is zero at 5: all points lie at infinity."""
    infinity = b"\xc0" + bytes(47)
    versioned = b"\x01" + hashlib.sha256(infinity).digest()[1:]
    return versioned + words(5, 0) + infinity + infinity


def _bytes(rng: Random) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 31, 32, 33, 64, 100, 200)))


def _ecrecover(rng: Random) -> bytes:
    digest = rng.randbytes(32)
    signed = coincurve.PrivateKey(bytes(31) + b"\x2a").sign_recoverable(digest, hasher=None)
    return digest + words(signed[64] + 27) + signed[:64]


def _modexp(rng: Random) -> bytes:
    base, exponent, modulus = (rng.choice((0, 1, 8, 31, 32, 33, 40, 96)) for _ in range(3))
    if rng.random() < 0.05:
        base = rng.choice((1_024, 1_025, 1 << 200))
    if rng.random() < 0.05:
        exponent = rng.choice((1_024, 1_025))
    body = rng.randbytes(min(base, 200) + min(exponent, 200) + modulus)
    return words(base, exponent, modulus) + body


def _bn_point(rng: Random) -> tuple[int, int]:
    return rng.choice(((0, 0), (1, 2), (1, _BN_FIELD - 2), (1, 3)))


def _ecadd(rng: Random) -> bytes:
    return words(*_bn_point(rng), *_bn_point(rng))


def _ecmul(rng: Random) -> bytes:
    return words(*_bn_point(rng), rng.getrandbits(rng.choice((1, 16, 256))))


def _ecpairing(rng: Random) -> bytes:
    """Points of the first group paired with infinity, so that no pairing is worked out."""
    return b"".join(words(*_bn_point(rng), 0, 0, 0, 0) for _ in range(rng.randrange(4)))


def _blake2f(rng: Random) -> bytes:
    rounds = rng.choice((0, 1, 12, 40))
    return rounds.to_bytes(4, "big") + rng.randbytes(208) + bytes([rng.randrange(2)])


def _g1(rng: Random) -> bytes:
    if rng.random() < 0.9:
        return bytes(128)
    return b"".join(value.to_bytes(64, "big") for value in _BLS_GENERATOR)


def _g1_add(rng: Random) -> bytes:
    return _g1(rng) + _g1(rng)


def _g1_mul(rng: Random) -> bytes:
    return b"".join(_g1(rng) + words(rng.getrandbits(16)) for _ in range(rng.randrange(1, 5)))


def _g2_add(_: Random) -> bytes:
    return bytes(512)


def _g2_mul(rng: Random) -> bytes:
    return b"".join(bytes(256) + words(rng.getrandbits(16)) for _ in range(rng.randrange(1, 5)))


def _bls_pairing(rng: Random) -> bytes:
    return bytes(384 * rng.randrange(1, 4))


def _map_g1(rng: Random) -> bytes:
    return rng.randrange(1 << 16).to_bytes(64, "big")


def _map_g2(rng: Random) -> bytes:
    return rng.randrange(4).to_bytes(128, "big")


def _p256verify(rng: Random) -> bytes:
    digest, *rest = _P256
    return words(digest ^ rng.choice((0, 0, 1)), *rest)


_MAKERS: dict[int, Callable[[Random], bytes]] = {
    0x01: _ecrecover,
    **dict.fromkeys((0x02, 0x03, 0x04), _bytes),
    0x05: _modexp,
    0x06: _ecadd,
    0x07: _ecmul,
    0x08: _ecpairing,
    0x09: _blake2f,
    POINT_EVALUATION: _point_evaluation,
    0x0B: _g1_add,
    0x0C: _g1_mul,
    0x0D: _g2_add,
    0x0E: _g2_mul,
    0x0F: _bls_pairing,
    0x10: _map_g1,
    0x11: _map_g2,
    0x100: _p256verify,
}
