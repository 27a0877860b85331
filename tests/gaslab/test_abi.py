"""Arguments to bytes, bytes to values, reverts to words."""

from __future__ import annotations

import re

import pytest
from eth_abi.abi import encode
from sha3 import keccak_256

from gaslab import abi
from gaslab.errors import InputError
from gaslab.measurement import Log

A, B = b"\x0a" * 20, b"\x0b" * 20
ORDER = {
    "type": "tuple[]",
    "name": "orders",
    "components": [
        {"type": "address", "name": "trader"},
        {"type": "tuple", "name": "leg", "components": [{"type": "address[2]", "name": "both"}]},
        {"type": "uint64[]", "name": "prices"},
    ],
}
PLACE = {"type": "function", "name": "place", "inputs": [ORDER, {"type": "bool", "name": "now"}]}


def test_signature_of_nested_structs_is_canonical():
    assert abi.signature(PLACE) == "place((address,(address[2]),uint64[])[],bool)"


def test_addresses_are_bytes_however_deep():
    values = (((A, ((A, B),), (1, 2)), (B, ((B, B),), ())), True)
    data = abi.encoded("place", PLACE["inputs"], values)
    assert abi.decoded(PLACE["inputs"], data) == values


@pytest.mark.parametrize("args", [(), ([], 2), ([(A,)], True), ([(A, ((A,),), ())], True)])
def test_encoded_arguments_that_do_not_fit_tell_the_types(args):
    told = re.escape("allowed ((address,(address[2]),uint64[])[], bool)")
    with pytest.raises(InputError, match=told):
        abi.encoded("place", PLACE["inputs"], args)


EVENTS = [
    {
        "type": "event",
        "name": "Moved",
        "inputs": [
            {"type": "address", "name": "to", "indexed": True},
            {"type": "uint256[]", "name": "parts", "indexed": True},
            {"type": "uint256", "name": "amount", "indexed": False},
        ],
    },
    {"type": "event", "name": "Quiet", "anonymous": True, "inputs": []},
]
MOVED = int.from_bytes(keccak_256(b"Moved(address,uint256[],uint256)").digest(), "big")


def test_event_decodes_values_and_leaves_hashes_of_dynamic_ones():
    log = Log(A, (MOVED, int.from_bytes(B, "big"), 77), encode(["uint256"], [5]))
    expected = {"to": B, "parts": (77).to_bytes(32, "big"), "amount": 5}
    assert abi.event(log, EVENTS) == ("Moved", expected)


@pytest.mark.parametrize("topics", [(), (MOVED,), (MOVED ^ 1, 1, 2)])
def test_event_that_is_unknown_has_no_name(topics):
    assert abi.event(Log(A, topics, b"x"), EVENTS) == ("", {"topics": topics, "data": b"x"})


ERRORS = [{"type": "error", "name": "Refused", "inputs": [{"type": "address", "name": "who"}]}]


@pytest.mark.parametrize(
    ("signature", "types", "values", "words"),
    [
        ("Refused(address)", ["address"], [A], f"Refused(0x{A.hex()})"),
        ("Error(string)", ["string"], ["no good"], "no good"),
        ("Panic(uint256)", ["uint256"], [0x32], "panic: index out of bounds"),
        ("Panic(uint256)", ["uint256"], [0x99], "panic: 0x99"),
    ],
)
def test_reason_known_errors_are_told_in_words(signature, types, values, words):
    output = keccak_256(signature.encode()).digest()[:4] + encode(types, values)
    assert abi.reason(output, "Revert", ERRORS) == words


def test_reason_unknown_or_broken_data_is_shown_as_it_is():
    broken = keccak_256(b"Refused(address)").digest()[:4] + b"\1"
    assert abi.reason(broken, "Revert", ERRORS) == f"0x{broken.hex()}"
    assert abi.reason(b"\1\2\3\4", "Revert", ERRORS) == "0x01020304"
    assert abi.reason(b"", "Revert", ERRORS) == "Revert"
    assert abi.reason(b"", "OutOfGas", ERRORS) == "OutOfGas"
