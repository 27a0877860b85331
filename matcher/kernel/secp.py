"""Who signed: libsecp256k1, called from compiled code without the interpreter or its lock.

The library is the one inside coincurve. A compiled loop calls its functions at their addresses, so
that a thread recovers thousands of signers and never asks Python for anything. The functions only
read the library's static context, which it never frees, and write what the caller owns: any number
of threads may be in here.

`secp_plain` says the same through coincurve, and stands in where numba compiles nothing
(``NUMBA_DISABLE_JIT=1``).
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from coincurve._libsecp256k1 import ffi, lib
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from matcher.kernel import secp_plain
from matcher.kernel.compiled import compiled
from matcher.kernel.keccak import NODE_BYTES, hash_messages
from matcher.kernel.secp_plain import ADDRESS_BYTES, FORGED, KNOWN, SIGNED, ZERO
from matcher.kernel.signed import SIGNATURE_BYTES

__all__ = ["ADDRESS_BYTES", "FORGED", "KNOWN", "LIBRARY", "SIGNED", "ZERO", "recover_signers"]

_PARSE, _RECOVER, _SERIALIZE, _CONTEXT = range(4)
_NAMES: Final = (
    "secp256k1_ecdsa_recoverable_signature_parse_compact",
    "secp256k1_ecdsa_recover",
    "secp256k1_ec_pubkey_serialize",
)
_UNCOMPRESSED: Final = 2  # SECP256K1_EC_UNCOMPRESSED
_PUBLIC_BYTES: Final = 65  # 4, x, y
_OPAQUE_BYTES: Final = 72  # more than a parsed signature (65) and a parsed key (64) take
_LOWEST_V: Final = 27

_I64: Final = ir.IntType(64)
_I32: Final = ir.IntType(32)


def _instruction(emitter: Callable[..., Any]) -> Any:
    """A function for compiled code that is emitted, not written; numba knows no types here."""
    return intrinsic(emitter)


def _address(pointer: Any) -> int:
    return int(ffi.cast("intptr_t", pointer))


# Where the library was loaded differs from run to run: addresses are told, never compiled in.
LIBRARY: Final = np.array(
    [
        *(_address(ffi.addressof(lib, name)) for name in _NAMES),
        _address(lib.secp256k1_context_static),
    ],
    np.int64,
)


def _call(builder: Any, arguments: Any, kinds: tuple[Any, ...]) -> Any:
    """Call the function at the first argument: an int of C, as int64."""
    function = builder.inttoptr(arguments[0], ir.FunctionType(_I32, kinds).as_pointer())
    values = [
        value if kind is _I64 else builder.trunc(value, kind)
        for value, kind in zip(arguments[1:], kinds, strict=True)
    ]
    return builder.sext(builder.call(function, values), _I64)


@_instruction
def _call_parse(
    _context: Any, _function: Any, _library: Any, _out: Any, _signature: Any, _v: Any
) -> Any:
    """(function, context, out, 64 bytes, recovery id)."""

    def emit(_codegen: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _call(builder, arguments, (_I64, _I64, _I64, _I32))

    return types.int64(*[types.int64] * 5), emit


@_instruction
def _call_recover(
    _context: Any, _function: Any, _library: Any, _out: Any, _parsed: Any, _digest: Any
) -> Any:
    """(function, context, out, parsed signature, digest)."""

    def emit(_codegen: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _call(builder, arguments, (_I64, _I64, _I64, _I64))

    return types.int64(*[types.int64] * 5), emit


@_instruction
def _call_serialize(
    _context: Any, _function: Any, _library: Any, _out: Any, _size: Any, _key: Any, _form: Any
) -> Any:
    """(function, context, out, where its size stands, parsed key, form)."""

    def emit(_codegen: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _call(builder, arguments, (_I64, _I64, _I64, _I64, _I32))

    return types.int64(*[types.int64] * 6), emit


@compiled("void(uint8[::1], uint8[::1], uint8[::1])")
def _addresses(
    points: NDArray[np.uint8], signers: NDArray[np.uint8], verdicts: NDArray[np.uint8]
) -> None:
    """Addresses of public keys: the last 20 bytes of the hash of x and y."""
    count = verdicts.size
    starts = np.arange(count) * (_PUBLIC_BYTES - 1)
    lengths = np.full(count, _PUBLIC_BYTES - 1, np.int64)
    nodes = np.empty(count * NODE_BYTES // 8, np.int64)
    hash_messages(points, starts, lengths, nodes, 0)
    hashes = nodes.view(np.uint8)
    for i in range(count):
        if verdicts[i] != SIGNED:
            continue
        any_bit = 0
        for j in range(ADDRESS_BYTES):
            byte = hashes[i * NODE_BYTES + NODE_BYTES - ADDRESS_BYTES + j]
            signers[i * ADDRESS_BYTES + j] = byte
            any_bit |= byte
        if not any_bit:
            verdicts[i] = ZERO


@compiled(
    "void(int64[::1], uint8[::1], int64[::1], uint8[::1], uint8[::1], uint8[::1])",
    secp_plain.recover_signers,
    nogil=True,
)
def recover_signers(
    library: NDArray[np.int64],
    signatures: NDArray[np.uint8],
    digests: NDArray[np.int64],
    signers: NDArray[np.uint8],
    points: NDArray[np.uint8],
    verdicts: NDArray[np.uint8],
) -> None:
    """Addresses that made signatures.

    Parameters
    ----------
    library : array of int64
        `LIBRARY`.
    signatures : array of uint8, shape (65 * n,)
        r, s and v of each, r and s within their range; v other than 27 and 28 is `FORGED`.
    digests : array of int64, shape (4 * n,)
        Nodes: what was signed.
    signers : array of uint8, shape (20 * n,)
        Written where the verdict is `SIGNED`.
    points : array of uint8, shape (64 * n,)
        Written likewise: public keys, x and y.
    verdicts : array of uint8, shape (n,)
        `KNOWN` is let be, the rest is written: `SIGNED`; `FORGED`, no key could have made it;
        `ZERO`, recovers to address zero.
    """
    count = verdicts.size
    parsed, key = np.empty(_OPAQUE_BYTES, np.uint8), np.empty(_OPAQUE_BYTES, np.uint8)
    public, size = np.empty(_PUBLIC_BYTES, np.uint8), np.empty(1, np.int64)
    context = library[_CONTEXT]
    for i in range(count):
        signature = signatures.ctypes.data + i * SIGNATURE_BYTES
        odd = np.int64(signatures[i * SIGNATURE_BYTES + SIGNATURE_BYTES - 1]) - _LOWEST_V
        if verdicts[i] == KNOWN:
            continue
        verdicts[i] = FORGED
        # The library ends the process if it is asked for another recovery id.
        if odd < 0 or odd > 1:
            continue
        if not _call_parse(library[_PARSE], context, parsed.ctypes.data, signature, odd):
            continue
        digest = digests.ctypes.data + i * NODE_BYTES
        if not _call_recover(
            library[_RECOVER], context, key.ctypes.data, parsed.ctypes.data, digest
        ):
            continue
        size[0] = _PUBLIC_BYTES
        _call_serialize(
            library[_SERIALIZE],
            context,
            public.ctypes.data,
            size.ctypes.data,
            key.ctypes.data,
            _UNCOMPRESSED,
        )
        for j in range(_PUBLIC_BYTES - 1):
            points[i * (_PUBLIC_BYTES - 1) + j] = public[1 + j]
        verdicts[i] = SIGNED
    _addresses(points, signers, verdicts)
