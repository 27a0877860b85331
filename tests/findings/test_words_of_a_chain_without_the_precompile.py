"""Words opened in a blob on a chain that has no point-evaluation precompile.

A call to an address without code succeeds and returns nothing. The prover took that for "the
polynomial has this value there": on a chain without EIP-4844 anybody could have opened anything,
committed any root and convicted anybody. The precompile proves itself by what it returns, the
number of elements of a blob and the field's modulus.
"""

from collections.abc import Callable
from typing import Any

import pytest
from eth.vm.forks.prague.computation import PragueComputation

from matcher.reference.header import BLOB, Header
from matcher.reference.openings import MODULUS, BlobBody
from matcher.reference.words import pack_chunk
from tests.support.chain import Chain, reverts
from tests.support.exchange import Roles, header_tuple

POINT_EVALUATION = (0x0A).to_bytes(20, "big")
ELEMENTS = 4096
ANSWERS = {
    "the precompile's": ((ELEMENTS, MODULUS), True),
    "nothing": ((), False),
    "half of it": ((ELEMENTS,), False),
    "something behind it": ((ELEMENTS, MODULUS, 0), False),
    "zeros": ((0, 0), False),
    "another number of elements": ((ELEMENTS - 1, MODULUS), False),
    "another field": ((ELEMENTS, MODULUS + 1), False),
}


def answering(words: tuple[int, ...]) -> Callable[[Any], Any]:
    """A contract that takes any proof and returns these words."""

    def run(computation: Any) -> Any:
        computation.output = b"".join(word.to_bytes(32, "big") for word in words)
        return computation

    return run


@pytest.fixture(scope="module")
def harness(shared_chain: Chain, roles: Roles) -> Any:
    return shared_chain.deploy(roles.owner, "OpeningsHarness").functions


@pytest.mark.parametrize("told", ANSWERS)
def test_word_of_a_blob_is_opened_by_what_the_precompile_returns_alone(
    shared_chain: Chain, harness: Any, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    body = BlobBody(pack_chunk([], bytes(range(32))))
    header = header_tuple(Header(mode=BLOB, chunk_count=1, blobs_hash=body.blobs_hash))
    words, holds = ANSWERS[told]
    if told == "nothing":
        monkeypatch.delitem(PragueComputation._precompiles, POINT_EVALUATION)
    else:
        monkeypatch.setitem(PragueComputation._precompiles, POINT_EVALUATION, answering(words))
    versioned = body.versioned_hashes[0]
    word = harness.openWord(header, body.begin() + body.word(0, 3), 0, 3)
    root = harness.openRoot(header, body.begin() + body.root(0), 0)
    if holds:
        assert shared_chain.call(word)[0] == body.words[3]
        assert shared_chain.call(root)[0] == bytes(range(32))
        return
    with reverts("WordNotInBlob", versioned, 3, body.words[3]):
        shared_chain.call(word)
    with reverts("WordNotInBlob", versioned, 30, body.words[30]):
        shared_chain.call(root)
