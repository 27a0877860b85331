// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A price and its date (section 10). Zero: none.
///
///     | price:64 | date:40 | zero:152 |
///     ^ 255        191       151      0
///
/// `price`: atoms per lot; 0 is one too. `date`: of a fixed price when it was fixed, of a proposed
/// one when it may be; never 0.
type PriceWord is uint256;

using PriceWordLibrary for PriceWord global;

library PriceWordLibrary {
    function make(uint64 price_, uint40 date_) internal pure returns (PriceWord) {
        return PriceWord.wrap(uint256(price_) << 192 | uint256(date_) << 152);
    }

    function price(PriceWord self) internal pure returns (uint64) {
        return uint64(PriceWord.unwrap(self) >> 192);
    }

    function date(PriceWord self) internal pure returns (uint40) {
        return uint40(PriceWord.unwrap(self) >> 152);
    }

    function isEmpty(PriceWord self) internal pure returns (bool) {
        return PriceWord.unwrap(self) == 0;
    }
}
