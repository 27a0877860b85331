"""Faults of what opens words and state: Openings, Spots, Merkle."""

from tests.mutants.mutant import Mutant
from tests.mutants.provers import CORNERS, lies

LIBRARIES = ("tests/unit/contracts/test_libraries.py",)
FORGED = ("tests/property/test_inv_s9_forged_witnesses.py",)
OPENINGS = "libraries/Openings.sol"
SPOTS = "libraries/Spots.sol"
MERKLE = "libraries/Merkle.sol"

MUTANTS = (
    Mutant(
        "any words are the batch's",
        OPENINGS,
        "require(found == body.chunksRoot, WordsNotInBatch(found, body.chunksRoot));",
        "",
        FORGED,
    ),
    Mutant(
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
        FORGED,
    ),
    Mutant(
        "any words state a root",
        OPENINGS,
        "first.kind() == OP_ROOT_HI && first.isWellFormed() && second.kind() == OP_ROOT_LO",
        "first.isWellFormed() && second.kind() == OP_ROOT_LO",
        ("tests/unit/contracts/test_prover_margin.py",),
    ),
    Mutant(
        "the halves of a root are swapped",
        OPENINGS,
        "return bytes32(uint256(first.half()) << 128 | second.half());",
        "return bytes32(uint256(second.half()) << 128 | first.half());",
        CORNERS,
    ),
    Mutant(
        "the root is one word up",
        OPENINGS,
        "uint256 private constant HIGH_PLACE = 30; // of ROOT_HI in a chunk",
        "uint256 private constant HIGH_PLACE = 28; // of ROOT_HI in a chunk",
        CORNERS,
    ),
    Mutant(
        "any account is in the state",
        SPOTS,
        "require(found == stateRoot, AccountNotInState(index, found, stateRoot));",
        "",
        FORGED,
    ),
    Mutant(
        "any slots are the account's",
        SPOTS,
        "require(found == slotsRoot, SlotsNotInAccount(spot.index, found, slotsRoot));",
        "",
        FORGED,
    ),
    Mutant(
        "the slot's word is one further",
        SPOTS,
        "spot.index = order % SLOTS / WORD_SLOTS;",
        "spot.index = (order % SLOTS + 1) / WORD_SLOTS;",
        CORNERS,
    ),
    Mutant(
        "a leaf's shape is not looked at",
        SPOTS,
        "Leaf.check(leaf);",
        "",
        ("tests/unit/contracts/test_prover_margin.py",),
    ),
    Mutant(
        "one position too few is read",
        SPOTS,
        "leaf = reader.words(2 + (count + 3) / 4);",
        "leaf = reader.words(2 + (count + 2) / 4);",
        CORNERS,
    ),
    Mutant(
        "an index beyond the tree wraps",
        MERKLE,
        "require(index >> depth == 0, LeafIndexTooLarge(index, depth));",
        "",
        LIBRARIES,
    ),
    Mutant(
        "siblings above the tree",
        MERKLE,
        "require(present >> depth == 0, PathTooDeep(present, depth));",
        "",
        LIBRARIES,
    ),
    Mutant(
        "siblings that nobody needs",
        MERKLE,
        "require(siblings.length == expected, SiblingCountMismatch(siblings.length, expected));",
        "",
        LIBRARIES,
    ),
    Mutant(
        "left is right",
        MERKLE,
        "let place := shl(5, and(shr(level, index), 1)) // 0x20: root is the right one",
        "let place := shl(5, iszero(and(shr(level, index), 1)))",
        LIBRARIES,
    ),
    Mutant(
        "two empty subtrees are not empty",
        MERKLE,
        "if or(root, sibling) {",
        "if 1 {",
        LIBRARIES,
    ),
    Mutant(
        "an odd level is not filled up",
        MERKLE,
        "mstore(end, 0)",
        "",
        LIBRARIES,
    ),
    Mutant(
        "a tree of words is one level short",
        MERKLE,
        "while (1 << depth - 5 < chunkCount) ++depth;",
        "while (1 << depth - 5 < chunkCount - 1) ++depth;",
        LIBRARIES,
    ),
    Mutant(
        "the account tree is one level short",
        MERKLE,
        "uint256 internal constant ACCOUNT_TREE_DEPTH = 24;",
        "uint256 internal constant ACCOUNT_TREE_DEPTH = 23;",
        lies("roots", "one_atom"),
    ),
)
