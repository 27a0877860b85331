"""Random bytecode that does something: every opcode gets arguments that are likely to matter."""

from __future__ import annotations

from hypothesis import strategies as st

from gaslab.schedule import OPCODES

ALICE = bytes.fromhex("a11ce0" * 6 + "a11c")  # holds ether, no code
NOBODY = bytes.fromhex("0b0d1e" * 6 + "0b0d")  # does not exist
HELPERS = [bytes([0xC0 + i]) * 20 for i in range(4)]  # contracts
PRECOMPILES = [bytes(19) + bytes([i]) for i in (1, 2, 3, 4, 5, 9)]

STACK_ONLY = (
    "ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND LT GT SLT SGT EQ ISZERO AND OR XOR "
    "NOT BYTE SHL SHR SAR POP"
)
NULLARY = (
    "ADDRESS ORIGIN CALLER CALLVALUE CALLDATASIZE CODESIZE GASPRICE RETURNDATASIZE COINBASE "
    "TIMESTAMP NUMBER PREVRANDAO GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBBASEFEE PC MSIZE GAS "
    "JUMPDEST PUSH0"
)
WORDS = st.one_of(
    st.sampled_from([0, 1, 2, 31, 32, 255, 256, 2**255, 2**256 - 1]),
    st.integers(0, 2**256 - 1),
)
SMALL = st.sampled_from([0, 1, 2, 3, 31, 32, 33, 64, 100, 1000])
SLOTS, VALUES = st.integers(0, 3), st.integers(0, 2)
ADDRESSES = st.sampled_from([ALICE, NOBODY, *HELPERS, *PRECOMPILES, bytes(20)])


def push(word: int) -> bytes:
    """The shortest PUSH of a word."""
    data = word.to_bytes((word.bit_length() + 7) // 8, "big")
    return bytes([0x5F + len(data)]) + data


def op(name: str, *args: int) -> bytes:
    """An opcode on arguments; the first ends on top of the stack."""
    return b"".join(push(word) for word in reversed(args)) + bytes([OPCODES[name]])


@st.composite
def snippets(draw: st.DrawFn) -> bytes:
    """One step of a program."""
    kind = draw(st.integers(0, 15))
    if kind == 0:
        return op(draw(st.sampled_from(STACK_ONLY.split())), *(draw(WORDS) for _ in range(3)))
    if kind == 1:
        return op(draw(st.sampled_from(NULLARY.split())))
    if kind == 2:
        return op("SSTORE", draw(SLOTS), draw(VALUES))
    if kind == 3:
        return op("SLOAD", draw(SLOTS))
    if kind == 4:
        return op("TSTORE", draw(SLOTS), draw(VALUES)) + op("TLOAD", draw(SLOTS))
    if kind == 5:
        name = draw(st.sampled_from(["MLOAD", "MSTORE", "MSTORE8", "KECCAK256"]))
        return op(name, draw(SMALL), draw(SMALL))
    if kind == 6:
        name = draw(st.sampled_from(["CALLDATACOPY", "CODECOPY", "MCOPY", "RETURNDATACOPY"]))
        return op(name, draw(SMALL), draw(SMALL), draw(SMALL))
    if kind == 7:
        count = draw(st.integers(0, 4))
        return op(f"LOG{count}", draw(SMALL), draw(SMALL), *(draw(WORDS) for _ in range(count)))
    if kind == 8:
        name = draw(st.sampled_from(["BALANCE", "EXTCODESIZE", "EXTCODEHASH", "CALLDATALOAD"]))
        return op(name, int.from_bytes(draw(ADDRESSES), "big"))
    if kind == 9:
        address = int.from_bytes(draw(ADDRESSES), "big")
        return op("EXTCODECOPY", address, draw(SMALL), draw(SMALL), draw(SMALL))
    if kind <= 12:
        return draw(_calls())
    if kind == 13:
        return draw(_creations())
    if kind == 14:
        return op(draw(st.sampled_from(["DUP1", "SWAP1", "DUP16", "SWAP16", "POP", "BLOBHASH"])))
    return op("MSTORE", draw(SMALL), draw(WORDS))


@st.composite
def _calls(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from(["CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"]))
    gas = draw(st.sampled_from([0, 100, 2_300, 30_000, 10**6, 2**256 - 1]))
    value = [draw(st.sampled_from([0, 0, 1, 10**30]))] if name in ("CALL", "CALLCODE") else []
    address = int.from_bytes(draw(ADDRESSES), "big")
    return op(name, gas, address, *value, *(draw(SMALL) for _ in range(4)))


@st.composite
def _creations(draw: st.DrawFn) -> bytes:
    size = draw(SMALL)
    initcode = draw(
        st.sampled_from(
            [
                op("RETURN", 0, size),
                op("REVERT", 0, size),
                op("SSTORE", 1, 1) + op("STOP"),
                op("MSTORE8", 0, 0xEF) + op("RETURN", 0, 1),
                op("SELFDESTRUCT", int.from_bytes(ALICE, "big")),
                op("INVALID"),
            ]
        )
    )[:32]
    store = op("MSTORE", 0, int.from_bytes(initcode.ljust(32, b"\0"), "big"))
    value = draw(st.sampled_from([0, 1, 10**30]))
    if draw(st.booleans()):
        return store + op("CREATE", value, 0, len(initcode))
    return store + op("CREATE2", value, 0, len(initcode), draw(SLOTS))


ENDS = st.sampled_from(
    [
        b"",
        op("RETURN", 0, 64),
        op("REVERT", 0, 64),
        op("INVALID"),
        op("SELFDESTRUCT", int.from_bytes(NOBODY, "big")),
        op("ADD"),
        op("JUMP", 3),
        b"\x0c",
    ]
)


@st.composite
def programs(draw: st.DrawFn, longest: int = 12) -> bytes:
    """Straight-line code of some steps, and an end."""
    steps = draw(st.lists(snippets(), max_size=longest))
    return b"".join(steps) + draw(ENDS)
