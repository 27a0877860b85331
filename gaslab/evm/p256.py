"""Signatures on the curve secp256r1 (NIST P-256), verified as EIP-7951 says.

Points are affine pairs, None is the point at infinity. Clarity before speed: one verification is
a few milliseconds.
"""

from __future__ import annotations

Point = tuple[int, int] | None

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def on_curve(x: int, y: int) -> bool:
    """Whether y² = x³ + Ax + B, in canonical coordinates."""
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def add(first: Point, second: Point) -> Point:
    """Sum of two points."""
    if first is None:
        return second
    if second is None:
        return first
    (x1, y1), (x2, y2) = first, second
    if x1 == x2:
        if (y1 + y2) % P == 0:
            return None
        slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) % P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P) % P
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def multiply(point: Point, scalar: int) -> Point:
    """A point added to itself `scalar` times."""
    total: Point = None
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def verify(digest: int, r: int, s: int, x: int, y: int) -> bool:
    """Whether (r, s) is a signature of a digest by the key (x, y)."""
    if not (0 < r < N and 0 < s < N) or (x, y) == (0, 0) or not on_curve(x, y):
        return False
    inverse = pow(s, -1, N)
    found = add(multiply(G, digest * inverse % N), multiply((x, y), r * inverse % N))
    return found is not None and found[0] % N == r
