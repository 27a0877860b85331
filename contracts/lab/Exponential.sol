// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// Experiment `exponential`: e to the power of n numbers of 18 decimals.
///
/// Claim          Shrink the argument first: what remains needs few terms, or one quotient.
/// Rule           Nothing but arithmetic: MUL, DIV and SDIV cost 5, shifts 3; checks cost more than
///                sums.
/// Pays           Always, if the function is computed on chain at all.
/// Does not pay   Where the caller can hand in the value and the chain can check it.
/// Readability    Constants that a program derived; only a reference shows them right.
interface IExponential {
    /// For arguments within [-20e18, 20e18].
    function exp(int256[] calldata xs) external pure returns (int256[] memory results);
}

int256 constant WAD = 1e18;

/// The Taylor series of e^|x|, term by term until a term vanishes.
library ExponentialSeries {
    function exp(int256 x) internal pure returns (int256 sum) {
        int256 magnitude = x < 0 ? -x : x;
        int256 term = WAD;
        for (int256 k = 1; term != 0; ++k) {
            sum += term;
            term = term * magnitude / (k * WAD);
        }
        if (x < 0) sum = WAD * WAD / sum;
    }
}

contract ExponentialBySeries is IExponential {
    function exp(int256[] calldata xs) external pure returns (int256[] memory results) {
        results = new int256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = ExponentialSeries.exp(xs[i]);
        }
    }
}

/// e^x = 2^k e^r with |r| < ln(2): twenty terms, a fixed number, always suffice.
contract ExponentialByReduction is IExponential {
    int256 private constant _LN2 = 54916777467707473351141471128; // ln(2) * 2^96
    uint256 private constant _TERMS = 20;

    function exp(int256[] calldata xs) external pure returns (int256[] memory results) {
        results = new int256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = _exp(xs[i]);
        }
    }

    function _exp(int256 x) private pure returns (int256) {
        // |x| <= 2^65, so that x << 96 and every product below stay under 2^200.
        unchecked {
            int256 scaled = (x << 96) / WAD;
            int256 k = scaled / _LN2; // toward zero, so that |r| < ln(2)
            int256 r = scaled - k * _LN2;
            int256 sum = 1 << 96;
            for (uint256 term = _TERMS; term != 0; --term) {
                sum = (1 << 96) + (sum * r >> 96) / int256(term);
            }
            return sum * WAD >> uint256(96 - k);
        }
    }
}

/// The same reduction, then one rational function, in solady's assembly.
contract ExponentialByRational is IExponential {
    function exp(int256[] calldata xs) external pure returns (int256[] memory results) {
        results = new int256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = FixedPointMathLib.expWad(xs[i]);
        }
    }
}
