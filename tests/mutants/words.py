"""Faults of leaves, margin and op words."""

from tests.mutants.mutant import Mutant, of_library
from tests.mutants.trials import lies

LEAVES = ("tests/unit/contracts/test_libraries.py", "-k", "leaf")
WORST = ("tests/unit/contracts/test_libraries_margin.py",)
OPS = ("tests/unit/contracts/test_libraries_words.py",)
LEAF = "libraries/Leaf.sol"
MARGIN = "libraries/Margin.sol"
OP_WORD = "types/OpWord.sol"

MUTANTS: tuple[Mutant, ...] = (
    # --- leaves
    of_library(
        "a leaf of one word",
        LEAF,
        "require(words.length >= 2, LeafLength(words.length, 2));",
        "require(words.length >= 1, LeafLength(words.length, 2));",
        LEAVES,
    ),
    of_library(
        "33 positions in a leaf",
        LEAF,
        "require(count <= MAX_POSITIONS, TooManyPositions(count));",
        "require(count <= MAX_POSITIONS + 1, TooManyPositions(count));",
        LEAVES,
    ),
    of_library(
        "a leaf with a word too many",
        LEAF,
        "require(words.length == expected, LeafLength(words.length, expected));",
        "",
        LEAVES,
    ),
    of_library(
        "a leaf of another rule",
        LEAF,
        "first.rule() == 0 && first.epoch() == 0, UnknownRule(first.rule(), first.epoch())",
        "first.epoch() == 0, UnknownRule(first.rule(), first.epoch())",
        LEAVES,
    ),
    of_library(
        "an instrument twice in a leaf",
        LEAF,
        "instrument > previous && lots != 0,",
        "instrument >= previous && lots != 0,",
        LEAVES,
    ),
    of_library(
        "a position of no lots in a leaf",
        LEAF,
        "instrument > previous && lots != 0,",
        "instrument > previous,",
        LEAVES,
    ),
    of_library(
        "something in an unused quarter",
        LEAF,
        "require(word >> 192 == 0, UnusedQuarterNotZero(i));",
        "",
        LEAVES,
    ),
    of_library(
        "the empty leaf has a hash", LEAF, "if (zeros == words.length) return 0;", "", LEAVES
    ),
    of_library("a leaf hashes like a node", LEAF, "mstore8(start, 0)", "mstore8(start, 1)", LEAVES),
    of_library(
        "four positions at once need not ascend",
        LEAF,
        "and(gt(a, last), gt(b, or(a, lots))),",
        "and(gt(a, last), gt(b, a)),",
        LEAVES,
    ),
    of_library(
        "four positions at once need not follow those before",
        LEAF,
        "and(gt(a, last), gt(b, or(a, lots))),",
        "gt(b, or(a, lots)),",
        LEAVES,
    ),
    of_library(
        "the fourth of four positions has no lots",
        LEAF,
        "mul(and(c, lots), and(d, lots))",
        "and(c, lots)",
        LEAVES,
    ),
    # --- margin
    of_library(
        "a payoff has no cap",
        MARGIN,
        "uint256 settled = price < cap ? price : cap;",
        "uint256 settled = price;",
        WORST,
    ),
    of_library(
        "a put is a call",
        MARGIN,
        "isCall ? (settled, strike) : (strike, settled);",
        "isCall ? (settled, strike) : (settled, strike);",
        WORST,
    ),
    of_library(
        "a price of the second counts for margin",
        MARGIN,
        "isFixed = fixedAt != 0 && fixedAt < before;",
        "isFixed = fixedAt != 0 && fixedAt <= before;",
        WORST,
    ),
    of_library(
        "a price never fixed counts",
        MARGIN,
        "isFixed = fixedAt != 0 && fixedAt < before;",
        "isFixed = fixedAt < before;",
        WORST,
    ),
    of_library(
        "a price fixed after the expiry's second does not count",
        "types/Leg.sol",
        "return uint256(self.expiry()) * 1 hours < time;",
        "return uint256(self.expiry()) * 1 hours + 2 < time;",
        WORST,
    ),
    of_library(
        "all series settle at the first price",
        MARGIN,
        "price = fixes[next++];",
        "price = fixes[next];",
        WORST,
    ),
    of_library(
        "a price is asked for each leg, not for each series",
        MARGIN,
        "if (!leg.isBeside(previous) && leg.isPassed(before)) {",
        "if (leg.isPassed(before)) {",
        WORST,
    ),
    of_library(
        "prices are asked of expiries that lie ahead, too",
        MARGIN,
        "if (!leg.isBeside(previous) && leg.isPassed(before)) {",
        "if (!leg.isBeside(previous)) {",
        (*WORST, "-k", "lies_ahead"),  # at random it is found seldom, and shrunk for minutes
    ),
    of_library(
        "legs of two expiries are one",
        MARGIN,
        "while (to < legs.length && first.isBeside(_at(legs, to))) ++to;",
        "while (to < legs.length && first.market() == _at(legs, to).market()) ++to;",
        WORST,
    ),
    of_library(
        "the least is not followed to the cap",
        MARGIN,
        "value += slope * int256(cap - price);",
        "",
        WORST,
    ),
    of_library(
        "the least at the cap is not taken",
        MARGIN,
        "value += slope * int256(cap - price);\n            if (value < least) least = value;",
        "value += slope * int256(cap - price);",
        WORST,
    ),
    of_library(
        "strikes are not looked at",
        MARGIN,
        "slope += leg.lots();\n                if (value < least) least = value;",
        "slope += leg.lots();",
        WORST,
    ),
    of_library(
        "puts are worth nothing at 0",
        MARGIN,
        "value += int256(leg.strike()) * lots;",
        "",
        WORST,
    ),
    of_library(
        "strikes at the cap bend",
        MARGIN,
        "if (strike >= cap) break;",
        "if (strike > cap) break;",
        WORST,
        "at the cap itself a bend comes after the last price: the least is the same",
    ),
    # --- op words
    of_library(
        "a bit above 247",
        OP_WORD,
        "if (raw >> 248 != 0) return false;",
        "",
        OPS,
    ),
    of_library(
        "a flag that means nothing",
        OP_WORD,
        "if (kind_ == OP_FILL) return asFill(self).flags & ~uint8(FILL_FLAGS) == 0;",
        "if (kind_ == OP_FILL) return true;",
        OPS,
    ),
    of_library(
        "a NOP with a payload",
        OP_WORD,
        "if (kind_ == OP_NOP) reserved = 240;",
        "if (kind_ == OP_NOP) reserved = 0;",
        OPS,
    ),
    of_library(
        "a reserved bit in a credit",
        OP_WORD,
        "else if (kind_ == OP_CREDIT) reserved = 152;",
        "else if (kind_ == OP_CREDIT) reserved = 151;",
        lies("malformed", "credit"),
    ),
    of_library(
        "a reserved bit in a withdrawal",
        OP_WORD,
        "else if (kind_ == OP_WITHDRAW) reserved = 104;",
        "else if (kind_ == OP_WITHDRAW) reserved = 103;",
        lies("malformed", "withdrawal"),
    ),
    of_library(
        "a reserved bit in a settle",
        OP_WORD,
        "else if (kind_ == OP_SETTLE) reserved = 184;",
        "else if (kind_ == OP_SETTLE) reserved = 183;",
        lies("malformed", "settle"),
    ),
    of_library(
        "a reserved bit in a transfer",
        OP_WORD,
        "else if (kind_ == OP_TRANSFER) reserved = 80;",
        "else if (kind_ == OP_TRANSFER) reserved = 79;",
        lies("malformed", "transfer"),
    ),
    of_library(
        "a reserved bit in a release",
        OP_WORD,
        "else if (kind_ == OP_RELEASE) reserved = 128;",
        "else if (kind_ == OP_RELEASE) reserved = 127;",
        lies("malformed", "of_a_release"),
    ),
    of_library(
        "a reserved bit in a root",
        OP_WORD,
        "else if (kind_ == OP_ROOT_HI || kind_ == OP_ROOT_LO) reserved = 112;",
        "else if (kind_ == OP_ROOT_HI || kind_ == OP_ROOT_LO) reserved = 111;",
        lies("malformed", "root"),
    ),
    of_library(
        "a kind that nobody knows",
        OP_WORD,
        "else return false;",
        "else reserved = 240;",
        OPS,
    ),
)
