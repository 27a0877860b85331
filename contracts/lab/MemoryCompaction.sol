// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// n orders in memory are sifted: those of a price above the limit are kept, in their order, and
// handed on as an array. Its hash is answered.
//
// Claim        An array that shrinks needs no second array.
// Rule         Memory is never freed, so a copy is paid for beside the original. An array's length
//              is its first word: a smaller one written there shortens it where it stands.
// Pays         For arrays of any size, the more of them is kept.
// Does not     Where the original is needed again: it is gone.
// Readability  One line of assembly, and the reader must know that nobody else holds the array.

interface Sieve {
    /// The hash of the kept orders, and how many they are.
    function sift(uint256 seed, uint256 orders, uint256 limit)
        external
        returns (bytes32 hash, uint256 kept);
}

/// `| price:64 | quantity:64 |`, by a congruence.
function made(uint256 seed, uint256 count) pure returns (uint256[] memory orders) {
    orders = new uint256[](count);
    unchecked {
        for (uint256 i; i < count; ++i) {
            seed = seed * 0x5851f42d4c957f2d14057b7ef767814f + 0x2545f4914f6cdd1d;
            orders[i] = seed >> 128;
        }
    }
}

/// What follows the sieve: it sees one array of the kept orders, whoever made it.
function digest(uint256[] memory kept) pure returns (bytes32 result) {
    // keccak256(abi.encodePacked(kept)) without the copy
    assembly ("memory-safe") {
        result := keccak256(add(kept, 0x20), shl(5, mload(kept)))
    }
}

/// Baseline: count first, then copy to an array of just that length.
contract CountThenCopy is Sieve {
    function sift(uint256 seed, uint256 orders, uint256 limit)
        external
        pure
        returns (bytes32, uint256)
    {
        uint256[] memory all = made(seed, orders);
        uint256 count;
        for (uint256 i; i < all.length; ++i) {
            if (all[i] >> 64 > limit) ++count;
        }
        uint256[] memory kept = new uint256[](count);
        uint256 next;
        for (uint256 i; i < all.length; ++i) {
            if (all[i] >> 64 > limit) kept[next++] = all[i];
        }
        return (digest(kept), kept.length);
    }
}

/// One pass to an array that is large enough, shortened at the end; plain equivalent:
/// `CountThenCopy`.
contract CopyThenShorten is Sieve {
    function sift(uint256 seed, uint256 orders, uint256 limit)
        external
        pure
        returns (bytes32, uint256)
    {
        uint256[] memory all = made(seed, orders);
        uint256[] memory kept = new uint256[](all.length);
        uint256 next;
        for (uint256 i; i < all.length; ++i) {
            if (all[i] >> 64 > limit) kept[next++] = all[i];
        }
        assembly ("memory-safe") {
            mstore(kept, next)
        }
        return (digest(kept), kept.length);
    }
}

/// Moved up where they stand, then shortened; plain equivalent: `CountThenCopy`.
contract CompactInPlace is Sieve {
    function sift(uint256 seed, uint256 orders, uint256 limit)
        external
        pure
        returns (bytes32, uint256)
    {
        uint256[] memory all = made(seed, orders);
        uint256 next;
        for (uint256 i; i < all.length; ++i) {
            uint256 order = all[i];
            if (order >> 64 > limit) all[next++] = order;
        }
        assembly ("memory-safe") {
            mstore(all, next)
        }
        return (digest(all), all.length);
    }
}

/// The same without bounds checks; plain equivalent: `CountThenCopy`.
contract CompactByWord is Sieve {
    function sift(uint256 seed, uint256 orders, uint256 limit)
        external
        pure
        returns (bytes32, uint256)
    {
        uint256[] memory all = made(seed, orders);
        assembly ("memory-safe") {
            let first := add(all, 0x20)
            let end := add(first, shl(5, mload(all)))
            let to := first
            for { let from := first } lt(from, end) { from := add(from, 0x20) } {
                let order := mload(from)
                // Written in any case, and kept by moving on: no branch.
                mstore(to, order)
                to := add(to, shl(5, gt(shr(64, order), limit)))
            }
            mstore(all, shr(5, sub(to, first)))
        }
        return (digest(all), all.length);
    }
}
