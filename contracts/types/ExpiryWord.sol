// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// An expiry as opened, immutable; cap 0: not opened.
///
///     255      200              184  0
///     | cap:56 | reporterSet:16 | 0 |
///
/// cap: most that one lot can settle at, atoms per lot
type ExpiryWord is uint256;

using ExpiryWordLib for ExpiryWord global;

library ExpiryWordLib {
    function pack(uint56 cap_, uint16 reporterSet_) internal pure returns (ExpiryWord) {
        return ExpiryWord.wrap(uint256(cap_) << 200 | uint256(reporterSet_) << 184);
    }

    function cap(ExpiryWord word) internal pure returns (uint56) {
        return uint56(ExpiryWord.unwrap(word) >> 200);
    }

    function reporterSet(ExpiryWord word) internal pure returns (uint16) {
        return uint16(ExpiryWord.unwrap(word) >> 184);
    }

    function isOpened(ExpiryWord word) internal pure returns (bool) {
        return word.cap() != 0;
    }
}
