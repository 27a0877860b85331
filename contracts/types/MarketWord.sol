// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A market as listed, immutable; zero: not listed.
///
///     255       192         160           128      0
///     | name:64 | tickValue:32 | strikeValue:32 | 0 |
///
/// name: 2 to 8 characters, the first highest, padded with zero bytes
/// tickValue: atoms per (1 tick x 1 lot); strikeValue: atoms per (1 strike step x 1 lot)
type MarketWord is uint256;

using MarketWordLib for MarketWord global;

library MarketWordLib {
    function pack(bytes8 name_, uint32 tickValue_, uint32 strikeValue_)
        internal
        pure
        returns (MarketWord)
    {
        return MarketWord.wrap(
            uint256(uint64(name_)) << 192 | uint256(tickValue_) << 160
                | uint256(strikeValue_) << 128
        );
    }

    function name(MarketWord word) internal pure returns (bytes8) {
        return bytes8(uint64(MarketWord.unwrap(word) >> 192));
    }

    function tickValue(MarketWord word) internal pure returns (uint32) {
        return uint32(MarketWord.unwrap(word) >> 160);
    }

    function strikeValue(MarketWord word) internal pure returns (uint32) {
        return uint32(MarketWord.unwrap(word) >> 128);
    }

    /// A listed market has a name, so its word is not zero.
    function isListed(MarketWord word) internal pure returns (bool) {
        return MarketWord.unwrap(word) != 0;
    }
}
