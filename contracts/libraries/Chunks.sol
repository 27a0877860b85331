// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {
    CHUNK_OPS,
    CHUNK_WORDS,
    OP_FILL,
    OP_RELEASE,
    OP_ROOT_HI,
    OP_ROOT_LO,
    OpWord
} from "../types/OpWord.sol";

/// The shape of a chunk (section 5): 30 ops and the root after them.
library Chunks {
    uint24 private constant FEE_ACCOUNT = 0;

    /// Whether the words are a chunk; if not, the first word that is wrong. 30: each word may stand
    /// where it stands, but not beside the others.
    function isWellFormed(uint256[] memory words) internal pure returns (bool, uint8 place) {
        bool fills;
        bool releasesFees;
        for (uint256 i; i < CHUNK_WORDS; ++i) {
            OpWord word = OpWord.wrap(words[i]);
            uint8 kind = word.kind();
            if (!word.isWellFormed() || !_mayStandAt(kind, i)) return (false, uint8(i));
            fills = fills || kind == OP_FILL;
            releasesFees =
                releasesFees || (kind == OP_RELEASE && word.asRelease().account == FEE_ACCOUNT);
        }
        return (!(fills && releasesFees), uint8(CHUNK_OPS));
    }

    /// The roots stand in the last two words and nowhere else.
    function _mayStandAt(uint8 kind, uint256 place) private pure returns (bool) {
        if (place < CHUNK_OPS) return kind != OP_ROOT_HI && kind != OP_ROOT_LO;
        return kind == (place == CHUNK_OPS ? OP_ROOT_HI : OP_ROOT_LO);
    }
}
