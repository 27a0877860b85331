"""Opcodes of the stack alone, operand by operand, against py-evm's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth.vm.stack import Stack
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gaslab.evm.arithmetic import PURE
from gaslab.schedule import OPCODES

EDGES = [0, 1, 2, 7, 8, 29, 30, 31, 32, 255, 256, 257, 2**255 - 1, 2**255, 2**256 - 2, 2**256 - 1]
WORDS = st.one_of(st.sampled_from(EDGES), st.integers(0, 2**256 - 1), st.integers(0, 300))
NAMES = sorted(name for name, code in OPCODES.items() if code in PURE and name != "CLZ")


def _referee(name: str, stack: list[int]) -> list[int]:
    theirs = Stack()
    for word in stack:
        theirs.push_int(word)
    computation = SimpleNamespace(
        stack_pop_ints=theirs.pop_ints,
        stack_pop1_int=theirs.pop1_int,
        stack_pop1_any=theirs.pop1_any,
        stack_push_int=theirs.push_int,
        stack_push_bytes=theirs.push_bytes,
        consume_gas=lambda gas, reason: None,
    )
    PRAGUE_OPCODES[OPCODES[name]](computation)
    return [*theirs.pop_ints(len(theirs.values))][::-1]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(stack=st.lists(WORDS, min_size=3, max_size=4))
@example(stack=[0, 2**256 - 1, 30])  # SIGNEXTEND from the last byte but one
@example(stack=[0, 2**255, 256])
@example(stack=[0, 2**255, 255])
@example(stack=[0, 2**256 - 1, 2**255])  # SDIV: the one quotient that does not fit
def test_arithmetic_agrees_with_py_evm(name, stack):
    found = list(stack)
    PURE[OPCODES[name]](found)
    assert found == _referee(name, stack)


@pytest.mark.parametrize("name", ["SIGNEXTEND", "BYTE", "SHL", "SHR", "SAR"])
def test_arithmetic_at_every_position_agrees_with_py_evm(name):
    for word in (2**256 - 1, 2**255, 0xA5 * (2**256 // 255)):
        for position in range(260):
            found = [word, position]
            PURE[OPCODES[name]](found)
            assert found == _referee(name, [word, position]), (word, position)
