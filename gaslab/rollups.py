"""What a transaction's bytes come to on layer 2: bytes first, money only for stated prices.

A rollup charges for execution by its own gas, and for data by what it expects to post to layer 1:

- the OP stack since Fjord estimates from the length after FastLZ;
- Arbitrum takes 16 units for each byte after brotli, at level 1 since ArbOS 20.

Both look at the signed transaction alone, without the batch that it will be posted in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import brotli

from gaslab.errors import InputError

# Fjord's linear estimate of what a transaction adds to a batch, in millionths of a byte.
FJORD_INTERCEPT = -42_585_600
FJORD_FASTLZ = 836_500
FJORD_MINIMUM = 100_000_000
MILLION = 10**6

BROTLI_LEVEL = 1
BROTLI_WINDOW = 22  # the library's default, in bits
UNITS_PER_BYTE = 16

# FastLZ, level 1.
_WINDOW = 0x1FFF  # a match lies at most so far back; also the greatest hash
_MULTIPLIER = 2654435769
_LITERALS = 0x20  # of one run
_MATCH = 262  # bytes of one copy
_TAIL = 13  # bytes at the end that are never searched


@dataclass(frozen=True)
class LayerTwo:
    """Sizes of signed transactions, summed.

    Attributes
    ----------
    tx_bytes : int
        As signed.
    fastlz_bytes, brotli_bytes : int
        Each transaction compressed alone.
    fjord_micro : int
        Fjord's estimates, each at least 100 bytes, in millionths of a byte.
    """

    tx_bytes: int
    fastlz_bytes: int
    brotli_bytes: int
    fjord_micro: int = 0

    @property
    def fjord_bytes(self) -> Fraction:
        """What the OP stack charges for, before its prices."""
        return Fraction(self.fjord_micro, MILLION)

    @property
    def arbitrum_units(self) -> int:
        """What Arbitrum charges for, before its price."""
        return UNITS_PER_BYTE * self.brotli_bytes


def layer_two(raws: Sequence[bytes]) -> LayerTwo:
    """Sizes of signed transactions, as a block carries them."""
    found = [_sizes(bytes(raw)) for raw in raws]
    return LayerTwo(
        tx_bytes=sum(map(len, raws)),
        fastlz_bytes=sum(fastlz for fastlz, _ in found),
        brotli_bytes=sum(after for _, after in found),
        fjord_micro=sum(fjord_size(fastlz) for fastlz, _ in found),
    )


@lru_cache(maxsize=4096)  # the same transactions are sent under each schedule
def _sizes(raw: bytes) -> tuple[int, int]:
    compressed = brotli.compress(raw, quality=BROTLI_LEVEL, lgwin=BROTLI_WINDOW)
    return fastlz_length(raw), len(compressed)


def fjord_size(fastlz: int) -> int:
    """Fjord's estimate from a FastLZ length, in millionths of a byte.

    >>> fjord_size(170), fjord_size(235)
    (100000000, 153991900)
    """
    return max(FJORD_MINIMUM, FJORD_INTERCEPT + FJORD_FASTLZ * fastlz)


def fastlz_length(data: bytes) -> int:
    """Length after FastLZ at level 1, as the OP stack counts it (with Solady's ``LibZip``).

    Parameters
    ----------
    data : bytes

    Returns
    -------
    int

    Notes
    -----
    The last 13 bytes are literals; a match is searched through the last position of its first three
    bytes' hash alone, and compared up to four bytes before the end.
    """
    table = [0] * (_WINDOW + 1)
    limit = len(data) - _TAIL
    length = anchor = 0
    position = 2
    while position < limit:
        match = -1
        while position < limit:
            key = data[position : position + 3]
            slot = _hash(key)
            candidate, table[slot] = table[slot], position
            if position - candidate <= _WINDOW and data[candidate : candidate + 3] == key:
                match = candidate
                break
            position += 1
        if match < 0 or position + 1 >= limit:
            break  # the reference looks at the limit once more before it takes a match
        length += _literals(position - anchor)
        matched = _common(data, match + 3, position + 3, limit + 9)
        length += 3 * ((matched - 1) // _MATCH) + (3 if (matched - 1) % _MATCH >= 6 else 2)
        position += matched
        for _ in range(2):
            table[_hash(data[position : position + 3])] = position
            position += 1
        anchor = position
    return length + _literals(len(data) - anchor)


def _hash(key: bytes) -> int:
    return (_MULTIPLIER * int.from_bytes(key, "little") & 0xFFFFFFFF) >> 19


def _literals(count: int) -> int:
    """Bytes of so many literals: one more for each run."""
    return count + -(-count // _LITERALS)


def _common(data: bytes, early: int, late: int, end: int) -> int:
    """One more than the bytes that are alike, or all up to the end."""
    most = end - late
    same = 0
    while (
        same + 64 <= most
        and data[early + same : early + same + 64] == (data[late + same : late + same + 64])
    ):
        same += 64
    while same < most and data[early + same] == data[late + same]:
        same += 1
    return min(same + 1, most)


# --- money ----------------------------------------------------------------------------------------

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ethereum": ("gas_price",),
    "optimism": (
        "gas_price",
        "base_fee",
        "blob_base_fee",
        "base_fee_scalar",
        "blob_base_fee_scalar",
    ),
    "arbitrum": ("gas_price", "price_per_unit"),
}


@dataclass(frozen=True)
class Prices:
    """What somebody says that gas and data cost, chain by chain.

    Attributes
    ----------
    chains : mapping of str to (mapping of str to int)
        Prices in wei, and the OP stack's scalars. Only chains that were stated.
    ether : Fraction or None
        Price of one ether.
    currency : str
        Of `ether`.
    """

    chains: Mapping[str, Mapping[str, int]]
    ether: Fraction | None = None
    currency: str = ""

    def fees(self, gas: int, sizes: LayerTwo) -> dict[str, int]:
        """What it all costs on each chain, in wei.

        Parameters
        ----------
        gas : int
            Of the execution; a rollup's own gas is taken to be the same.
        sizes : LayerTwo
        """
        found = {}
        for chain, price in self.chains.items():
            found[chain] = gas * price["gas_price"]
            if chain == "optimism":
                found[chain] += fjord_fee(sizes.fjord_micro, price)
            elif chain == "arbitrum":
                found[chain] += sizes.arbitrum_units * price["price_per_unit"]
        return found

    def amount(self, wei: int) -> Fraction | None:
        """In `currency`, if a price of ether was stated."""
        return None if self.ether is None else self.ether * wei / 10**18


def fjord_fee(micro: int, price: Mapping[str, int]) -> int:
    """The OP stack's fee for data, in wei, rounded down as on chain.

    Parameters
    ----------
    micro : int
        Estimated size in millionths of a byte.
    price : mapping of str to int
        ``base_fee`` and ``blob_base_fee`` of layer 1 in wei, and their scalars.
    """
    calldata = price["base_fee_scalar"] * price["base_fee"] * 16
    blobs = price["blob_base_fee_scalar"] * price["blob_base_fee"]
    return micro * (calldata + blobs) // 10**12


def load_prices(path: Path) -> Prices:
    """Prices from a TOML file, as in ``gaslab/examples/prices.toml``.

    Raises
    ------
    InputError
        Naming file and field.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(str(path), str(error), "a TOML file") from None
    ether, currency = content.pop("ether", None), content.pop("currency", "")
    try:
        price = None if ether is None else Fraction(str(ether))
    except ValueError:
        price = Fraction(0)
    if price is not None and price <= 0:
        raise InputError(f"{path.name}: ether", ether, "a price above zero")
    if not isinstance(currency, str):
        raise InputError(f"{path.name}: currency", currency, "a name")
    for chain in content:
        if chain not in _FIELDS:
            raise InputError(f"{path.name}: {chain}", chain, f"one of {', '.join(_FIELDS)}")
    if not content:
        raise InputError(path.name, "no prices", f"at least one of {', '.join(_FIELDS)}")
    chains = {chain: _chain(path, chain, table) for chain, table in content.items()}
    return Prices(chains, price, currency)


def _chain(path: Path, chain: str, table: object) -> dict[str, int]:
    fields = _FIELDS[chain]
    if not isinstance(table, dict):
        raise InputError(f"{path.name}: {chain}", table, f"a table of {', '.join(fields)}")
    for name in table:
        if name not in fields:
            raise InputError(f"{path.name}: {chain}.{name}", name, f"one of {', '.join(fields)}")
    for name in fields:
        found = table.get(name, "nothing")
        if type(found) is not int or found < 0:
            raise InputError(f"{path.name}: {chain}.{name}", found, "a whole number, 0 or more")
    return dict(table)
