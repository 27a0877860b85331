// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// n values of 64 bits are kept in memory and read back last first; a checksum is answered.
//
// Claim        Memory is paid for by its highest address, not by what is used: dense costs less.
// Rule         3 w + w^2 / 512 for the highest word w. A store to address 1 MB pays for all of it.
// Pays         Leaving out what can be made again. Spreading (a page or a bucket for each value, as
//              hash tables and arenas have it) never does.
// Does not     Packing four values to a word: up to many kilobytes its shifts cost more than words.
// Readability  Packed values need shifts and masks.

// Values are spread this far apart: a page each.
uint256 constant PAGE_BYTES = 1024;

/// Value i.
function valueOf(uint256 seed, uint256 i) pure returns (uint256) {
    unchecked {
        return uint64(seed * (2 * i + 1) >> 64);
    }
}

/// Next checksum: it depends on the order.
function fold(uint256 checksum, uint256 value) pure returns (uint256) {
    unchecked {
        return checksum * 31 + value;
    }
}

interface ValueKeeper {
    function checksum(uint256 seed, uint256 count) external returns (uint256);
}

/// Baseline: an ordinary array, a word for each value.
contract Dense is ValueKeeper {
    function checksum(uint256 seed, uint256 count) external pure returns (uint256 sum) {
        uint256[] memory values = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            values[i] = valueOf(seed, i);
        }
        for (uint256 i = count; i != 0; --i) {
            sum = fold(sum, values[i - 1]);
        }
    }
}

/// A word for each value without bounds checks, to compare the spread one with; plain equivalent:
/// `Dense`.
contract DenseByWord is ValueKeeper {
    function checksum(uint256 seed, uint256 count) external pure returns (uint256 sum) {
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, mul(count, 0x20)))
        }
        for (uint256 i; i < count; ++i) {
            uint256 value = valueOf(seed, i);
            assembly ("memory-safe") {
                mstore(add(start, mul(i, 0x20)), value)
            }
        }
        for (uint256 i = count; i != 0; --i) {
            uint256 value;
            assembly ("memory-safe") {
                value := mload(add(start, mul(sub(i, 1), 0x20)))
            }
            sum = fold(sum, value);
        }
    }
}

/// A page for each value; plain equivalent: `Dense`.
contract Spread is ValueKeeper {
    function checksum(uint256 seed, uint256 count) external pure returns (uint256 sum) {
        uint256 start;
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, mul(count, PAGE_BYTES)))
        }
        for (uint256 i; i < count; ++i) {
            uint256 value = valueOf(seed, i);
            assembly ("memory-safe") {
                mstore(add(start, mul(i, PAGE_BYTES)), value)
            }
        }
        for (uint256 i = count; i != 0; --i) {
            uint256 value;
            assembly ("memory-safe") {
                value := mload(add(start, mul(sub(i, 1), PAGE_BYTES)))
            }
            sum = fold(sum, value);
        }
    }
}

/// Four values to a word.
contract Packed is ValueKeeper {
    function checksum(uint256 seed, uint256 count) external pure returns (uint256 sum) {
        uint256[] memory words = new uint256[]((count + 3) / 4);
        for (uint256 i; i < count; ++i) {
            words[i / 4] |= valueOf(seed, i) << 64 * (i % 4);
        }
        for (uint256 i = count; i != 0; --i) {
            sum = fold(sum, uint64(words[(i - 1) / 4] >> 64 * ((i - 1) % 4)));
        }
    }
}

/// Nothing kept: what can be made again need not be stored.
contract Recomputed is ValueKeeper {
    function checksum(uint256 seed, uint256 count) external pure returns (uint256 sum) {
        for (uint256 i = count; i != 0; --i) {
            sum = fold(sum, valueOf(seed, i - 1));
        }
    }
}
