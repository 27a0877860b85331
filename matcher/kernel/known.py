"""Signatures of keys that are known: verified from tables of the key's multiples.

A signature (r, s, v) of digest e was made by key P if u1 * G + u2 * P, with u1 = e / s and
u2 = r / s modulo n, is the point R whose x is r and whose y is odd as v says. That is the same as
saying that recovery from (r, s, v) gives P. libsecp256k1 verifies without looking at v, and
recovers any key; both multiply P, which it has not seen before. Here the multiples of P that a sum
can need stand in a table, so nothing is doubled, and a third of the time remains.

What is verified here, recovery would have answered alike: the x that was computed equals the r that
was sent, in all 256 bits, and y is as v says. Anything else, be it a wrong key, a forged signature
or a sum that the formulas do not cover, is left to recovery. So no table, however wrong, makes a
signature anybody's.

A table is windows of multiples: entry d of window i is (d + 1) * 2^(bits * i) times the point,
x and y, 64 bytes. Digits are signed, from -2^(bits - 1) to 2^(bits - 1).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from matcher.kernel import secp_plain
from matcher.kernel.compiled import compiled
from matcher.kernel.field import NUMBER_BYTES, N, P, add, mul, mul_n, reduce, sub
from matcher.kernel.memory import called, prefetch
from matcher.kernel.secp_plain import FORGED, KNOWN
from matcher.kernel.signed import SIGNATURE_BYTES

KEY_BITS: Final = 6
BASE_BITS: Final = 9
_POINT_WORDS: Final = 8  # x, y
_WORDS: Final = 4
_SCALAR_BITS: Final = 257  # and the carry of the last signed digit
_LOWEST_V: Final = 27
_BASE: Final = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def _windows(bits: int) -> int:
    return -(-_SCALAR_BITS // bits)


KEY_WINDOWS: Final = _windows(KEY_BITS)
BASE_WINDOWS: Final = _windows(BASE_BITS)
KEY_WORDS: Final = KEY_WINDOWS * _POINT_WORDS << (KEY_BITS - 1)  # of a table
BASE_WORDS: Final = BASE_WINDOWS * _POINT_WORDS << (BASE_BITS - 1)

# Places in the constants, in numbers.
_ZERO, _ONE, _P_LESS_2, _N_LESS_2 = range(4)


def words_of(*numbers: int) -> NDArray[np.int64]:
    """Numbers as the kernel has them."""
    joined = b"".join(number.to_bytes(NUMBER_BYTES, "little") for number in numbers)
    return np.frombuffer(bytearray(joined), np.int64)


def aligned(words: int) -> NDArray[np.int64]:
    """Zeros that begin where a line of the cache does, as every entry of a table then will."""
    room = np.zeros(words + _POINT_WORDS, np.int64)
    skipped = -room.ctypes.data % (8 * _POINT_WORDS) // 8
    return room[skipped : skipped + words]


CONSTANTS: Final = words_of(0, 1, P - 2, N - 2)

# --- numbers -------------------------------------------------------------------------------------


@called
def _copy(target: NDArray[np.int64], at: int, source: NDArray[np.int64], start: int) -> None:
    for i in range(_WORDS):
        target[at + i] = source[start + i]


@called
def _same(a: NDArray[np.int64], i: int, b: NDArray[np.int64], j: int) -> bool:
    different = np.int64(0)
    for k in range(_WORDS):
        different |= a[i + k] ^ b[j + k]
    return bool(different == 0)


@called
def _read(target: NDArray[np.int64], at: int, data: NDArray[np.uint8], start: int) -> None:
    """32 bytes, the highest first, as a number."""
    for word in range(_WORDS):
        value = np.int64(0)
        for byte in range(8):
            value = value << 8 | np.int64(data[start + 8 * (_WORDS - 1 - word) + byte])
        target[at + word] = value


@called
def _power_p(out: int, a: int, exponent: NDArray[np.int64], at: int) -> None:
    """The inverse of a, its power of p - 2; `out` is not `a`."""
    first = True
    for bit in range(255, -1, -1):
        if not first:
            mul(out, out, out)
        if exponent[at + (bit >> 6)] >> (bit & 63) & 1:
            if first:
                sub(out, a, exponent.ctypes.data)  # a - 0
                first = False
            else:
                mul(out, out, a)


@called
def _power_n(out: int, a: int, exponent: NDArray[np.int64], at: int) -> None:
    """The inverse of a modulo n, its power of n - 2; `out` is not `a`."""
    one = exponent.ctypes.data + _ONE * NUMBER_BYTES
    mul_n(out, one, one)
    for bit in range(255, -1, -1):
        mul_n(out, out, out)
        if exponent[at + (bit >> 6)] >> (bit & 63) & 1:
            mul_n(out, out, a)


# --- points --------------------------------------------------------------------------------------


@called
def _double(p: int, t: int) -> None:
    """Twice a point (X, Y, Z) that is not at infinity, in place; `t` is 4 numbers of scratch."""
    x, y, z = p, p + 32, p + 64
    a, b, c, d = t, t + 32, t + 64, t + 96
    mul(a, x, x)
    mul(b, y, y)
    mul(c, b, b)
    add(d, x, b)
    mul(d, d, d)
    sub(d, d, a)
    sub(d, d, c)
    add(d, d, d)  # 2 * ((X + Y^2)^2 - X^2 - Y^4)
    add(b, a, a)
    add(a, a, b)  # 3 * X^2
    mul(z, y, z)
    add(z, z, z)
    mul(x, a, a)
    sub(x, x, d)
    sub(x, x, d)
    sub(d, d, x)
    mul(y, a, d)
    for _ in range(3):
        add(c, c, c)
    sub(y, y, c)


@called
def _plus(p: int, x2: int, y2: int, t: int, scratch: NDArray[np.int64]) -> bool:
    """Add a point (x, y) to (X, Y, Z), in place; False, and p is lost, if their x are the same.

    `t` is the address of `scratch`, 5 numbers.
    """
    x, y, z = p, p + 32, p + 64
    h, r, hh, v, w = t, t + 32, t + 64, t + 96, t + 128
    mul(hh, z, z)
    mul(h, x2, hh)
    sub(h, h, x)
    mul(r, z, hh)
    mul(r, r, y2)
    sub(r, r, y)
    mul(hh, h, h)
    mul(v, x, hh)
    mul(w, h, hh)
    mul(x, r, r)
    sub(x, x, w)
    sub(x, x, v)
    sub(x, x, v)
    sub(v, v, x)
    mul(v, v, r)
    mul(w, w, y)
    sub(y, v, w)
    mul(z, z, h)
    reduce(h, h)
    return bool((scratch[0] | scratch[1] | scratch[2] | scratch[3]) != 0)


@compiled("void(int64[::1], int64, int64[::1], int64[::1])", secp_plain.no_table)
def make_table(
    point: NDArray[np.int64], bits: int, constants: NDArray[np.int64], table: NDArray[np.int64]
) -> None:
    """Multiples of a point.

    Parameters
    ----------
    point : array of int64, shape (8,)
        x and y, on the curve.
    bits : int
        Of a digit.
    constants : array of int64
        `CONSTANTS`.
    table : array of int64, shape (windows * 2^(bits - 1) * 8,)
        Written.
    """
    entries = 1 << (bits - 1)
    sums = np.empty((entries + 1) * 3 * _WORDS, np.int64)  # X, Y, Z of each, and of the next base
    products = np.empty((entries + 1) * _WORDS, np.int64)
    scratch, base = np.empty(8 * _WORDS, np.int64), np.empty(2 * _WORDS, np.int64)
    t, one = scratch.ctypes.data, constants.ctypes.data + _ONE * NUMBER_BYTES
    base[:] = point
    for start in range(0, table.size, entries * _POINT_WORDS):
        _copy(sums, 0, base, 0)
        _copy(sums, _WORDS, base, _WORDS)
        _copy(sums, 2 * _WORDS, constants, _ONE * _WORDS)
        for d in range(1, entries + 1):
            here = 3 * _WORDS * d
            for part in range(3):
                _copy(sums, here + part * _WORDS, sums, here + (part - 3) * _WORDS)
            address = sums.ctypes.data + 8 * here
            if d in (1, entries):
                _double(address, t)
            else:
                _plus(address, base.ctypes.data, base.ctypes.data + 32, t, scratch)
        # One inversion for all: products of the Z before each.
        mul(products.ctypes.data, one, one)
        for d in range(entries):
            z = sums.ctypes.data + 96 * d + 64
            mul(products.ctypes.data + 32 * (d + 1), products.ctypes.data + 32 * d, z)
        last = sums.ctypes.data + 96 * entries + 64
        mul(t, products.ctypes.data + 32 * entries, last)
        inverse, own, square = t + 32, t + 64, t + 96
        _power_p(inverse, t, constants, _P_LESS_2 * _WORDS)
        for d in range(entries, -1, -1):
            x = sums.ctypes.data + 96 * d
            mul(own, inverse, products.ctypes.data + 32 * d)
            mul(inverse, inverse, x + 64)
            mul(square, own, own)
            mul(x, x, square)
            mul(square, square, own)
            mul(x + 32, x + 32, square)
            reduce(x, x)
            reduce(x + 32, x + 32)
            if d == entries:
                for part in range(2):
                    _copy(base, part * _WORDS, sums, 3 * _WORDS * d + part * _WORDS)
            else:
                for part in range(2):
                    at = start + d * _POINT_WORDS + part * _WORDS
                    _copy(table, at, sums, 3 * _WORDS * d + part * _WORDS)


# --- sums ----------------------------------------------------------------------------------------


@called
def _find(
    terms: NDArray[np.int64], count: int, scalar: NDArray[np.int64], at: int, bits: int, table: int
) -> int:
    """Where the multiples stand whose sum is a scalar's: addresses, negative for what is taken off.

    Written: `terms` from `count` on; how many there are by now is returned.
    """
    entries, mask, carry = 1 << (bits - 1), (1 << bits) - 1, 0
    for first in range(0, _SCALAR_BITS, bits):
        digit = carry
        word, shift = first >> 6, first & 63
        if word < _WORDS:
            low = scalar[at + word] >> shift
            if shift:
                low &= (1 << (64 - shift)) - 1
                if shift + bits > 64 and word + 1 < _WORDS:
                    low |= scalar[at + word + 1] << (64 - shift)
            digit += low & mask
        carry = 0
        if digit > entries:
            digit -= 1 << bits
            carry = 1
        if digit:
            entry = table + 64 * (abs(digit) - 1)
            prefetch(entry)
            terms[count] = entry if digit > 0 else -entry
            count += 1
        table += 64 * entries
    return count


@called
def _sum(
    p: NDArray[np.int64],
    terms: NDArray[np.int64],
    count: int,
    constants: NDArray[np.int64],
    scratch: NDArray[np.int64],
) -> bool:
    """Add up multiples. Written: p; False, and p is nothing, if the formulas do not cover it."""
    negative = scratch.ctypes.data + 7 * NUMBER_BYTES
    for i in range(count):
        x = abs(terms[i])
        y = x + 32
        if terms[i] < 0:
            sub(negative, constants.ctypes.data, y)
            y = negative
        if i == 0:
            sub(p.ctypes.data, x, constants.ctypes.data)
            sub(p.ctypes.data + 32, y, constants.ctypes.data)
            _copy(p, 2 * _WORDS, constants, _ONE * _WORDS)
        elif not _plus(p.ctypes.data, x, y, scratch.ctypes.data, scratch):
            return False
    return count > 0


@compiled(
    "void(uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1], uint8[::1])",
    secp_plain.verify_nobody,
    nogil=True,
)
def verify_known(
    signatures: NDArray[np.uint8],
    digests: NDArray[np.int64],
    tables: NDArray[np.int64],
    base: NDArray[np.int64],
    constants: NDArray[np.int64],
    verdicts: NDArray[np.uint8],
) -> None:
    """Which signatures were made by the keys that are thought to have made them.

    Parameters
    ----------
    signatures : array of uint8, shape (65 * n,)
        r, s, v of each.
    digests : array of int64, shape (4 * n,)
        Nodes: what was signed.
    tables : array of int64, shape (n,)
        Addresses of the tables, from `make_table`, that each is tried with; 0 for none.
    base : array of int64, shape (BASE_WORDS,)
        The table of the curve's base point.
    constants : array of int64
        `CONSTANTS`.
    verdicts : array of uint8, shape (n,)
        Written: `KNOWN`, or `FORGED` where recovery has to say.
    """
    count = tables.size
    bytes_of_digests = digests.view(np.uint8)
    one = constants.ctypes.data + _ONE * NUMBER_BYTES
    # Of each: r, s, Y, Z. A product before each, and one more.
    numbers = np.empty(4 * _WORDS * count, np.int64)
    products = np.empty(_WORDS * (count + 1), np.int64)
    scratch = np.empty(8 * _WORDS, np.int64)
    u, p = np.empty(3 * _WORDS, np.int64), np.empty(3 * _WORDS, np.int64)
    terms = np.empty(KEY_WINDOWS + BASE_WINDOWS, np.int64)
    inverse, t = u.ctypes.data + 64, scratch.ctypes.data
    scalars = products.ctypes.data

    mul_n(scalars, one, one)
    for i in range(count):
        verdicts[i] = FORGED
        row, following = numbers.ctypes.data + 128 * i, scalars + 32 * (i + 1)
        mul_n(following, scalars + 32 * i, one)
        if not tables[i]:
            continue
        _read(numbers, 16 * i, signatures, SIGNATURE_BYTES * i)
        _read(numbers, 16 * i + 4, signatures, SIGNATURE_BYTES * i + 32)
        sound = True
        for part in range(2):  # from 1 to n - 1, both
            mul_n(t, row + 32 * part, one)
            there = 16 * i + 4 * part
            sound = sound and _same(scratch, 0, numbers, there)
            sound = sound and not _same(numbers, there, constants, _ZERO)
        if sound:
            verdicts[i] = KNOWN  # so far
            mul_n(following, scalars + 32 * i, row + 32)
    _power_n(inverse, scalars + 32 * count, constants, _N_LESS_2 * _WORDS)

    for i in range(count - 1, -1, -1):
        if verdicts[i] != KNOWN:
            continue
        row = numbers.ctypes.data + 128 * i
        mul_n(t, inverse, scalars + 32 * i)  # 1 / s
        mul_n(inverse, inverse, row + 32)
        _read(u, 0, bytes_of_digests, NUMBER_BYTES * i)
        mul_n(u.ctypes.data, u.ctypes.data, t)
        mul_n(u.ctypes.data + 32, row, t)
        found = _find(terms, 0, u, 0, BASE_BITS, base.ctypes.data)
        found = _find(terms, found, u, _WORDS, KEY_BITS, tables[i])
        if not _sum(p, terms, found, constants, scratch):
            verdicts[i] = FORGED
            continue
        mul(t, p.ctypes.data + 64, p.ctypes.data + 64)
        mul(t, t, row)  # r * Z^2
        reduce(t, t)
        reduce(t + 32, p.ctypes.data)
        if not _same(scratch, 0, scratch, _WORDS):
            verdicts[i] = FORGED
            continue
        _copy(numbers, 16 * i + 8, p, _WORDS)
        _copy(numbers, 16 * i + 12, p, 2 * _WORDS)

    mul(scalars, one, one)
    for i in range(count):
        z = numbers.ctypes.data + 128 * i + 96 if verdicts[i] == KNOWN else one
        mul(scalars + 32 * (i + 1), scalars + 32 * i, z)
    _power_p(inverse, scalars + 32 * count, constants, _P_LESS_2 * _WORDS)
    for i in range(count - 1, -1, -1):
        if verdicts[i] != KNOWN:
            continue
        y, z = numbers.ctypes.data + 128 * i + 64, numbers.ctypes.data + 128 * i + 96
        mul(t, inverse, scalars + 32 * i)
        mul(inverse, inverse, z)
        mul(t + 32, t, t)
        mul(t, t, t + 32)
        mul(t, t, y)
        reduce(t, t)
        v = np.int64(signatures[SIGNATURE_BYTES * i + 64])
        if v != _LOWEST_V + (scratch[0] & 1):
            verdicts[i] = FORGED


def base_table() -> NDArray[np.int64]:
    """The table of the base point: some 480 kB, made in milliseconds."""
    table = aligned(BASE_WORDS)
    make_table(words_of(*_BASE), BASE_BITS, CONSTANTS, table)
    return table
