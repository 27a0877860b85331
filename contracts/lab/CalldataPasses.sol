// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The same 32 prices are gone through n times, and a checksum is answered.
//
// Claim        An array that is read often should be copied to memory once.
// Rule         Each read of a narrow type in calldata is checked anew, by the compiler's own code;
//              the decoder checks a copy in memory once. MLOAD and CALLDATALOAD both cost 3.
// Pays         From a few passes on. Packed words make one load serve four prices.
// Does not     For a single pass: the copy and its memory cost more than the checks.
// Readability  None for `memory`. Packed words cost shifts.

uint256 constant PRICES = 32;

/// Next checksum: it depends on the pass, the price and their order.
function fold(uint256 checksum, uint256 pass, uint256 price) pure returns (uint256) {
    // A checksum may wrap.
    unchecked {
        return (checksum + price) * (2 * pass + 3);
    }
}

interface PriceReader {
    function checksum(uint64[32] calldata prices, uint256 passes) external returns (uint256);
}

interface WordReader {
    /// Four prices a word, the first in the highest bits.
    function checksum(uint256[8] calldata words, uint256 passes) external returns (uint256);
}

/// Baseline: read where they lie.
contract PricesInCalldata is PriceReader {
    function checksum(uint64[32] calldata prices, uint256 passes)
        external
        pure
        returns (uint256 sum)
    {
        for (uint256 pass; pass < passes; ++pass) {
            for (uint256 i; i < PRICES; ++i) {
                sum = fold(sum, pass, prices[i]);
            }
        }
    }
}

/// Copied to memory first.
contract PricesInMemory is PriceReader {
    function checksum(uint64[32] memory prices, uint256 passes)
        public
        pure
        override
        returns (uint256 sum)
    {
        for (uint256 pass; pass < passes; ++pass) {
            for (uint256 i; i < PRICES; ++i) {
                sum = fold(sum, pass, prices[i]);
            }
        }
    }
}

/// Four to a word, read where they lie.
contract PricesInWords is WordReader {
    function checksum(uint256[8] calldata words, uint256 passes)
        external
        pure
        returns (uint256 sum)
    {
        for (uint256 pass; pass < passes; ++pass) {
            for (uint256 i; i < PRICES / 4; ++i) {
                uint256 word = words[i];
                sum = fold(sum, pass, word >> 192);
                sum = fold(sum, pass, uint64(word >> 128));
                sum = fold(sum, pass, uint64(word >> 64));
                sum = fold(sum, pass, uint64(word));
            }
        }
    }
}
