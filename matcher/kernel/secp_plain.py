"""The batches of `secp`, said plainly: one signature after another, by coincurve."""

from typing import Final

import coincurve
import numpy as np
from numpy.typing import NDArray
from sha3 import keccak_256

from matcher.kernel.signed import SIGNATURE_BYTES

ADDRESS_BYTES: Final = 20

FORGED: Final = 0
SIGNED: Final = 1
ZERO: Final = 2
KNOWN: Final = 3  # signed by the key that was thought to have signed


def recover_signers(
    library: NDArray[np.int64],  # noqa: ARG001 - the compiled twin's shape
    signatures: NDArray[np.uint8],
    digests: NDArray[np.int64],
    signers: NDArray[np.uint8],
    points: NDArray[np.uint8],
    verdicts: NDArray[np.uint8],
) -> None:
    """See `secp.recover_signers`."""
    for i in range(verdicts.size):
        if verdicts[i] == KNOWN:
            continue
        raw = signatures[SIGNATURE_BYTES * i : SIGNATURE_BYTES * (i + 1)].tobytes()
        verdicts[i], point = _recover(raw, digests[4 * i : 4 * i + 4].tobytes())
        if point:
            points[64 * i : 64 * (i + 1)] = np.frombuffer(point, np.uint8)
            signer = keccak_256(point).digest()[12:]
            verdicts[i] = SIGNED if any(signer) else ZERO
            signers[ADDRESS_BYTES * i : ADDRESS_BYTES * (i + 1)] = np.frombuffer(signer, np.uint8)


def _recover(signature: bytes, digest: bytes) -> tuple[int, bytes]:
    if signature[64] not in (27, 28):
        return FORGED, b""
    recoverable = signature[:64] + bytes([signature[64] - 27])
    try:
        key = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception:  # coincurve raises bare Exception and ValueError
        return FORGED, b""
    point: bytes = key.format(compressed=False)[1:]
    return SIGNED, point


def no_table(*_: object) -> None:
    """Stands in for `known.make_table`: nothing compiled, no tables."""


def verify_nobody(*arguments: NDArray[np.uint8]) -> None:
    """Stands in for `known.verify_known`: nobody is known, all is left to recovery."""
    arguments[-1][:] = FORGED
