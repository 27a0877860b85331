"""Precompiled contracts: prices by a schedule; py-evm computes where it computes right."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ckzg import load_trusted_setup, verify_kzg_proof
from eth import precompiles
from eth.exceptions import VMError
from eth.precompiles.bls12_381 import (
    bls12_g1_add,
    bls12_g1_msm,
    bls12_g2_add,
    bls12_g2_msm,
    bls12_map_fp2_to_g2,
    bls12_map_fp_to_g1,
    bls12_pairing_check,
)
from eth.precompiles.bls12_381.constants import G1_MSM_DISCOUNTS, G2_MSM_DISCOUNTS
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH, kzg_to_versioned_hash
from eth.vm.forks.cancun.constants import BLS_MODULUS, FIELD_ELEMENTS_PER_BLOB

from gaslab.evm.p256 import verify
from gaslab.schedule import Schedule

Price = Callable[[bytes], int]
Run = Callable[[Any], Any]

P256VERIFY = 0x100


def address(number: int) -> bytes:
    """Where a precompile is."""
    return number.to_bytes(20, "big")


def precompiles_of(schedule: Schedule) -> dict[bytes, tuple[Price, Run]]:
    """Price and function by address, of all that a schedule prices."""

    def flat(name: str) -> Price:
        gas = schedule[f"precompile.{name}"]
        return lambda data: gas

    def words(name: str) -> Price:
        base, word = schedule[f"precompile.{name}"], schedule[f"precompile.{name}_word"]
        return lambda data: base + word * ((len(data) + 31) // 32)

    def pairs(name: str, size: int) -> Price:
        base, pair = schedule[f"precompile.{name}"], schedule[f"precompile.{name}_pair"]
        return lambda data: base + pair * (len(data) // size)

    table: dict[int, tuple[str, Price, Run]] = {
        0x01: ("ecrecover", flat("ecrecover"), precompiles.ecrecover),
        0x02: ("sha256", words("sha256"), precompiles.sha256),
        0x03: ("ripemd160", words("ripemd160"), precompiles.ripemd160),
        0x04: ("identity", words("identity"), precompiles.identity),
        0x05: ("modexp_minimum", modexp_price(schedule), _modexp(schedule)),
        0x06: ("ecadd", flat("ecadd"), precompiles.ecadd),
        0x07: ("ecmul", flat("ecmul"), precompiles.ecmul),
        0x08: ("ecpairing", pairs("ecpairing", 192), precompiles.ecpairing),
        0x09: ("blake2f_round", _rounds(schedule), precompiles.blake2b_fcompress),
        0x0A: ("point_evaluation", flat("point_evaluation"), _point_evaluation),
        0x0B: ("bls_g1_add", flat("bls_g1_add"), bls12_g1_add),
        0x0C: ("bls_g1_mul", _sum_of_products(schedule, 1), bls12_g1_msm),
        0x0D: ("bls_g2_add", flat("bls_g2_add"), bls12_g2_add),
        0x0E: ("bls_g2_mul", _sum_of_products(schedule, 2), bls12_g2_msm),
        0x0F: ("bls_pairing", pairs("bls_pairing", 384), bls12_pairing_check),
        0x10: ("bls_map_g1", flat("bls_map_g1"), bls12_map_fp_to_g1),
        0x11: ("bls_map_g2", flat("bls_map_g2"), bls12_map_fp2_to_g2),
        P256VERIFY: ("p256verify", flat("p256verify"), _p256verify),
    }
    return {
        address(number): (price, run)
        for number, (name, price, run) in table.items()
        if f"precompile.{name}" in schedule
    }


# --- MODEXP -----------------------------------------------------------------------------------


def _lengths(data: bytes) -> tuple[int, int, int]:
    head = data[:96].ljust(96, b"\0")
    base, exponent, modulus = (int.from_bytes(head[i : i + 32], "big") for i in (0, 32, 64))
    return base, exponent, modulus


def _operand(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size].ljust(size, b"\0"), "big") if size else 0


def modexp_price(schedule: Schedule) -> Price:
    """EIP-2565, or EIP-7883 with EIP-7823's longest operand."""
    least, divisor = schedule["precompile.modexp_minimum"], schedule["precompile.modexp_divisor"]
    repriced = schedule.modexp == "eip7883"

    def price(data: bytes) -> int:
        base, exponent, modulus = _lengths(data)
        longest = max(base, modulus)
        complexity = ((longest + 7) // 8) ** 2
        if repriced:
            complexity = 16 if longest <= 32 else 2 * complexity
        head = _operand(data, 96 + base, min(exponent, 32))
        rounds = max(head.bit_length() - 1, 0)
        if exponent > 32:
            rounds += (16 if repriced else 8) * (exponent - 32)
        return max(least, complexity * max(rounds, 1) // divisor)

    return price


def _modexp(schedule: Schedule) -> Run:
    longest = schedule["precompile.modexp_bytes"]

    def run(frame: Any) -> None:
        data = frame.data
        base, exponent, modulus = _lengths(data)
        if longest and max(base, exponent, modulus) > longest:
            raise VMError(f"an operand of MODEXP is longer than {longest} bytes")
        if base == 0 and modulus == 0:
            frame.output = b""
            return
        n = _operand(data, 96 + base + exponent, modulus)
        b, e = _operand(data, 96, base), _operand(data, 96 + base, exponent)
        frame.output = (pow(b, e, n) if n else 0).to_bytes(modulus, "big")

    return run


# --- others -----------------------------------------------------------------------------------


def _rounds(schedule: Schedule) -> Price:
    gas = schedule["precompile.blake2f_round"]
    return lambda data: gas * int.from_bytes(data[:4], "big") if len(data) == 213 else 0


def _sum_of_products(schedule: Schedule, group: int) -> Price:
    """EIP-2537: a discount, in thousandths, for many pairs at once."""
    gas = schedule[f"precompile.bls_g{group}_mul"]
    size, discounts = (160, G1_MSM_DISCOUNTS) if group == 1 else (288, G2_MSM_DISCOUNTS)
    least = 519 if group == 1 else 524

    def price(data: bytes) -> int:
        pairs = len(data) // size
        if not pairs:
            return 0
        discount = discounts[pairs - 1] if pairs <= len(discounts) else least
        return int(pairs * gas * discount // 1000)

    return price


@lru_cache(maxsize=1)
def _setup() -> Any:
    """The trusted setup; py-evm's own precompile reads it anew, for seconds, at every call."""
    return load_trusted_setup(TRUSTED_SETUP_PATH, 0)


def _point_evaluation(frame: Any) -> None:
    """EIP-4844: that a blob's polynomial has a value at a point."""
    data = frame.data
    if len(data) != 192:
        raise VMError(f"{len(data)} bytes, not 192")
    versioned, z, y, commitment, proof = (
        data[i:j] for i, j in ((0, 32), (32, 64), (64, 96), (96, 144), (144, 192))
    )
    if kzg_to_versioned_hash(commitment) != versioned:
        raise VMError("the hash is another commitment's")
    try:
        proven = verify_kzg_proof(commitment, z, y, proof, _setup())
    except RuntimeError as error:
        raise VMError(str(error)) from error
    if not proven:
        raise VMError("the proof does not hold")
    frame.output = FIELD_ELEMENTS_PER_BLOB.to_bytes(32, "big") + BLS_MODULUS.to_bytes(32, "big")


def _p256verify(frame: Any) -> None:
    """EIP-7951: a word 1 for a valid signature, nothing for any other input."""
    data = frame.data
    if len(data) != 160:
        frame.output = b""
        return
    digest, r, s, x, y = (int.from_bytes(data[i : i + 32], "big") for i in range(0, 160, 32))
    frame.output = (1).to_bytes(32, "big") if verify(digest, r, s, x, y) else b""
