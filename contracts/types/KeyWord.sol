// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A session key of an account (section 3). Zero: never registered.
///
///     | zero:176 | validFrom:40 | validUntil:40 |
///     ^ 255        79             39           0
///
/// Both ends count: an order is judged by `validFrom <= builtAt <= validUntil`.
type KeyWord is uint256;

using KeyWordLibrary for KeyWord global;

library KeyWordLibrary {
    function make(uint40 validFrom_, uint40 validUntil_) internal pure returns (KeyWord) {
        return KeyWord.wrap(uint256(validFrom_) << 40 | validUntil_);
    }

    function validFrom(KeyWord self) internal pure returns (uint40) {
        return uint40(KeyWord.unwrap(self) >> 40);
    }

    function validUntil(KeyWord self) internal pure returns (uint40) {
        return uint40(KeyWord.unwrap(self));
    }

    function isEmpty(KeyWord self) internal pure returns (bool) {
        return KeyWord.unwrap(self) == 0;
    }
}
