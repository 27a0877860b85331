// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A market (section 4). Zero: not listed.
///
///     | name:64 | tickValue:32 | strikeValue:32 | zero:128 |
///     ^ 255       191            159              127     0
///
/// `name`: 2 to 8 of A-Z and 0-9, left-aligned, the rest zero bytes.
type MarketWord is uint256;

using MarketWordLibrary for MarketWord global;

library MarketWordLibrary {
    function make(bytes8 name_, uint32 tickValue_, uint32 strikeValue_)
        internal
        pure
        returns (MarketWord)
    {
        return MarketWord.wrap(
            uint256(uint64(name_)) << 192 | uint256(tickValue_) << 160 | uint256(strikeValue_) << 128
        );
    }

    function name(MarketWord self) internal pure returns (bytes8) {
        return bytes8(uint64(MarketWord.unwrap(self) >> 192));
    }

    /// Atoms paid per tick and lot.
    function tickValue(MarketWord self) internal pure returns (uint32) {
        return uint32(MarketWord.unwrap(self) >> 160);
    }

    /// Atoms per strike step and lot.
    function strikeValue(MarketWord self) internal pure returns (uint32) {
        return uint32(MarketWord.unwrap(self) >> 128);
    }

    function isEmpty(MarketWord self) internal pure returns (bool) {
        return MarketWord.unwrap(self) == 0;
    }
}
