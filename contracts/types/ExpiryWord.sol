// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// An opened expiry of a market (section 4). Zero: not opened (a cap is not 0).
///
///     | cap:56 | reporterSet:16 | zero:184 |
///     ^ 255      199              183     0
///
/// `cap`: the most that one lot can settle at, atoms per lot.
type ExpiryWord is uint256;

using ExpiryWordLibrary for ExpiryWord global;

library ExpiryWordLibrary {
    function make(uint56 cap_, uint16 reporterSet_) internal pure returns (ExpiryWord) {
        return ExpiryWord.wrap(uint256(cap_) << 200 | uint256(reporterSet_) << 184);
    }

    function cap(ExpiryWord self) internal pure returns (uint56) {
        return uint56(ExpiryWord.unwrap(self) >> 200);
    }

    function reporterSet(ExpiryWord self) internal pure returns (uint16) {
        return uint16(ExpiryWord.unwrap(self) >> 184);
    }

    function isEmpty(ExpiryWord self) internal pure returns (bool) {
        return ExpiryWord.unwrap(self) == 0;
    }
}
