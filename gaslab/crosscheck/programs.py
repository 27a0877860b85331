"""Bytecode that is random and yet does something.

Uniform bytes die within a few opcodes. A `Program` knows how deep its stack is and picks among
*moves*: short runs of opcodes that find what they need, from an addition to a creation with its
own random initcode. What happens is decided by the numbers of one `random.Random` alone.

Two values are dropped as soon as they are read, since engines choose them for themselves:
PREVRANDAO, and BLOCKHASH of a block that exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from gaslab.crosscheck.inputs import precompile_input
from gaslab.schedule import OPCODES

SLOTS = 5  # few, so that a slot is changed again, cleared and restored
DEEPEST = 24
LOOPS = 6

_BINARY = (
    "ADD MUL SUB DIV SDIV MOD SMOD EXP SIGNEXTEND LT GT SLT SGT EQ AND OR XOR BYTE SHL SHR SAR"
)
_FACTS = """ADDRESS ORIGIN CALLER CALLVALUE CALLDATASIZE CODESIZE GASPRICE RETURNDATASIZE COINBASE
    TIMESTAMP NUMBER GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBBASEFEE PC MSIZE GAS"""


@dataclass(frozen=True)
class Surroundings:
    """What a program may know of the world that it runs in.

    Attributes
    ----------
    accounts : tuple of int
        Addresses to look at and to call now and then, of every kind.
    callees : tuple of int
        Contracts to call. They call only such as come later, so that no program runs for ever.
    precompiles : tuple of int
    count_zeros : bool
        Whether CLZ is an instruction.
    """

    accounts: tuple[int, ...]
    callees: tuple[int, ...]
    precompiles: tuple[int, ...]
    count_zeros: bool


@dataclass
class Program:
    """Code that grows move by move.

    Attributes
    ----------
    rng : Random
    around : Surroundings
    code : bytearray
    depth, base : int
        Of the stack now; what a move may not touch.
    nesting : int
        How many programs this one is the initcode in.
    """

    rng: Random
    around: Surroundings
    nesting: int = 0
    code: bytearray = field(default_factory=bytearray)
    depth: int = 0
    base: int = 0
    _data: list[tuple[int, bytes]] = field(default_factory=list)

    # --- single opcodes -----------------------------------------------------------------------

    def op(self, name: str, takes: int = 0, gives: int = 0) -> None:
        self.code.append(OPCODES[name])
        self.depth += gives - takes

    def push(self, value: int, width: int | None = None) -> None:
        """A number in as few bytes as it takes, or in `width`."""
        size = (value.bit_length() + 7) // 8 if width is None else width
        self.code.append(0x5F + size)
        self.code += value.to_bytes(size, "big")
        self.depth += 1

    def need(self, count: int) -> None:
        """So many values on the stack above `base`."""
        while self.depth - self.base < count:
            self.push(self.value())

    def settle(self, depth: int) -> None:
        """Drop what lies above."""
        while self.depth > depth:
            self.op("POP", 1)

    # --- what to choose from ------------------------------------------------------------------

    def value(self) -> int:
        kind = self.rng.randrange(6)
        if kind == 0:
            return self.rng.randrange(4)
        if kind == 1:
            return (1 << self.rng.randrange(1, 257)) - 1
        if kind == 2:
            return 1 << self.rng.randrange(256)
        if kind == 3:
            return self.rng.randrange(1 << 16)
        return self.rng.getrandbits(8 * self.rng.randrange(1, 33))

    def offset(self) -> int:
        """Of memory: mostly near, seldom so far that the quadratic part shows."""
        far = self.rng.random()
        return self.rng.randrange(12_000 if far < 0.02 else 1_200 if far < 0.1 else 160)

    def size(self) -> int:
        kind = self.rng.random()
        return 0 if kind < 0.15 else self.rng.randrange(1, 700 if kind > 0.95 else 100)

    def account(self) -> int:
        return self.rng.choice(self.around.accounts)

    def span(self) -> None:
        """Offset and size of memory on the stack, the offset on top."""
        self.push(self.size())
        self.push(self.offset())

    def data(self, blob: bytes, at: int) -> None:
        """Copy bytes that lie behind the code to memory."""
        self.push(len(blob))
        self.push(0, 2)
        self._data.append((len(self.code) - 2, blob))
        self.push(at)
        self.op("CODECOPY", 3)

    # --- larger parts -------------------------------------------------------------------------

    def moves(self, count: int) -> None:
        for move in self.rng.choices(_MOVES, cum_weights=_WEIGHTS, k=count):
            move(self)
            if self.depth - self.base > DEEPEST:
                self.settle(self.base + 4)

    def block(self, count: int) -> None:
        """Moves that leave the stack as it was."""
        before, self.base = self.base, self.depth
        self.moves(count)
        self.settle(self.base)
        self.base = before

    def label(self) -> int:
        """A place to jump to from what was emitted before, by `aim`."""
        self.push(0, 2)
        return len(self.code) - 2

    def aim(self, label: int) -> None:
        self.code[label : label + 2] = len(self.code).to_bytes(2, "big")
        self.op("JUMPDEST")

    def finish(self) -> bytes:
        """The code with its data behind it."""
        _ending(self)
        for place, blob in self._data:
            self.code[place : place + 2] = len(self.code).to_bytes(2, "big")
            self.code += blob
        return bytes(self.code)


def program(rng: Random, around: Surroundings, moves: int, nesting: int = 0) -> bytes:
    """Random code of so many moves."""
    found = Program(rng, around, nesting)
    found.moves(moves)
    return found.finish()


def uniform(rng: Random, size: int, without: Sequence[int] = ()) -> bytes:
    """Random bytes behind a few numbers, so that they live a little longer."""
    prelude = b"".join(bytes([0x60, rng.randrange(256)]) for _ in range(rng.randrange(12)))
    drop = {OPCODES["BLOCKHASH"], OPCODES["PREVRANDAO"], *without}
    return prelude + bytes(0x5B if byte in drop else byte for byte in rng.randbytes(size))


# --- moves ------------------------------------------------------------------------------------


def _arithmetic(p: Program) -> None:
    name = p.rng.choice(_BINARY.split())
    if name == "EXP":  # the exponent lies second
        p.push(p.rng.getrandbits(8 * p.rng.randrange(0, 9)))
        p.push(p.value())
        return p.op(name, 2, 1)
    if name in ("BYTE", "SHL", "SHR", "SAR", "SIGNEXTEND"):
        p.need(1)
        p.push(p.rng.randrange(260 if name[0] == "S" else 36))
        return p.op(name, 2, 1)
    p.need(2)
    return p.op(name, 2, 1)


def _ternary(p: Program) -> None:
    p.need(3)
    p.op(p.rng.choice(("ADDMOD", "MULMOD")), 3, 1)


def _unary(p: Program) -> None:
    p.need(1)
    names = ("NOT", "ISZERO", "CLZ") if p.around.count_zeros else ("NOT", "ISZERO")
    p.op(p.rng.choice(names), 1, 1)


def _push(p: Program) -> None:
    width = p.rng.randrange(33)
    p.push(p.rng.getrandbits(8 * width) if width else 0, width)


def _shuffle(p: Program) -> None:
    n = p.rng.randrange(1, 17)
    if p.rng.random() < 0.5:
        p.need(n)
        p.op(f"DUP{n}", 0, 1)
    else:
        p.need(n + 1)
        p.op(f"SWAP{n}")


def _pop(p: Program) -> None:
    p.need(1)
    p.op("POP", 1)


def _fact(p: Program) -> None:
    p.op(p.rng.choice(_FACTS.split()), 0, 1)


def _indexed(p: Program) -> None:
    kind = p.rng.randrange(4)
    if kind == 0:
        p.push(p.rng.randrange(3))
        p.op("BLOBHASH", 1, 1)
    elif kind == 1:
        p.op("PREVRANDAO", 0, 1)
        p.op("POP", 1)
    elif kind == 2:
        p.push(p.rng.randrange(1 << 32, 1 << 40))  # no such block
        p.op("BLOCKHASH", 1, 1)
    else:
        p.push(p.rng.randrange(100))
        p.op("CALLDATALOAD", 1, 1)


def _account(p: Program) -> None:
    name = p.rng.choice(("BALANCE", "EXTCODESIZE", "EXTCODEHASH", "EXTCODECOPY"))
    if name != "EXTCODECOPY":
        p.push(p.account())
        return p.op(name, 1, 1)
    p.push(p.size())
    p.push(p.rng.randrange(60))
    p.push(p.offset())
    p.push(p.account())
    return p.op(name, 4)


def _memory(p: Program) -> None:
    name = p.rng.choice(("MLOAD", "MSTORE", "MSTORE8"))
    if name == "MLOAD":
        p.push(p.offset())
        return p.op(name, 1, 1)
    p.need(1)
    p.push(p.offset())
    return p.op(name, 2)


def _copy(p: Program) -> None:
    name = p.rng.choice(("CALLDATACOPY", "CODECOPY", "MCOPY", "RETURNDATACOPY"))
    if name == "RETURNDATACOPY" and p.rng.random() < 0.93:
        p.op("RETURNDATASIZE", 0, 1)
        p.push(0)
    else:  # beyond the return data it halts
        p.push(p.size())
        p.push(p.offset() if name == "MCOPY" else p.rng.randrange(100))
    p.push(p.offset())
    p.op(name, 3)


def _keccak(p: Program) -> None:
    p.span()
    p.op("KECCAK256", 2, 1)


def _log(p: Program) -> None:
    topics = p.rng.randrange(5)
    p.need(topics)
    p.span()
    p.op(f"LOG{topics}", 2 + topics)


def _slot_value(p: Program) -> int:
    """Zero, what a slot may have held before, or something else."""
    return p.rng.choice((0, 0, 1, 2, 3, p.rng.getrandbits(256)))


def _storage(p: Program) -> None:
    if p.rng.random() < 0.35:
        p.push(p.rng.randrange(SLOTS))
        return p.op("SLOAD", 1, 1)
    p.push(_slot_value(p))
    p.push(p.rng.randrange(SLOTS))
    return p.op("SSTORE", 2)


def _transient(p: Program) -> None:
    if p.rng.random() < 0.5:
        p.push(p.rng.randrange(SLOTS))
        return p.op("TLOAD", 1, 1)
    p.need(1)
    p.push(p.rng.randrange(SLOTS))
    return p.op("TSTORE", 2)


def _call_gas(p: Program) -> None:
    kind = p.rng.random()
    if kind < 0.5:
        p.op("GAS", 0, 1)
    elif kind < 0.9:
        p.push(p.rng.choice((0, 700, 2_300, 5_000, 30_000, 80_000, 300_000)))
    else:
        p.push(p.rng.getrandbits(64))


def _call_to(p: Program, target: int, name: str, give: tuple[int, int]) -> None:
    """Call with input (offset, size); leaves whether it succeeded."""
    p.push(p.size())
    p.push(p.offset())
    p.push(give[1])
    p.push(give[0])
    if name in ("CALL", "CALLCODE"):
        p.push(p.rng.choice((0, 0, 0, 1, 1_000, 10**21)) if p.rng.random() < 0.5 else 0)
    p.push(target)
    _call_gas(p)
    p.op(name, 7 if name in ("CALL", "CALLCODE") else 6, 1)


def _call(p: Program) -> None:
    name = p.rng.choice(("CALL", "CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"))
    target = p.account()
    if p.around.callees and p.rng.random() < 0.7:
        target = p.rng.choice(p.around.callees)
    _call_to(p, target, name, (p.offset(), p.size()))


def _precompile(p: Program) -> None:
    target = p.rng.choice(p.around.precompiles)
    blob = precompile_input(p.rng, target)
    at = p.rng.randrange(64)
    if blob:
        p.data(blob, at)
    name = p.rng.choice(("CALL", "STATICCALL", "STATICCALL", "DELEGATECALL"))
    _call_to(p, target, name, (at, len(blob)))


def _initcode(p: Program) -> bytes:
    kind = p.rng.random()
    if kind < 0.35 or p.nesting > 0:  # hand back a few bytes of code
        size = p.rng.choice((0, 1, 3, 31, 32, 33, 70, 200))
        inner = Program(p.rng, p.around, p.nesting + 1)
        inner.data(uniform(p.rng, size)[:size] or b"\x00", 0)
        inner.push(size)
        inner.push(0)
        inner.op("RETURN", 2)
        return inner.finish()
    if kind < 0.4:  # EIP-3541: no code may start with 0xEF
        return bytes.fromhex("60ef60005360016000f3")
    if kind < 0.43:  # longer than code may be
        return bytes.fromhex("620200016000f3")
    return program(p.rng, p.around, p.rng.randrange(1, 10), p.nesting + 1)


def _create(p: Program) -> None:
    blob = _initcode(p)
    at = p.rng.randrange(64)
    p.data(blob, at)
    name = p.rng.choice(("CREATE", "CREATE2"))
    if name == "CREATE2":
        p.push(p.rng.randrange(2))  # few salts, so that some collide
    p.push(len(blob))
    p.push(at)
    p.push(p.rng.choice((0, 0, 0, 1, 10**30)))
    p.op(name, 4 if name == "CREATE2" else 3, 1)
    if p.rng.random() < 0.5:  # call what was made
        for _ in range(4):
            p.push(0)
        p.op("DUP5", 0, 1)
        _call_gas(p)
        p.op("STATICCALL", 6, 1)


def _branch(p: Program) -> None:
    p.need(1)
    over = p.label()
    if p.rng.random() < 0.3:
        p.op("JUMP", 1)
    else:
        p.op("JUMPI", 2)
    p.block(p.rng.randrange(1, 4))
    p.aim(over)


def _loop(p: Program) -> None:
    if p.nesting > 0 or len(p.code) > 1_200:  # so that loops within loops stay short
        return
    p.push(p.rng.randrange(2, LOOPS))
    start = len(p.code)
    p.op("JUMPDEST")
    nesting, p.nesting = p.nesting, 1
    p.block(p.rng.randrange(1, 4))
    p.nesting = nesting
    p.push(1)
    p.op("SWAP1")
    p.op("SUB", 2, 1)
    p.op("DUP1", 0, 1)
    p.push(start, 2)
    p.op("JUMPI", 2)


def _quit(p: Program) -> None:
    """End early if something is so, as it seldom is."""
    over = None
    p.need(1)
    over = p.label()
    p.op("JUMPI", 2)
    depth = p.depth
    _ending(p)
    p.depth = depth
    p.aim(over)


def _fault(p: Program) -> None:
    """What halts a frame, now and then."""
    kind = p.rng.randrange(60)
    if kind == 0:
        p.push(0)
        p.op("JUMP", 1)  # to where no JUMPDEST is
    elif kind == 1:
        p.code += bytes([OPCODES["POP"]] * (p.depth + 1))
    elif kind == 2:
        p.push(1 << 40)
        p.op("MLOAD", 1, 1)
    elif kind == 3:
        p.code += bytes([OPCODES["JUMPDEST"], 0x5F, 0x61]) + (len(p.code)).to_bytes(2, "big")
        p.code.append(OPCODES["JUMP"])  # for ever, until the stack is full or the gas is gone
    elif kind == 4:
        p.code.append(p.rng.choice((0x0C, 0x21, 0xA5, 0xEF, 0xF6)))


def _ending(p: Program) -> None:
    name = p.rng.choices(
        ("STOP", "RETURN", "REVERT", "INVALID", "SELFDESTRUCT"), (40, 30, 12, 3, 9)
    )[0]
    if name in ("RETURN", "REVERT"):
        p.span()
    if name == "SELFDESTRUCT":
        p.push(p.account())
    p.op(name)


_CHOICES: dict[Callable[[Program], None], int] = {
    _arithmetic: 20,
    _ternary: 4,
    _unary: 5,
    _push: 10,
    _shuffle: 14,
    _pop: 4,
    _fact: 12,
    _indexed: 4,
    _account: 6,
    _memory: 10,
    _copy: 7,
    _keccak: 4,
    _log: 4,
    _storage: 16,
    _transient: 5,
    _call: 6,
    _precompile: 3,
    _create: 2,
    _branch: 5,
    _loop: 2,
    _quit: 1,
    _fault: 5,
}
_MOVES = tuple(_CHOICES)
_WEIGHTS = tuple(sum(list(_CHOICES.values())[: i + 1]) for i in range(len(_CHOICES)))
