// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {ExponentialSeries, WAD} from "./Exponential.sol";

/// Experiment `normal-cdf`: the normal distribution function of n numbers of 18 decimals.
///
/// Claim          A quotient gives fifteen digits for little; a table in code needs no exponential.
/// Rule           EXTCODECOPY is 2,600 cold, 100 warm and 3 a word; the rest is arithmetic.
/// Pays           Wherever options are priced or odds of liquidation are computed on chain.
/// Does not pay   The table for few lookups: its account is cold, its bytes cost 200 gas each.
/// Readability    Constants from books, to be checked against a reference; the series needs none.
interface INormalCdf {
    /// For arguments within [-6e18, 6e18].
    function cdf(int256[] calldata xs) external view returns (int256[] memory results);
}

/// N(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...), until a term vanishes (Marsaglia).
library NormalCdfSeries {
    int256 private constant _SQRT_2PI = 2_506628274631000502; // times 1e18

    function cdf(int256 x) internal pure returns (int256) {
        int256 square = x * x / WAD;
        int256 term = x;
        int256 sum;
        for (int256 k = 3; term != 0; k += 2) {
            sum += term;
            term = term * square / (k * WAD);
        }
        int256 density = ExponentialSeries.exp(-square / 2) * WAD / _SQRT_2PI;
        return WAD / 2 + density * sum / WAD;
    }
}

/// Abramowitz and Stegun 26.2.17: five coefficients, an error below 7.5e-8.
library NormalCdfPolynomial {
    function cdf(int256 x) internal pure returns (int256 result) {
        // |x| <= 6e18 and |t| <= 1e18, so that no product reaches 2^130.
        unchecked {
            int256 magnitude = x < 0 ? -x : x;
            int256 t = 1e36 / (WAD + 231641900000000000 * magnitude / WAD);
            int256 sum = 1330274429000000000;
            sum = sum * t / WAD - 1821255978000000000;
            sum = sum * t / WAD + 1781477937000000000;
            sum = sum * t / WAD - 356563782000000000;
            sum = sum * t / WAD + 319381530000000000;
            int256 density = FixedPointMathLib.expWad(-magnitude * magnitude / (2 * WAD));
            density = density * 398942280401432678 / WAD;
            result = density * (sum * t / WAD) / WAD; // the tail beyond |x|
            if (x > 0) result = WAD - result;
        }
    }
}

/// Hart 5666 (as in West, "Better approximations to cumulative normal functions"): a quotient of
/// degrees 6 and 7, an error below 1e-15.
library NormalCdfRational {
    function cdf(int256 x) internal pure returns (int256 result) {
        // |x| <= 6e18: Horner's sums stay below 2^96 * 2^17, their products below 2^212.
        unchecked {
            int256 magnitude = x < 0 ? -x : x;
            int256 y = (magnitude << 96) / WAD;
            int256 p = 2793782811274865708995792344;
            p = (p * y >> 96) + 55490063251982985439325613973;
            p = (p * y >> 96) + 504997313321183988772789751343;
            p = (p * y >> 96) + 2686854064982610631744200026450;
            p = (p * y >> 96) + 8879836321276928843208352153033;
            p = (p * y >> 96) + 17526346747716136297837296789480;
            p = (p * y >> 96) + 17446585517718866593419072006541;
            int256 q = 7002846371848264277131140168;
            q = (q * y >> 96) + 139098283325591648216536793020;
            q = (q * y >> 96) + 1272735271903413669289948260021;
            q = (q * y >> 96) + 6875477954081866250299004168023;
            q = (q * y >> 96) + 23496240498236730931794024435254;
            q = (q * y >> 96) + 50494772681144588634273116487714;
            q = (q * y >> 96) + 62893415942062134000840181617016;
            q = (q * y >> 96) + 34893171035437733186838144013083;
            result = FixedPointMathLib.expWad(-magnitude * magnitude / (2 * WAD)) * p / q;
            if (x > 0) result = WAD - result;
        }
    }
}

/// Cubic Hermite interpolation between nodes 1/32 apart. A node is a word of a contract's code:
/// value:128 | slope:128, both times 2^96, the slope per step.
library NormalCdfTable {
    /// `table` holds 194 nodes: of 0, 1/32, ..., 6 and one more, for the step that begins at 6.
    function cdf(int256 x, address table) internal view returns (int256 result) {
        // |x| <= 6e18: the place is below 2^104, slopes and values below 2^97.
        unchecked {
            int256 magnitude = x < 0 ? -x : x;
            uint256 place = (uint256(magnitude) << 101) / 1e18; // in steps, times 2^96
            uint256 left;
            uint256 right;
            // bytes memory nodes = SSTORE2.read(table, 32 * step, 32 * step + 64), in the scratch
            // space; the first byte of the code is a STOP.
            assembly ("memory-safe") {
                extcodecopy(table, 0x00, add(1, shl(5, shr(96, place))), 0x40)
                left := mload(0x00)
                right := mload(0x20)
            }
            int256 t = int256(place & type(uint96).max);
            int256 value = int256(left >> 128);
            int256 slope = int256(left & type(uint128).max);
            int256 rise = int256(right >> 128) - value;
            int256 bend = slope + int256(right & type(uint128).max) - 2 * rise;
            int256 sum = (bend * t >> 96) + rise - slope - bend;
            sum = (sum * t >> 96) + slope;
            sum = (sum * t >> 96) + value;
            result = sum * WAD >> 96;
            if (x < 0) result = WAD - result;
        }
    }
}

contract NormalCdfBySeries is INormalCdf {
    function cdf(int256[] calldata xs) external pure returns (int256[] memory results) {
        results = new int256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = NormalCdfSeries.cdf(xs[i]);
        }
    }
}

contract NormalCdfByPolynomial is INormalCdf {
    function cdf(int256[] calldata xs) external pure returns (int256[] memory results) {
        results = new int256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = NormalCdfPolynomial.cdf(xs[i]);
        }
    }
}

contract NormalCdfByRational is INormalCdf {
    function cdf(int256[] calldata xs) external pure returns (int256[] memory results) {
        results = new int256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = NormalCdfRational.cdf(xs[i]);
        }
    }
}

contract NormalCdfByTable is INormalCdf {
    address private immutable _table;

    constructor(bytes memory table) {
        _table = SSTORE2.write(table);
    }

    function cdf(int256[] calldata xs) external view returns (int256[] memory results) {
        results = new int256[](xs.length);
        for (uint256 i; i < xs.length; ++i) {
            results[i] = NormalCdfTable.cdf(xs[i], _table);
        }
    }
}
