"""Faults of what opens words and state: Openings, Spots, Merkle."""

from tests.mutants.mutant import Mutant, of_library
from tests.mutants.trials import CORNERS, lies

LIBRARIES = ("tests/unit/contracts/test_libraries.py",)
FORGED = ("tests/property/test_inv_s9_forged_witnesses.py",)
OPENINGS = "libraries/Openings.sol"
SPOTS = "libraries/Spots.sol"
MERKLE = "libraries/Merkle.sol"
BLOBS = "libraries/Blobs.sol"
PRECOMPILE = ("tests/findings/test_words_of_a_chain_without_the_precompile.py",)
HARNESS = ("mocks/OpeningsHarness.sol",)

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "a precompile that returns nothing has looked",
        BLOBS,
        "holds := and(holds, and(isWhole, eq(keccak256(0, 0x40), ANSWER)))",
        "",
        PRECOMPILE,
        compiled=HARNESS,
    ),
    Mutant(
        "a precompile that returns something more has looked",
        BLOBS,
        "and(isWhole, eq(keccak256(0, 0x40), ANSWER))",
        "eq(keccak256(0, 0x40), ANSWER)",
        PRECOMPILE,
        compiled=HARNESS,
    ),
    Mutant(
        "a precompile of another field, or of smaller blobs, has looked",
        BLOBS,
        "and(isWhole, eq(keccak256(0, 0x40), ANSWER))",
        "isWhole",
        PRECOMPILE,
        compiled=HARNESS,
    ),
    of_library(
        "any words are the batch's",
        OPENINGS,
        "require(found == body.chunksRoot, WordsNotInBatch(found, body.chunksRoot));",
        "",
        FORGED,
    ),
    of_library(
        "a chunk behind the last",
        OPENINGS,
        "require(number < body.chunkCount, ChunkUnknown(number, body.chunkCount));",
        "",
        FORGED,
    ),
    Mutant(
        "a word of the next chunk",
        OPENINGS,
        "require(place < CHUNK_WORDS, ChunkUnknown(number, body.chunkCount));",
        "",
        ("tests/unit/contracts/test_libraries_openings.py",),
        compiled=HARNESS,
    ),
    of_library(
        "any words state a root",
        OPENINGS,
        "high >> 240 == OP_ROOT_HI && low >> 240 == OP_ROOT_LO && uint112(high | low) == 0,",
        "low >> 240 == OP_ROOT_LO && uint112(high | low) == 0,",
        ("tests/unit/contracts/test_prover_margin.py",),
    ),
    of_library(
        "the halves of a root are swapped",
        OPENINGS,
        "return bytes32(uint256(uint128(high >> 112)) << 128 | uint128(low >> 112));",
        "return bytes32(uint256(uint128(low >> 112)) << 128 | uint128(high >> 112));",
        CORNERS,
    ),
    of_library(
        "the root is one word up",
        OPENINGS,
        "uint256 private constant HIGH_PLACE = 30; // of ROOT_HI in a chunk",
        "uint256 private constant HIGH_PLACE = 28; // of ROOT_HI in a chunk",
        CORNERS,
    ),
    of_library(
        "any account is in the state",
        SPOTS,
        "require(found == stateRoot, AccountNotInState(index, found, stateRoot));",
        "",
        FORGED,
    ),
    of_library(
        "any slots are the account's",
        SPOTS,
        "require(found == slotsRoot, SlotsNotInAccount(spot.index, found, slotsRoot));",
        "",
        FORGED,
    ),
    of_library(
        "the slot's word is one further",
        SPOTS,
        "spot.index = order % SLOTS / WORD_SLOTS;",
        "spot.index = (order % SLOTS + 1) / WORD_SLOTS;",
        CORNERS,
    ),
    of_library(
        "a leaf's shape is not looked at",
        SPOTS,
        "Leaf.check(leaf);",
        "",
        ("tests/unit/contracts/test_prover_margin.py",),
    ),
    of_library(
        "one position too few is read",
        SPOTS,
        "leaf = reader.words(2 + (count + 3) / 4);",
        "leaf = reader.words(2 + (count + 2) / 4);",
        CORNERS,
    ),
    of_library(
        "an index beyond the tree wraps",
        MERKLE,
        "require(index >> depth == 0, LeafIndexTooLarge(index, depth));",
        "",
        LIBRARIES,
    ),
    of_library(
        "siblings above the tree",
        MERKLE,
        "require(present >> depth == 0, PathTooDeep(present, depth));",
        "",
        LIBRARIES,
    ),
    of_library(
        "siblings that nobody needs",
        MERKLE,
        "require(siblings.length == expected, SiblingCountMismatch(siblings.length, expected));",
        "",
        LIBRARIES,
    ),
    of_library(
        "left is right",
        MERKLE,
        "let side := shl(5, index) // bit 5: on this level root is the right one",
        "let side := shl(5, not(index))",
        LIBRARIES,
    ),
    of_library(
        "four levels at once count three siblings",
        MERKLE,
        "end := add(end, 0x80)",
        "end := add(end, 0x60)",
        LIBRARIES,
    ),
    of_library(
        "four levels at once though one has no sibling",
        MERKLE,
        "if and(eq(and(present, 0x0f), 0x0f), iszero(iszero(root))) {",
        "if and(eq(and(present, 0x07), 0x07), iszero(iszero(root))) {",
        LIBRARIES,
    ),
    of_library(
        "four levels at once above nothing",
        MERKLE,
        "if and(eq(and(present, 0x0f), 0x0f), iszero(iszero(root))) {",
        "if eq(and(present, 0x0f), 0x0f) {",
        LIBRARIES,
        "differs only where a sibling is shown that is zero, which leads to no root of a tree",
    ),
    of_library(
        "two empty subtrees are not empty",
        MERKLE,
        "if or(root, sibling) {",
        "if 1 {",
        LIBRARIES,
    ),
    of_library(
        "an odd level is not filled up",
        MERKLE,
        "mstore(end, 0)",
        "",
        LIBRARIES,
    ),
    of_library(
        "a tree of words is one level short",
        MERKLE,
        "while (1 << depth - 5 < chunkCount) ++depth;",
        "while (1 << depth - 5 < chunkCount - 1) ++depth;",
        LIBRARIES,
    ),
    of_library(
        "the account tree is one level short",
        MERKLE,
        "uint256 internal constant ACCOUNT_TREE_DEPTH = 24;",
        "uint256 internal constant ACCOUNT_TREE_DEPTH = 23;",
        lies("roots", "one_atom"),
    ),
)
