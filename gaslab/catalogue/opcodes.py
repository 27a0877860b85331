"""Opcodes: what the compiler or the author can choose between."""

from __future__ import annotations

from pathlib import Path
from random import Random

from gaslab.bench import Bench
from gaslab.catalogue.driving import one_call
from gaslab.errors import Reverted
from gaslab.experiment import Experiment, Settings, Technique, Variant

LAB = Path(__file__).parents[2] / "contracts/lab"
LEGACY = Settings(via_ir=False)
OSAKA = Settings(evm_version="osaka")

SEED = int.from_bytes(Random("opcodes").randbytes(32), "big")
SHORT_SEED = SEED >> 192

# One order for each guard of CustomErrors.sol, and a good one: price, quantity, deadline.
FOREVER = 2**64 - 1
JUDGED = {
    "good": (100, 7, FOREVER),
    "expired": (100, 7, 1),
    "price zero": (0, 7, FOREVER),
    "price too high": (2**64, 7, FOREVER),
    "quantity too high": (100, 2**64, FOREVER),
    "quantity zero": (100, 0, FOREVER),
}


# --- drivers --------------------------------------------------------------------------------------


_drive_notional = one_call("notional", lambda _, n: (SHORT_SEED, n))
_drive_checksum = one_call("checksum", lambda _, n: (SEED, n))


def _drive_ledger(bench: Bench, n: int) -> None:
    bench.deploy()
    measured = bench.measure("run", SHORT_SEED, n)
    bench.observe("balances", measured.output)
    bench.observe("logs", bench.contract.logs(measured))


def _drive_price_list(bench: Bench, n: int) -> None:
    bench.deploy()
    bench.setup("fill", SHORT_SEED, n)
    bench.observe("total", bench.measure("run").output)
    bench.observe("kept", bench.read("sum"))


def _refused(bench: Bench) -> list[str]:
    """The orders that the guard does not let pass."""
    refused = []
    for name, order in JUDGED.items():
        try:
            bench.read("check", *order)
        except Reverted:
            refused.append(name)
    return refused


def _probe(bench: Bench, attempts: int, *, good: bool) -> None:
    prober = bench.deploy(contract="Prober")
    guard = bench.deploy()
    bench.observe("refused", _refused(bench))
    measured = bench.measure("probe", guard.address, good, attempts, at=prober)
    bench.observe("passed", prober.decode("probe", measured.output))


def _drive_failing(bench: Bench, n: int) -> None:
    _probe(bench, n, good=False)


def _drive_passing(bench: Bench, n: int) -> None:
    _probe(bench, n, good=True)


def _drive_desk(bench: Bench, n: int) -> None:
    bench.deploy()
    sums = [bench.measure("place", 100 + i).output for i in range(n)]
    bench.observe("sums", sums)
    try:
        bench.read("place", 1001)
    except Reverted as error:
        bench.observe("refusal", error.reason)


# --- the experiments ------------------------------------------------------------------------------

_SAID = "what a caller is told when it fails: these tell less, or more, or in another form"
_ERROR_VARIANTS = (
    Variant("strings", "ShortStrings", "Strings that fit a word."),
    Variant("long-strings", "LongStrings", "Strings longer than a word."),
    Variant("errors", "CustomErrors", "Errors with what was found and allowed as arguments."),
    Variant("errors-by-if", "RevertsByIf", "The same errors by `if` and `revert`."),
    Variant("named-errors", "NamedErrors", "Errors that are only names."),
    Variant("bare", "BareReverts", "Nothing is told."),
)

