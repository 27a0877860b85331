// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The dated fee rates of a market, atoms per lot; negative: a rebate.
///
///     255           224           192           160           128           88   0
///     | oldTaker:32 | oldMaker:32 | newTaker:32 | newMaker:32 | activeAt:40 | 0 |
///
/// The new rates hold from builtAt >= activeAt on, the old ones before.
type FeesWord is uint256;

using FeesWordLib for FeesWord global;

library FeesWordLib {
    function pack(
        int32 oldTaker_,
        int32 oldMaker_,
        int32 newTaker_,
        int32 newMaker_,
        uint40 activeAt_
    ) internal pure returns (FeesWord) {
        return FeesWord.wrap(
            uint256(uint32(oldTaker_)) << 224 | uint256(uint32(oldMaker_)) << 192
                | uint256(uint32(newTaker_)) << 160 | uint256(uint32(newMaker_)) << 128
                | uint256(activeAt_) << 88
        );
    }

    function oldTaker(FeesWord word) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(word) >> 224));
    }

    function oldMaker(FeesWord word) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(word) >> 192));
    }

    function newTaker(FeesWord word) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(word) >> 160));
    }

    function newMaker(FeesWord word) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(word) >> 128));
    }

    function activeAt(FeesWord word) internal pure returns (uint40) {
        return uint40(FeesWord.unwrap(word) >> 88);
    }

    /// The rates that hold in a batch opened at `builtAt`.
    function ratesAt(FeesWord word, uint256 builtAt)
        internal
        pure
        returns (int32 taker, int32 maker)
    {
        return builtAt >= word.activeAt()
            ? (word.newTaker(), word.newMaker())
            : (word.oldTaker(), word.oldMaker());
    }
}
