// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Minimum, maximum and distance of n pairs of numbers; a checksum of them is answered.
//
// Claim        Arithmetic without jumps costs less than a jump.
// Rule         JUMPI costs 10, JUMPDEST 1, a PUSH of the target 3; the EVM predicts nothing, so a
//              branch not taken still costs 13. A select by multiplication costs MUL 5, XOR 3 twice
//              and LT 3. Branches jump less often in code that is laid out well.
// Pays         A little, in inner loops; and the cost no longer depends on the data.
// Does not     Beside a single storage access it is nothing.
// Readability  `x ^ ((x ^ y) * lt)` needs its plain form above it.

interface Comparer {
    function checksum(uint256 seed, uint256 pairs) external returns (uint256);
}

/// The loop that all variants share.
abstract contract PairLoop is Comparer {
    function least(int256 x, int256 y) internal pure virtual returns (int256);
    function most(int256 x, int256 y) internal pure virtual returns (int256);
    function distance(int256 x, int256 y) internal pure virtual returns (int256);

    function checksum(uint256 seed, uint256 pairs) external pure returns (uint256 sum) {
        // A checksum may wrap; x and y have 64 bits, so that their difference has 65.
        unchecked {
            uint256 state = seed;
            for (uint256 i; i < pairs; ++i) {
                state = uint128(state) * 0x5851f42d4c957f2d14057b7ef767814f + 0x2545f4914f6cdd1d;
                int256 x = int64(uint64(state));
                int256 y = int64(uint64(state >> 64));
                sum = sum * 31 + uint256(least(x, y));
                sum = sum * 31 + uint256(most(x, y));
                sum = sum * 31 + uint256(distance(x, y));
            }
        }
    }
}

/// Baseline: conditionals.
contract Branches is PairLoop {
    function least(int256 x, int256 y) internal pure override returns (int256) {
        return x < y ? x : y;
    }

    function most(int256 x, int256 y) internal pure override returns (int256) {
        return x > y ? x : y;
    }

    function distance(int256 x, int256 y) internal pure override returns (int256) {
        unchecked {
            return x > y ? x - y : y - x;
        }
    }
}

/// Selects by multiplication; plain equivalent: `Branches`.
contract Selects is PairLoop {
    function least(int256 x, int256 y) internal pure override returns (int256 result) {
        assembly ("memory-safe") {
            result := xor(x, mul(xor(x, y), slt(y, x)))
        }
    }

    function most(int256 x, int256 y) internal pure override returns (int256 result) {
        assembly ("memory-safe") {
            result := xor(x, mul(xor(x, y), sgt(y, x)))
        }
    }

    function distance(int256 x, int256 y) internal pure override returns (int256 result) {
        assembly ("memory-safe") {
            result := add(xor(sub(0, slt(x, y)), sub(x, y)), slt(x, y))
        }
    }
}

/// Selects by a mask made of the sign, in plain Solidity. Needs differences that do not wrap.
contract Masks is PairLoop {
    function least(int256 x, int256 y) internal pure override returns (int256) {
        unchecked {
            int256 difference = x - y;
            return y + (difference & difference >> 255);
        }
    }

    function most(int256 x, int256 y) internal pure override returns (int256) {
        unchecked {
            int256 difference = x - y;
            return x - (difference & difference >> 255);
        }
    }

    function distance(int256 x, int256 y) internal pure override returns (int256) {
        unchecked {
            int256 difference = x - y;
            int256 sign = difference >> 255;
            return (difference ^ sign) - sign;
        }
    }
}
