// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What the chain keeps of a batch: the first 216 bits of its hash, and when it was committed.
///
///     | first 216 bits of batchHash | committedAt:40 |
///     ^ 255                           39            0
///
/// A word of zero is a place of the ring that was never used.
type RingWord is bytes32;

using RingWordLibrary for RingWord global;

library RingWordLibrary {
    function make(bytes32 batchHash, uint40 committedAt_) internal pure returns (RingWord) {
        return RingWord.wrap(_first216(batchHash) | bytes32(uint256(committedAt_)));
    }

    function committedAt(RingWord self) internal pure returns (uint40) {
        return uint40(uint256(RingWord.unwrap(self)));
    }

    /// `parent` in the header of the next batch: this word with its low 40 bits zero.
    function parent(RingWord self) internal pure returns (bytes32) {
        return _first216(RingWord.unwrap(self));
    }

    function isEmpty(RingWord self) internal pure returns (bool) {
        return RingWord.unwrap(self) == 0;
    }

    /// Whether this is the word of the batch with this hash.
    function binds(RingWord self, bytes32 batchHash) internal pure returns (bool) {
        return parent(self) == _first216(batchHash) && !isEmpty(self);
    }

    function _first216(bytes32 word) private pure returns (bytes32) {
        return word >> 40 << 40;
    }
}
