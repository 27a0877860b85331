"""Bytes as rollups count them, and money for stated prices."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaslab.environment import Deployed, Environment
from gaslab.errors import InputError
from gaslab.rollups import (
    BROTLI_LEVEL,
    LayerTwo,
    fastlz_length,
    fjord_fee,
    fjord_size,
    layer_two,
    load_prices,
)
from gaslab.schedule import load_schedule
from gaslab.solc import ROOT, compile_files

EXAMPLE = ROOT / "gaslab" / "examples" / "prices.toml"

# op-geth, core/types/rollup_cost_test.go: what its FlzCompressLen and Fjord's fee are tested with.
EMPTY_TX = bytes.fromhex("dd80808094095e7baea6a6c7c4c2dfeb977efac326af552d878080808080")
CONTRACT_CALL = bytes.fromhex(
    "02f901550a758302df1483be21b88304743f94f80e51afb613d764fa61751affd3313c190a86bb870151bd62fd12ad"
    "b8e41ef24f3f000000000000000000000000000000000000000000000000000000000000006e000000000000000000"
    "000000af88d065e77c8cc2239327c5edb3a432268e5831000000000000000000000000000000000000000000000000"
    "000000000003c1e5000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000a000000000000000000000000000000000000000000000"
    "000000000000000000148c89ed219d02f1a5be012c689b4f5b731827bebe000000000000000000000000c001a033fd"
    "89cb37c31b2cba46b6466e040c61fc9b2a3675a7f5f493ebd5ad77c497f8a07cdf65680e238392693019b4092f6102"
    "22e71b7cec06449cb922b93b6a12744e"
)
FEES = {
    "base_fee": 1000 * 10**6,
    "blob_base_fee": 10 * 10**6,
    "base_fee_scalar": 2,
    "blob_base_fee_scalar": 3,
}

payloads = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([bytes(32), bytes(31) + b"\x01", b"\xab\xcd", b"quoin"]), max_size=90
    ).map(b"".join),
    st.tuples(st.binary(max_size=40), st.integers(1, 60)).map(lambda pair: pair[0] * pair[1]),
)


@pytest.mark.parametrize(
    ("data", "length"),
    [(b"", 0), (b"\x01" * 1000, 21), (bytes(1000), 21), (EMPTY_TX, 31), (CONTRACT_CALL, 202)],
    ids=["nothing", "ones", "zeros", "empty transaction", "contract call"],
)
def test_fastlz_length_op_geths_vectors_agree(data: bytes, length: int) -> None:
    assert fastlz_length(data) == length


@pytest.fixture(scope="module")
def solady(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    path = tmp_path_factory.mktemp("flz") / "Compressor.sol"
    path.write_text(
        "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n"
        'import {LibZip} from "solady/utils/LibZip.sol";\n'
        "contract Compressor {\n"
        "    function length(bytes memory data) external pure returns (uint256) {\n"
        "        return LibZip.flzCompress(data).length;\n"
        "    }\n"
        "}\n"
    )
    contract = compile_files([path])["Compressor"]
    return Environment(load_schedule("cancun")).deploy(contract)


@settings(max_examples=120, deadline=None)
@given(data=payloads)
def test_fastlz_length_any_bytes_agree_with_the_compressor_itself(
    solady: Deployed, data: bytes
) -> None:
    assert fastlz_length(data) == solady.call("length", data)


def test_fastlz_length_matches_that_end_at_every_limit_agree(solady: Deployed) -> None:
    """Runs of a copy (262), of literals (32), the window (8,191) and the searched end (13)."""
    noise = hashlib.shake_128(b"noise").digest(8400)
    cases = [b"abc" * k for k in range(1, 12)]
    cases += [noise[:40] + b"z" * k for k in (*range(1, 30), *range(255, 275), 524, 525, 533, 540)]
    cases += [noise[:k] for k in (12, 13, 14, 31, 32, 33, 63, 64, 65)]
    cases += [
        noise[7000:7020] + noise[:k] + noise[7000:7020] + bytes(20) for k in (8170, 8171, 8172)
    ]

    cases += [noise[:50] + noise[:k] + noise[60:100] for k in (*range(3, 50), 270, 271, 272)]

    assert [fastlz_length(one) for one in cases] == [solady.call("length", one) for one in cases]


def test_fjord_fee_op_geths_vectors_agree() -> None:
    assert fjord_size(fastlz_length(EMPTY_TX)) == 100_000_000
    assert {fjord_size(length) for length in (100, 150, 170)} == {100_000_000}
    assert all(fjord_size(length) > 100_000_000 for length in (171, 175, 200))
    assert fjord_fee(fjord_size(170), FEES) == 3_203_000
    # The chain's own oracle, in Solidity: length 235, scalars 20 and 15.
    parity = {
        "base_fee": 2 * 10**6,
        "blob_base_fee": 3 * 10**6,
        "base_fee_scalar": 20,
        "blob_base_fee_scalar": 15,
    }
    assert fjord_size(235) * 16 // 10**6 == 2463
    assert fjord_fee(fjord_size(235), parity) == 105_484


def test_layer_two_several_transactions_are_summed_one_by_one() -> None:
    both = layer_two([EMPTY_TX, CONTRACT_CALL])
    one, other = layer_two([EMPTY_TX]), layer_two([CONTRACT_CALL])

    assert both.tx_bytes == len(EMPTY_TX) + len(CONTRACT_CALL) == 30 + 345
    assert both.fastlz_bytes == 31 + 202
    assert both.brotli_bytes == one.brotli_bytes + other.brotli_bytes
    assert both.fjord_micro == 100_000_000 + (-42_585_600 + 836_500 * 202)
    assert both.arbitrum_units == 16 * both.brotli_bytes
    assert layer_two([]) == LayerTwo(0, 0, 0, 0)


def test_layer_two_brotli_agrees_with_another_build_of_it() -> None:
    """Node carries a brotli of its own; Nitro asks it for level 1 and its usual window."""
    data = [EMPTY_TX, CONTRACT_CALL, bytes(5000), CONTRACT_CALL * 40, bytes(range(256)) * 9]
    script = (
        "const z = require('zlib'), k = z.constants;"
        "const all = JSON.parse(require('fs').readFileSync(0));"
        f"const params = {{[k.BROTLI_PARAM_QUALITY]: {BROTLI_LEVEL}, [k.BROTLI_PARAM_LGWIN]: 22}};"
        "const size = (h) => z.brotliCompressSync(Buffer.from(h, 'hex'), {params}).length;"
        "console.log(JSON.stringify(all.map(size)));"
    )
    answer = subprocess.run(
        ["node", "-e", script],
        input=json.dumps([one.hex() for one in data]),
        capture_output=True,
        text=True,
        check=True,
    )

    assert [layer_two([one]).brotli_bytes for one in data] == json.loads(answer.stdout)


def test_prices_example_charges_gas_and_data_by_each_chains_rule() -> None:
    prices = load_prices(EXAMPLE)
    sizes = LayerTwo(tx_bytes=400, fastlz_bytes=300, brotli_bytes=250, fjord_micro=208_364_400)
    fees = prices.fees(100_000, sizes)

    assert fees["ethereum"] == 100_000 * 10**9
    assert fees["arbitrum"] == 100_000 * 10**7 + 16 * 250 * 60_000_000
    per_byte = 16 * 5227 * 10**9 + 1_014_213 * 10**6
    assert fees["optimism"] == 100_000 * 10**6 + 208_364_400 * per_byte // 10**12
    assert prices.amount(10**18) == 2500
    assert prices.currency == "USD"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"p\.toml: found no prices, allowed at least one of ethereum, optimism, arbitrum"),
        ("[zksync]\n", r"p\.toml: zksync: found zksync, allowed one of ethereum"),
        ("ethereum = 3\n", r"p\.toml: ethereum: found 3, allowed a table of gas_price"),
        ("[ethereum]\n", r"p\.toml: ethereum\.gas_price: found nothing, allowed a whole number"),
        ("[ethereum]\ngas_price = 1.5\n", r"ethereum\.gas_price: found 1\.5, allowed a whole"),
        ("[ethereum]\ngas_price = -1\n", r"ethereum\.gas_price: found -1, allowed a whole"),
        ("[ethereum]\ngas_price = true\n", r"ethereum\.gas_price: found True, allowed a whole"),
        ("[arbitrum]\ngas_price = 1\nprice = 2\n", r"arbitrum\.price: found price, allowed one of"),
        (
            'ether = "dear"\n[ethereum]\ngas_price = 1\n',
            r"ether: found dear, allowed a price above",
        ),
        ('ether = "0"\n[ethereum]\ngas_price = 1\n', r"ether: found 0, allowed a price above"),
        ("currency = 7\n[ethereum]\ngas_price = 1\n", r"currency: found 7, allowed a name"),
        ("[ethereum\n", r"allowed a TOML file"),
    ],
)
def test_load_prices_wrong_field_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)

    with pytest.raises(InputError, match=message):
        load_prices(path)
