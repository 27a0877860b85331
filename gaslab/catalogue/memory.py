"""Memory: what it costs to take it, to keep it, and to move it."""

from __future__ import annotations

from pathlib import Path
from random import Random

from gaslab.catalogue.driving import one_call
from gaslab.experiment import Experiment, Settings, Technique, Variant

LAB = Path(__file__).parents[2] / "contracts/lab"
LEGACY = Settings(via_ir=False)
SHANGHAI = Settings(evm_version="shanghai")  # the last one without MCOPY

SEED = int.from_bytes(Random("memory").randbytes(32), "big")
SHORT_SEED = SEED >> 192
HALF = 2**63  # prices of 64 bits are above it as often as not

Order = tuple[bytes, int, int, int]  # trader, price, quantity, nonce


# --- inputs ---------------------------------------------------------------------------------------


def orders(n: int) -> list[Order]:
    """Orders of as many traders, at prices close to each other."""
    random = Random("orders")
    return [
        (
            random.randbytes(20),
            64_250_000_000 + random.randrange(1 << 16),
            random.randrange(1, 1 << 40),
            1_800_000_000_000 + i,
        )
        for i in range(n)
    ]


def payload(words: int) -> bytes:
    """Words with one non-zero byte each, so that calldata weighs as little as it can."""
    return b"".join((i % 255 + 1).to_bytes(32, "big") for i in range(words))


# --- drivers --------------------------------------------------------------------------------------


_drive_orders = one_call("root", lambda _, n: (orders(n),))
_drive_leaves = one_call("derived", lambda _, n: (SEED.to_bytes(32, "big"), n))
_drive_ladders = one_call("run", lambda _, n: (SEED, n))
_drive_pages = one_call("chain", lambda _, n: (SEED, n))
_drive_sieve = one_call("sift", lambda _, n: (SEED, n, HALF))
_drive_values = one_call("checksum", lambda _, n: (SEED, n))
_drive_totals = one_call("checksum", lambda _, n: (SHORT_SEED, n))
_drive_broadcast = one_call("broadcast", lambda _, n: (payload(n),))


# --- the experiments ------------------------------------------------------------------------------

_HASH_VARIANTS = (
    Variant("encode", "EncodeThenHash", "Each encoding is a new `bytes memory`."),
    Variant("buffer", "HashInBuffer", "One buffer, allocated before the loop."),
    Variant("scratch", "HashInScratch", "Scratch space, and what lies beyond the free pointer."),
)

