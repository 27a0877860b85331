// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Fee rates of a market, atoms per lot, dated: the new ones hold from `builtAt >= activeAt` on.
///
///     | oldTaker:i32 | oldMaker:i32 | newTaker:i32 | newMaker:i32 | activeAt:40 | zero:88 |
///     ^ 255            223            191            159            127           87     0
type FeesWord is uint256;

using FeesWordLibrary for FeesWord global;

library FeesWordLibrary {
    function make(
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

    function oldTaker(FeesWord self) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(self) >> 224));
    }

    function oldMaker(FeesWord self) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(self) >> 192));
    }

    function newTaker(FeesWord self) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(self) >> 160));
    }

    function newMaker(FeesWord self) internal pure returns (int32) {
        return int32(uint32(FeesWord.unwrap(self) >> 128));
    }

    function activeAt(FeesWord self) internal pure returns (uint40) {
        return uint40(FeesWord.unwrap(self) >> 88);
    }

    /// The rates for a batch built at `builtAt`.
    function ratesAt(FeesWord self, uint256 builtAt) internal pure returns (int32 taker, int32 maker) {
        return builtAt >= activeAt(self)
            ? (newTaker(self), newMaker(self))
            : (oldTaker(self), oldMaker(self));
    }
}
