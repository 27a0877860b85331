// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// Experiment `integer-root`: square roots, rounded down, of n integers of up to 256 bits.
///
/// Claim          Good digits double each step, so what counts is where it starts; CLZ says it in 5
///                gas.
/// Rule           EIP-7939: CLZ costs 5, from Osaka on.
/// Pays           For volatility, constant-product curves, any root in a loop.
/// Does not pay   CLZ in code that must also run on a chain that does not know it.
/// Readability    Unrolled steps rest on an argument that so many suffice.
interface IIntegerRoot {
    function roots(uint256[] calldata xs) external pure returns (uint256[] memory results);
}

/// The usual loop: starts at half the number and halves its way down.
contract IntegerRootByHalving is IIntegerRoot {
    function roots(uint256[] calldata xs) external pure returns (uint256[] memory results) {
        results = new uint256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = _root(xs[i]);
        }
    }

    function _root(uint256 x) private pure returns (uint256 root) {
        root = x;
        for (uint256 next = x - x / 2; next < root; next = (x / next + next) / 2) {
            root = next;
        }
    }
}

/// solady: a first guess by comparisons, then seven unrolled steps.
contract IntegerRootBySeed is IIntegerRoot {
    function roots(uint256[] calldata xs) external pure returns (uint256[] memory results) {
        results = new uint256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = FixedPointMathLib.sqrt(xs[i]);
        }
    }
}
