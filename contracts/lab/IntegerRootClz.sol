// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IIntegerRoot} from "./IntegerRoot.sol";

/// Experiment `integer-root`, with an opcode that compiles for Osaka only.
///
/// A first guess by CLZ: 3 * 2^(h - 1) where 2^h <= root < 2^(h + 1). It is off by at most a half,
/// so six steps leave an error below one.
contract IntegerRootByClz is IIntegerRoot {
    function roots(uint256[] calldata xs) external pure returns (uint256[] memory results) {
        results = new uint256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = _root(xs[i]);
        }
    }

    function _root(uint256 x) private pure returns (uint256 root) {
        // root = 3 * 2 ** (log2(x) / 2) / 2;
        // for (uint256 step; step < 6; ++step) root = (root + x / root) / 2;
        // if (root > x / root) --root;
        assembly ("memory-safe") {
            root := shr(1, shl(shr(1, sub(255, clz(or(x, 1)))), 3))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := shr(1, add(root, div(x, root)))
            root := sub(root, gt(root, div(x, root)))
        }
    }
}