EXPERIMENTS = (
    Experiment(
        id="scratch-hash",
        title="Hashing orders that come as calldata",
        techniques=(Technique.SCRATCH,),
        question="What does hashing without garbage save, if the orders are calldata?",
        source=LAB / "ScratchHash.sol",
        variants=_HASH_VARIANTS,
        sizes=(1, 8, 64, 256),
        unit="order hashed",
        drive=_drive_orders,
        claim="What is hashed and then forgotten needs no memory of its own.",
        rule="Each `abi.encode` moves the free-memory pointer and memory is paid for by its "
        "highest word; KECCAK256 costs the same wherever the words stand. EIP-7623 sets a floor by "
        "the bytes of calldata.",
        pays="On schedules without a calldata floor, or beside work that lifts the execution above "
        "it.",
        does_not_pay="Where the floor is higher than the execution: it is then paid either way.",
        readability="An assembly block for each hash, which must check what the decoder no longer "
        "sees.",
    ),
    Experiment(
        id="scratch-hash-derived",
        title="Hashing leaves that are not calldata",
        techniques=(Technique.SCRATCH,),
        question="What does hashing in the scratch space save, if no calldata floor hides it?",
        source=LAB / "ScratchHash.sol",
        variants=_HASH_VARIANTS,
        sizes=(1, 8, 64, 256),
        unit="leaf hashed",
        drive=_drive_leaves,
        claim="Two words are hashed in the scratch space for the price of the hash.",
        rule="0x00-0x3f is scratch space by the compiler's own rules: two MSTORE of 3 and "
        "KECCAK256 of 42, no pointer to load, move and pay for.",
        pays="Always: trees, chains of hashes, slots of mappings.",
        does_not_pay="For input of more than two words, which needs the memory beyond the free "
        "pointer.",
        readability="Four lines of assembly with one line of Solidity above.",
    ),
    Experiment(
        id="pointer-reset",
        title="Garbage, a reset pointer, a pool",
        techniques=(Technique.POOL, Technique.SCRATCH),
        question="When does giving memory back pay, and does the code generator change that?",
        source=LAB / "PointerReset.sol",
        variants=(
            Variant("garbage", "GrowingGarbage", "A new ladder each round; old ones stay."),
            Variant("reset", "PointerReset", "The free pointer is put back after each round."),
            Variant("pool", "Pool", "One ladder for all rounds, cleared where it was used."),
            Variant(
                "garbage-legacy", "GrowingGarbage", "As garbage, legacy code.", settings=LEGACY
            ),
            Variant("reset-legacy", "PointerReset", "As reset, legacy code.", settings=LEGACY),
            Variant("pool-legacy", "Pool", "As pool, legacy code.", settings=LEGACY),
        ),
        sizes=(1, 4, 16, 64),
        unit="round with a ladder of 64 words",
        drive=_drive_ladders,
        claim="Memory that is given back, or taken once before the loop, does not grow.",
        rule="Memory costs 3 w + w^2 / 512 for its highest word, and `new` zeroes what it takes "
        "with CALLDATACOPY at 3 a word.",
        pays="From kilobytes on, where the square outgrows the rest.",
        does_not_pay="For a few small arrays: the reset is then as dear as what it saves. A pool "
        "of which little is used should not be cleared entry by entry: zeroing a new array costs "
        "less.",
        readability="Who reuses a pool must clear it, else a level of the last round still stands. "
        "A reference that outlives a reset points into memory that is used again.",
    ),
    Experiment(
        id="memory-quadratic",
        title="A stream of pages through memory",
        techniques=(Technique.MEMORY_HARD, Technique.GAS_CAP),
        question="Where does the square overtake the line, and how is it avoided?",
        source=LAB / "MemoryQuadratic.sol",
        variants=(
            Variant("whole", "WholeEncoded", "All pages are made, then encoded and hashed."),
            Variant("in-place", "WholeInPlace", "All pages are made, then hashed as they stand."),
            Variant("chunked", "Chunked", "One page, made and hashed n times."),
            Variant("frames", "Frames", "A call frame for each page; its memory ends with it."),
        ),
        sizes=(1, 16, 128, 512),
        unit="page of a kilobyte",
        drive=_drive_pages,
        claim="A stream is worked off in pieces, since memory is paid for by its highest word.",
        rule="3 w + w^2 / 512 for w words, for each call frame apart.",
        pays="From a few dozen kilobytes on. A transaction of 2^24 gas cannot hold three "
        "megabytes, whatever it does with them.",
        does_not_pay="For a few kilobytes. A frame for each page is for pages that cannot be "
        "reused: it pays a call where a second use of the same page pays nothing.",
        readability="A page that is reused is little harder to read; a frame needs a function of "
        "its own.",
    ),
    Experiment(
        id="memory-compaction",
        title="Sifting an array in memory",
        techniques=(Technique.COMPACTION, Technique.POOL),
        question="What does it cost to drop items from an array in memory?",
        source=LAB / "MemoryCompaction.sol",
        variants=(
            Variant("count", "CountThenCopy", "Counted first, then copied to an exact array."),
            Variant("shorten", "CopyThenShorten", "Copied to a long array, shortened at the end."),
            Variant("in-place", "CompactInPlace", "Moved up where they stand, then shortened."),
            Variant("words", "CompactByWord", "The same without bounds checks and branches."),
        ),
        sizes=(1, 8, 64, 256),
        unit="order sifted",
        drive=_drive_sieve,
        claim="An array that shrinks needs no second array.",
        rule="Memory is never freed, so a copy is paid for beside the original. An array's length "
        "is its first word; a smaller one written there shortens it where it stands.",
        pays="For arrays of any size.",
        does_not_pay="Where the original is needed again.",
        readability="One line of assembly, and the knowledge that nobody else holds the array.",
    ),
    Experiment(
        id="memory-spread",
        title="Dense and spread memory",
        techniques=(Technique.MEMORY_HARD, Technique.ALIGNMENT),
        question="What does it cost to keep values far apart in memory?",
        source=LAB / "MemorySpread.sol",
        variants=(
            Variant("dense", "Dense", "An ordinary array, a word for each value."),
            Variant("words", "DenseByWord", "The same without bounds checks."),
            Variant("spread", "Spread", "A kilobyte for each value, without bounds checks."),
            Variant("packed", "Packed", "Four values to a word."),
            Variant("recomputed", "Recomputed", "Nothing kept: each value is made again."),
        ),
        sizes=(1, 16, 128, 512),
        unit="value kept",
        drive=_drive_values,
        claim="Memory is paid for by its highest address and not by what is used, so dense costs "
        "less.",
        rule="3 w + w^2 / 512 for the highest word. A store at one megabyte pays for all of it.",
        pays="Leaving out what can be made again. Density, wherever memory is large.",
        does_not_pay="Packing to save memory: up to many kilobytes the shifts cost more than the "
        "words.",
        readability="Packed values need shifts and masks.",
    ),
    Experiment(
        id="stack-to-memory",
        title="More locals than the stack reaches",
        techniques=(Technique.STACK_TO_MEMORY,),
        question="Who should move locals to memory: the author or the compiler?",
        source=LAB / "StackToMemory.sol",
        variants=(
            Variant(
                "struct-legacy",
                "TotalsInStruct",
                "Legacy code; the author keeps the totals in a struct in memory.",
                settings=LEGACY,
            ),
            Variant(
                "scopes-legacy",
                "TotalsInScopes",
                "Legacy code; four passes with four totals each.",
                settings=LEGACY,
            ),
            Variant("struct", "TotalsInStruct", "The struct via IR."),
            Variant("scopes", "TotalsInScopes", "The four passes via IR."),
            Variant(
                "locals",
                "TotalsInLocals",
                "Plain locals via IR; the compiler moves those that it must.",
                source=LAB / "StackToMemoryLocals.sol",
            ),
        ),
        sizes=(1, 8, 64),
        unit="fill counted",
        drive=_drive_totals,
        claim="Plain locals via IR cost less than a struct in memory: a fixed address needs no "
        "pointer, and most locals stay on the stack.",
        rule="DUP16 and SWAP16 reach deepest. Beyond them legacy code generation gives up; the IR "
        "pipeline moves locals to fixed memory, if all assembly is memory-safe.",
        pays="In inner loops with many running values.",
        does_not_pay="Where locals could end their life earlier: reordering is free at run time.",
        readability="Plain locals read best. A struct puts a name before each; scopes by hand "
        "break up what belongs together.",
    ),
    Experiment(
        id="mcopy",
        title="Copying memory",
        techniques=(Technique.OPCODES, Technique.POOL),
        question="What does it cost to put the same payload behind 32 headers?",
        source=LAB / "Mcopy.sol",
        variants=(
            Variant(
                "packed",
                "EncodePacked",
                "`abi.encodePacked` for each recipient; solc copies by MCOPY.",
                source=LAB / "EncodePacked.sol",
            ),
            Variant(
                "packed-shanghai",
                "EncodePacked",
                "The same source for the fork before; solc writes a loop.",
                settings=SHANGHAI,
                source=LAB / "EncodePacked.sol",
            ),
            Variant("loop", "CopyByLoop", "A frame that is used again, copied word by word."),
            Variant("identity", "CopyByIdentity", "The same by the precompile at address 4."),
            Variant("mcopy", "CopyByMcopy", "The same by one instruction."),
            Variant("calldatacopy", "CopyFromCalldata", "The same straight from calldata."),
        ),
        sizes=(1, 8, 64),
        unit="word of payload",
        drive=_drive_broadcast,
        claim="MCOPY moves memory for a small part of what a loop costs.",
        rule="EIP-5656: 3 and 3 a word. The identity precompile costs 15 and 3 a word, and a call "
        "to a warm address. CALLDATACOPY costs what MCOPY does and needs no first copy.",
        pays="Against a loop, from a single word on; against the precompile, always.",
        does_not_pay="Where the payload still lies in calldata: copy it from there. A frame reused "
        "by hand saves memory beside it, but the compiler's own MCOPY is nearly as good.",
        readability="One instruction. For evm version cancun `abi.encodePacked` and `bytes.concat` "
        "use it by themselves.",
        per_item=False,
    ),
)
