"""Faults of leaves, margin and op words."""

from tests.mutants.mutant import Mutant
from tests.mutants.provers import lies

LEAVES = ("tests/unit/contracts/test_libraries.py", "-k", "leaf")
WORST = ("tests/unit/contracts/test_libraries_margin.py",)
OPS = ("tests/unit/contracts/test_libraries_words.py",)
LEAF = "libraries/Leaf.sol"
MARGIN = "libraries/Margin.sol"
OP_WORD = "types/OpWord.sol"

MUTANTS = (
    # --- leaves
    Mutant(
        "a leaf of one word",
        LEAF,
        "require(words.length >= 2, LeafLength(words.length, 2));",
        "require(words.length >= 1, LeafLength(words.length, 2));",
        LEAVES,
    ),
    Mutant(
        "33 positions in a leaf",
        LEAF,
        "require(count <= MAX_POSITIONS, TooManyPositions(count));",
        "require(count <= MAX_POSITIONS + 1, TooManyPositions(count));",
        LEAVES,
    ),
    Mutant(
        "a leaf with a word too many",
        LEAF,
        "require(words.length == expected, LeafLength(words.length, expected));",
        "",
        LEAVES,
    ),
    Mutant(
        "a leaf of another rule",
        LEAF,
        "first.rule() == 0 && first.epoch() == 0, UnknownRule(first.rule(), first.epoch())",
        "first.epoch() == 0, UnknownRule(first.rule(), first.epoch())",
        LEAVES,
    ),
    Mutant(
        "an instrument twice in a leaf",
        LEAF,
        "instrument > previous && position.lots() != 0,",
        "instrument >= previous && position.lots() != 0,",
        LEAVES,
    ),
    Mutant(
        "a position of no lots in a leaf",
        LEAF,
        "instrument > previous && position.lots() != 0,",
        "instrument > previous,",
        LEAVES,
    ),
    Mutant(
        "something in an unused quarter",
        LEAF,
        "require(positionAt(words, i).isEmpty(), UnusedQuarterNotZero(i));",
        "",
        LEAVES,
    ),
    Mutant("the empty leaf has a hash", LEAF, "if (some == 0) return 0;", "", LEAVES),
    Mutant("a leaf hashes like a node", LEAF, "mstore8(start, 0)", "mstore8(start, 1)", LEAVES),
    # --- margin
    Mutant(
        "a payoff has no cap",
        MARGIN,
        "uint256 settled = price < cap ? price : cap;",
        "uint256 settled = price;",
        WORST,
    ),
    Mutant(
        "a put is a call",
        MARGIN,
        "isCall ? (settled, strike) : (strike, settled);",
        "isCall ? (settled, strike) : (settled, strike);",
        WORST,
    ),
    Mutant(
        "a price of the second counts for margin",
        MARGIN,
        "total += fixedAt != 0 && fixedAt < before",
        "total += fixedAt != 0 && fixedAt <= before",
        WORST,
    ),
    Mutant(
        "a price never fixed counts",
        MARGIN,
        "total += fixedAt != 0 && fixedAt < before",
        "total += fixedAt < before",
        WORST,
    ),
    Mutant(
        "legs of two expiries are one",
        MARGIN,
        "while (to < legs.length && legs[to] >> 104 == legs[from] >> 104) ++to;",
        "while (to < legs.length && legs[to] >> 128 == legs[from] >> 128) ++to;",
        WORST,
    ),
    Mutant(
        "the least is not followed to the cap",
        MARGIN,
        "value += slope * int256(cap - price);",
        "",
        WORST,
    ),
    Mutant(
        "the least at the cap is not taken",
        MARGIN,
        "value += slope * int256(cap - price);\n        if (value < least) least = value;",
        "value += slope * int256(cap - price);",
        WORST,
    ),
    Mutant(
        "strikes are not looked at",
        MARGIN,
        "slope += lots;\n            if (value < least) least = value;",
        "slope += lots;",
        WORST,
    ),
    Mutant(
        "puts are worth nothing at 0",
        MARGIN,
        "value += int256(strike) * lots;",
        "",
        WORST,
    ),
    Mutant(
        "strikes at the cap bend",
        MARGIN,
        "if (strike >= cap) break;",
        "if (strike > cap) break;",
        WORST,
        "at the cap itself a bend comes after the last price: the least is the same",
    ),
    # --- op words
    Mutant(
        "a bit above 247",
        OP_WORD,
        "if (raw >> 248 != 0) return false;",
        "",
        OPS,
    ),
    Mutant(
        "a flag that means nothing",
        OP_WORD,
        "if (kind_ == OP_FILL) return asFill(self).flags & ~uint8(FILL_FLAGS) == 0;",
        "if (kind_ == OP_FILL) return true;",
        OPS,
    ),
    Mutant(
        "a NOP with a payload",
        OP_WORD,
        "if (kind_ == OP_NOP) reserved = 240;",
        "if (kind_ == OP_NOP) reserved = 0;",
        OPS,
    ),
    Mutant(
        "a reserved bit in a credit",
        OP_WORD,
        "else if (kind_ == OP_CREDIT) reserved = 152;",
        "else if (kind_ == OP_CREDIT) reserved = 151;",
        lies("malformed", "credit"),
    ),
    Mutant(
        "a reserved bit in a withdrawal",
        OP_WORD,
        "else if (kind_ == OP_WITHDRAW) reserved = 104;",
        "else if (kind_ == OP_WITHDRAW) reserved = 103;",
        lies("malformed", "withdrawal"),
    ),
    Mutant(
        "a reserved bit in a settle",
        OP_WORD,
        "else if (kind_ == OP_SETTLE) reserved = 184;",
        "else if (kind_ == OP_SETTLE) reserved = 183;",
        lies("malformed", "settle"),
    ),
    Mutant(
        "a reserved bit in a transfer",
        OP_WORD,
        "else if (kind_ == OP_TRANSFER) reserved = 80;",
        "else if (kind_ == OP_TRANSFER) reserved = 79;",
        lies("malformed", "transfer"),
    ),
    Mutant(
        "a reserved bit in a release",
        OP_WORD,
        "else if (kind_ == OP_RELEASE) reserved = 128;",
        "else if (kind_ == OP_RELEASE) reserved = 127;",
        lies("malformed", "of_a_release"),
    ),
    Mutant(
        "a reserved bit in a root",
        OP_WORD,
        "else if (kind_ == OP_ROOT_HI || kind_ == OP_ROOT_LO) reserved = 112;",
        "else if (kind_ == OP_ROOT_HI || kind_ == OP_ROOT_LO) reserved = 111;",
        lies("malformed", "root"),
    ),
    Mutant(
        "a kind that nobody knows",
        OP_WORD,
        "else return false;",
        "else reserved = 240;",
        OPS,
    ),
)
