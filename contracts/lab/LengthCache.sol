// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// A list of n prices in storage, four to a slot, is added up and the sum kept.
//
// Claim        The length of an array in storage should be read once, before the loop.
// Rule         EIP-2929: SLOAD of a warm slot costs 100. A loop that asks `prices.length` pays it
//              each time round, and each element's bounds check asks for it again.
// Pays         In legacy code: one of the two reads falls away. Reading whole slots, everywhere.
// Does not     Via IR, where the condition and the bounds check share one read: the local saves
//              nothing. Nor for arrays in memory and calldata, whose length is a load of 3.
// Readability  One local more. Reading whole slots needs the layout of an array, keccak256(slot).

interface PriceList {
    function fill(uint64 seed, uint256 count) external;

    /// Adds the prices up and keeps the sum.
    function run() external returns (uint256);

    function sum() external returns (uint256);
}

abstract contract Prices is PriceList {
    uint64[] internal prices;
    uint256 public sum;

    function fill(uint64 seed, uint256 count) external {
        for (uint256 i; i < count; ++i) {
            prices.push(uint64(uint256(keccak256(abi.encode(seed, i)))));
        }
    }
}

/// Baseline: the length is asked for in the loop's condition.
contract LengthEachTime is Prices {
    function run() external returns (uint256 total) {
        for (uint256 i; i < prices.length; ++i) {
            total += prices[i];
        }
        sum = total;
    }
}

/// The length is a local.
contract LengthOnce is Prices {
    function run() external returns (uint256 total) {
        uint256 length = prices.length;
        for (uint256 i; i < length; ++i) {
            total += prices[i];
        }
        sum = total;
    }
}

/// The whole array is copied to memory first.
contract CopiedToMemory is Prices {
    function run() external returns (uint256 total) {
        uint64[] memory copied = prices;
        for (uint256 i; i < copied.length; ++i) {
            total += copied[i];
        }
        sum = total;
    }
}

/// Each slot once, four prices out of it; plain equivalent: `LengthOnce`.
contract SlotAtATime is Prices {
    function run() external returns (uint256 total) {
        uint256 length = prices.length;
        // Sums of fewer than 2^192 prices of 64 bits do not overflow. What lies beyond the last
        // price is zero: nothing is ever taken from the list.
        unchecked {
            for (uint256 i; i < length; i += 4) {
                uint256 word;
                assembly ("memory-safe") {
                    mstore(0x00, prices.slot)
                    word := sload(add(keccak256(0x00, 0x20), shr(2, i)))
                }
                total += uint64(word) + uint256(uint64(word >> 64));
                total += uint64(word >> 128) + (word >> 192);
            }
        }
        sum = total;
    }
}
