// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// An opened expiry of a market (section 4). Zero: not opened (a cap is not 0).
///
///     | cap:56 | reporterSet:16 | strikeValue:32 | zero:152 |
///     ^ 255      199              183              151      0
///
/// `cap`: the most that one lot can settle at, atoms per lot. `strikeValue`: the market's, which never
/// changes, so that margin reads one word of each expiry and none of its market.
type ExpiryWord is uint256;

using ExpiryWordLibrary for ExpiryWord global;

library ExpiryWordLibrary {
    function make(uint56 cap_, uint16 reporterSet_, uint32 strikeValue_)
        internal
        pure
        returns (ExpiryWord)
    {
        return ExpiryWord.wrap(
            uint256(cap_) << 200 | uint256(reporterSet_) << 184 | uint256(strikeValue_) << 152
        );
    }

    function cap(ExpiryWord self) internal pure returns (uint56) {
        return uint56(ExpiryWord.unwrap(self) >> 200);
    }

    function reporterSet(ExpiryWord self) internal pure returns (uint16) {
        return uint16(ExpiryWord.unwrap(self) >> 184);
    }

    function strikeValue(ExpiryWord self) internal pure returns (uint32) {
        return uint32(ExpiryWord.unwrap(self) >> 152);
    }

    function isEmpty(ExpiryWord self) internal pure returns (bool) {
        return ExpiryWord.unwrap(self) == 0;
    }
}
