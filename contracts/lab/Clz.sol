// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

// The highest bit set is found in each of n words: the step at the heart of logarithms, square
// roots and price ladders kept as bitmaps. A checksum of the positions is answered.
//
// Claim        An opcode for it replaces a search.
// Rule         EIP-7939: CLZ costs 5, from Osaka on. Without it: eight comparisons and shifts, or a
//              few of them and a lookup in a word of constants.
// Pays         Wherever the fork has it.
// Does not     On chains without the fork: the opcode is invalid there and burns the call's gas.
// Readability  A gain, once the target fork is Osaka or later.

interface BitFinder {
    /// `checksum * 257 + highest bit`, over n words; a word's highest bit is 0 if the word is 0 or
    /// 1.
    function checksum(uint256 seed, uint256 words) external returns (uint256);
}

/// The loop that all variants share.
abstract contract BitLoop is BitFinder {
    function highestBit(uint256 word) internal pure virtual returns (uint256);

    function checksum(uint256 seed, uint256 words) external pure returns (uint256 sum) {
        // A checksum may wrap, and so may the congruence that makes the words.
        unchecked {
            uint256 state = seed;
            for (uint256 i; i < words; ++i) {
                state = state * 0x5851f42d4c957f2d14057b7ef767814f + 0x2545f4914f6cdd1d;
                sum = sum * 257 + highestBit(state >> (state >> 248));
            }
        }
    }
}

/// Baseline: halving, in plain Solidity.
contract BinarySearch is BitLoop {
    function highestBit(uint256 word) internal pure override returns (uint256 bit) {
        for (uint256 half = 128; half != 0; half /= 2) {
            if (word >> half != 0) {
                word >>= half;
                bit += half;
            }
        }
    }
}

/// OpenZeppelin's: half of the search without branches, then a lookup in a word of constants.
contract Branchless is BitLoop {
    function highestBit(uint256 word) internal pure override returns (uint256) {
        return Math.log2(word);
    }
}

/// Solady's: the same idea.
contract Lookup is BitLoop {
    function highestBit(uint256 word) internal pure override returns (uint256) {
        return LibBit.fls(word | 1);
    }
}