EXPERIMENTS = (
    Experiment(
        id="unchecked",
        title="Checked and unchecked arithmetic",
        techniques=(Technique.OPCODES,),
        question="What do overflow checks cost in an inner loop?",
        source=LAB / "Unchecked.sol",
        variants=(
            Variant("checked", "Checked", "As the language has it."),
            Variant("unchecked", "Unchecked", "`unchecked` about the loop's body."),
            Variant("assembly", "InAssembly", "The same in assembly."),
        ),
        sizes=(1, 8, 64, 256),
        unit="fill added up",
        drive=_drive_notional,
        claim="Arithmetic that cannot overflow needs no check.",
        rule="Each checked operation adds a comparison and a jump or more. Loop counters are "
        "unchecked by the compiler since 0.8.22.",
        pays="In inner loops, where the bound is known from the types.",
        does_not_pay="Where a storage slot or a word of calldata is touched for each item, which "
        "costs far more. Assembly adds little to `unchecked`.",
        readability="Each block needs a sentence that says why it cannot overflow, and readers who "
        "believe it.",
    ),
    Experiment(
        id="custom-errors",
        title="Calls that fail",
        techniques=(Technique.OPCODES, Technique.CALLS),
        question="What does it cost to say why a call fails?",
        source=LAB / "CustomErrors.sol",
        variants=_ERROR_VARIANTS,
        sizes=(1, 8, 32),
        unit="failing call",
        drive=_drive_failing,
        claim="Custom errors cost less than revert strings and tell more.",
        rule="A string is a selector, an offset, a length and padded text, each written to memory "
        "from code. A custom error is a selector and its arguments.",
        pays="At deployment; in calls that fail, for errors with few arguments, or raised by `if` "
        "and `revert`.",
        does_not_pay="By `require` with an error of several arguments: it costs more than a "
        "string. Bare reverts are cheaper still, by little, and leave the user with nothing.",
        readability="A gain: an error has a name, typed arguments and a place in the ABI.",
    ),
    Experiment(
        id="custom-errors-passing",
        title="Calls that pass the same guards",
        techniques=(Technique.OPCODES, Technique.CALLS),
        question="Do custom errors save anything where nothing fails?",
        source=LAB / "CustomErrors.sol",
        variants=_ERROR_VARIANTS,
        sizes=(1, 8, 32),
        unit="passing call",
        drive=_drive_passing,
        claim="Custom errors make every call cheaper, it is often said.",
        rule="A guard that holds is a comparison and a jump. But `require` is a function: the "
        "arguments of its error are evaluated before it, whether it holds or not (a read of "
        "storage, too), and it is truly called where an error used twice keeps it from being "
        "inlined.",
        pays="At deployment only: code that never runs costs 200 gas a byte, once.",
        does_not_pay="In the call. With arguments `require` can cost more than with a string, "
        "guard by guard; `if` and `revert` do not.",
        readability="As of calls that fail.",
    ),
    Experiment(
        id="error-arguments",
        title="What an error tells",
        techniques=(Technique.OPCODES,),
        question="Who pays for an error's arguments, if they are read from storage?",
        source=LAB / "ErrorArguments.sol",
        variants=(
            Variant(
                "require", "ByRequire", "`require` with the error: its argument is read first."
            ),
            Variant("if", "ByIf", "`if` and `revert`: the argument is read when it fails."),
        ),
        sizes=(1, 8),
        unit="order taken",
        drive=_drive_desk,
        claim="What an error tells costs only the caller who sees it.",
        rule="`require` is a function: its error's arguments are evaluated before it, whether it "
        "holds or not. EIP-2929: the first SLOAD of a slot costs 2,100.",
        pays="For arguments that must be read from storage, or worked out, and are needed for "
        "nothing else.",
        does_not_pay="For arguments that are locals or constants, or that the guard itself reads.",
        readability="`require` states what must hold, `if` what must not.",
    ),
    Experiment(
        id="clz",
        title="Finding the highest bit",
        techniques=(Technique.OPCODES,),
        question="What does CLZ replace?",
        source=LAB / "Clz.sol",
        variants=(
            Variant("binary", "BinarySearch", "Halving with branches, in plain Solidity."),
            Variant("openzeppelin", "Branchless", "`Math.log2` of OpenZeppelin: steps, a table."),
            Variant("solady", "Lookup", "`LibBit.fls` of Solady: the same idea."),
            Variant(
                "opcode",
                "Opcode",
                "CLZ, compiled for Osaka.",
                schedules=("osaka", "amsterdam-draft"),
                settings=OSAKA,
                source=LAB / "ClzOpcode.sol",
            ),
        ),
        sizes=(1, 8, 64),
        unit="word searched",
        drive=_drive_checksum,
        claim="An opcode replaces a search.",
        rule="EIP-7939: CLZ costs 5, from Osaka on. Without it: comparisons and shifts, or a few "
        "of them and a lookup in a word of constants.",
        pays="Wherever the fork has it.",
        does_not_pay="On chains without the fork: the opcode is invalid there and burns the call's "
        "gas.",
        readability="A gain, once the target fork is Osaka or later.",
    ),
    Experiment(
        id="push0",
        title="The compiler's target fork",
        techniques=(Technique.OPCODES,),
        question="What does it save to compile the same source for a newer fork?",
        source=LAB / "Push0.sol",
        variants=(
            Variant(
                "paris",
                "Bookkeeping",
                "Neither PUSH0 nor MCOPY.",
                settings=Settings(evm_version="paris"),
            ),
            Variant(
                "shanghai",
                "Bookkeeping",
                "With PUSH0.",
                settings=Settings(evm_version="shanghai"),
            ),
            Variant("cancun", "Bookkeeping", "With PUSH0 and MCOPY."),
            Variant(
                "cancun-legacy",
                "Bookkeeping",
                "For Cancun by legacy code generation.",
                settings=LEGACY,
            ),
            Variant(
                "osaka",
                "Bookkeeping",
                "For Osaka; the compiler writes no CLZ by itself.",
                schedules=("osaka", "amsterdam-draft"),
                settings=OSAKA,
            ),
        ),
        sizes=(1, 8, 32),
        unit="amount moved",
        drive=_drive_ledger,
        claim="A newer fork has better opcodes, and the compiler uses them without being asked.",
        rule="EIP-3855: PUSH0 costs 2 and one byte, PUSH1 0x00 costs 3 and two. EIP-5656 adds "
        "MCOPY, EIP-7939 CLZ.",
        pays="Everywhere that the fork is live: smaller code, and a gas for each zero.",
        does_not_pay="On a chain that lags behind: the code fails there at its first new opcode.",
        readability="None: a setting.",
    ),
    Experiment(
        id="branchless",
        title="Selecting without branches",
        techniques=(Technique.OPCODES,),
        question="What do branches cost in minimum, maximum and distance?",
        source=LAB / "Branchless.sol",
        variants=(
            Variant("branches", "Branches", "Conditionals."),
            Variant("selects", "Selects", "Selects by multiplication, in assembly."),
            Variant("masks", "Masks", "Masks made of the sign, in plain Solidity."),
        ),
        sizes=(1, 8, 64),
        unit="pair compared",
        drive=_drive_checksum,
        claim="Arithmetic without jumps costs less than a jump.",
        rule="JUMPI costs 10, JUMPDEST 1 and the PUSH of a target 3; nothing is predicted. MUL "
        "costs 5, XOR and LT 3.",
        pays="A little, in inner loops; and the gas no longer depends on the data.",
        does_not_pay="Beside a single access to storage it is nothing.",
        readability="`x ^ ((x ^ y) * lt)` needs its plain form above it.",
    ),
    Experiment(
        id="length-cache",
        title="The length of an array in storage",
        techniques=(Technique.OPCODES,),
        question="What does it save to read an array's length once, or whole slots?",
        source=LAB / "LengthCache.sol",
        variants=(
            Variant("each-time", "LengthEachTime", "The loop's condition asks for the length."),
            Variant("once", "LengthOnce", "The length is a local."),
            Variant("copied", "CopiedToMemory", "The array is copied to memory first."),
            Variant("slots", "SlotAtATime", "Each slot is read once, four prices out of it."),
            Variant(
                "each-time-legacy", "LengthEachTime", "As each-time, legacy code.", settings=LEGACY
            ),
            Variant("once-legacy", "LengthOnce", "As once, legacy code.", settings=LEGACY),
        ),
        sizes=(1, 8, 64),
        unit="price added up",
        drive=_drive_price_list,
        claim="The length of an array in storage should be read once, before the loop.",
        rule="EIP-2929: SLOAD of a warm slot costs 100. Each element's bounds check asks for the "
        "length again, whatever the loop's condition does.",
        pays="In legacy code, where one of two reads falls away. Reading whole slots, everywhere.",
        does_not_pay="Via IR, where the condition and the bounds check share one read: the local "
        "saves nothing. Nor for arrays in memory and calldata, whose length is a load of 3.",
        readability="A local more. Reading whole slots needs the layout of an array.",
    ),
)
