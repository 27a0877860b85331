"""The order that kernels ask of the processor, in the machine code of two kinds of it."""

import re

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest

from matcher.kernel import ring, seqlock
from matcher.kernel.atomics import read_word, swap_word, write_word

ARM = (
    "aarch64-unknown-linux-gnu",
    "generic",
    "e-m:e-i8:8:32-i16:16:32-i64:64-i128:128-n32:64-S128",
)
X86 = ("x86_64-unknown-linux-gnu", "x86-64", None)


def machine_code(function, arguments: int, target: tuple[str, str, str | None]) -> list[str]:
    """Mnemonics of a kernel on a processor, in order."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple, processor, layout = target
    signature = (numba.int64,) * arguments
    fresh = numba.njit([signature], error_model="numpy")(function.py_func)
    text = fresh.inspect_llvm(signature)
    text = re.sub(r'target triple = ".*"', f'target triple = "{triple}"', text)
    if layout:
        text = re.sub(r'target datalayout = ".*"', f'target datalayout = "{layout}"', text)
    text = re.sub(r".*llvm\.x86\.sse2\.pause.*\n", "", text)  # a hint; has no order
    text = re.sub(r'"target-(cpu|features)"="[^"]*"', "", text)
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=processor, opt=2)
    assembly = machine.emit_assembly(llvm.parse_assembly(text))
    name = re.escape(fresh.overloads[signature].fndesc.mangled_name)
    body = re.search(rf"^{name}:\n(.*?)^\.Lfunc_end", assembly, re.MULTILINE | re.DOTALL)
    assert body, assembly
    lines = re.findall(r"^\t([a-z][a-z0-9.]*)(?:\t(.*))?$", body[1], re.MULTILINE)
    return [f"{name} {rest}".strip() for name, rest in lines]


def places(code: list[str], pattern: str) -> list[int]:
    return [i for i, line in enumerate(code) if re.match(pattern, line)]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is no machine code")
class TestOrder:
    def test_row_is_written_between_a_fence_and_a_release_on_arm(self):
        code = machine_code(seqlock.write_row, 3, ARM)
        fences, released = places(code, r"dmb\s+ish$"), places(code, "stlr ")
        assert len(fences) == 1
        assert released
        assert min(places(code, "str ")) < fences[0] < min(released)
        assert places(code, "orr .*#(0x)?1$")[0] < fences[0]

    def test_row_is_read_between_an_acquire_and_a_fence_on_arm(self):
        code = machine_code(seqlock.read_row, 4, ARM)
        looks = {re.search(r"\[.*\]", code[i])[0] for i in places(code, "ldap?r ")}
        assert len(looks) == 1  # the sequence's address
        fences = places(code, r"dmb\s+ishld$")
        assert fences
        for fence in fences:
            assert re.match(r"ldr .*" + re.escape(min(looks)), code[fence + 1])
            assert code[fence + 2].startswith("cmp ")

    def test_head_is_released_after_the_records_on_arm(self):
        code = machine_code(ring.push, 7, ARM)
        assert places(code, "stlr ")

    def test_head_is_acquired_before_the_records_on_arm(self):
        assert places(machine_code(ring.available, 4, ARM), "ldap?r ")
        assert places(machine_code(ring.release, 2, ARM), "stlr ")

    @pytest.mark.parametrize(("target", "full"), [(ARM, r"dmb\s+ish$"), (X86, r"mfence|lock|xchg")])
    @pytest.mark.parametrize(
        ("function", "arguments"), [(ring.least_cursor, 2), (ring.sit_as_guest, 2)]
    )
    def test_guest_and_producer_fence_before_they_look_at_each_other(
        self, function, arguments, target, full
    ):
        code = machine_code(function, arguments, target)
        assert places(code, full)


def test_words_are_read_written_and_swapped():
    words = np.array([5, 7], np.int64)
    at = words.ctypes.data
    assert (read_word(at), read_word(at + 8)) == (5, 7)
    assert swap_word(at, 6, 1) == 5
    assert swap_word(at, 5, -1) == 5
    write_word(at + 8, 1 << 62)
    assert words.tolist() == [-1, 1 << 62]
