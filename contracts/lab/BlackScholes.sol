// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {ExponentialSeries, WAD} from "./Exponential.sol";
import {NormalCdfRational, NormalCdfSeries, NormalCdfTable} from "./NormalCdf.sol";

/// All of 18 decimals; time in years.
struct Quote {
    int256 spot;
    int256 strike;
    int256 volatility;
    int256 time;
    int256 rate;
}

/// Experiment `black-scholes`: prices of n European calls.
///
/// Claim          With quotients for exp, ln and N, a price costs less than one storage write.
/// Rule           Nothing but arithmetic: MUL, DIV and SDIV cost 5, shifts 3; checks cost more than
///                sums.
/// Pays           For margin and settlement that must not trust a price from outside.
/// Does not pay   If the price may come from outside, with a proof or against a bond.
/// Readability    The formula stays on one screen; what approximates lies in tested libraries.
interface IBlackScholes {
    function prices(Quote[] calldata quotes) external view returns (int256[] memory results);
}

/// Loops until their terms vanish, in checked arithmetic.
contract BlackScholesBySeries is IBlackScholes {
    function prices(Quote[] calldata quotes) external pure returns (int256[] memory results) {
        results = new int256[](quotes.length);
        for (uint256 i; i < quotes.length; ++i) {
            results[i] = _price(quotes[i]);
        }
    }

    function _price(Quote calldata quote) private pure returns (int256) {
        int256 spread = quote.volatility * _sqrt(quote.time * WAD) / WAD;
        int256 drift = quote.rate + quote.volatility * quote.volatility / WAD / 2;
        int256 moneyness = _ln(quote.spot * WAD / quote.strike);
        int256 d1 = (moneyness + drift * quote.time / WAD) * WAD / spread;
        int256 discount = ExponentialSeries.exp(-quote.rate * quote.time / WAD);
        return quote.spot * NormalCdfSeries.cdf(d1) / WAD
            - quote.strike * discount / WAD * NormalCdfSeries.cdf(d1 - spread) / WAD;
    }

    /// ln(x) = 2 (z + z^3/3 + z^5/5 + ...) with z = (x - 1) / (x + 1).
    function _ln(int256 x) private pure returns (int256 sum) {
        int256 power = (x - WAD) * WAD / (x + WAD);
        int256 square = power * power / WAD;
        for (int256 k = 1; power != 0; k += 2) {
            sum += 2 * power / k;
            power = power * square / WAD;
        }
    }

    function _sqrt(int256 x) private pure returns (int256 root) {
        root = x;
        for (int256 next = x - x / 2; next < root; next = (x / next + next) / 2) {
            root = next;
        }
    }
}

/// solady's exp, ln and sqrt, and Hart's quotient for the distribution.
contract BlackScholesByRational is IBlackScholes {
    function prices(Quote[] calldata quotes) external pure returns (int256[] memory results) {
        results = new int256[](quotes.length);
        for (uint256 i; i < quotes.length; ++i) {
            (int256 d1, int256 d2, int256 strike) = BlackScholesArguments.read(quotes[i]);
            int256 near = NormalCdfRational.cdf(d1);
            int256 far = NormalCdfRational.cdf(d2);
            unchecked {
                results[i] = (quotes[i].spot * near - strike * far) / WAD;
            }
        }
    }
}

/// The same, and the distribution from a table in code.
contract BlackScholesByTable is IBlackScholes {
    address private immutable _table;

    constructor(bytes memory table) {
        _table = SSTORE2.write(table);
    }

    function prices(Quote[] calldata quotes) external view returns (int256[] memory results) {
        results = new int256[](quotes.length);
        for (uint256 i; i < quotes.length; ++i) {
            (int256 d1, int256 d2, int256 strike) = BlackScholesArguments.read(quotes[i]);
            int256 near = NormalCdfTable.cdf(d1, _table);
            int256 far = NormalCdfTable.cdf(d2, _table);
            unchecked {
                results[i] = (quotes[i].spot * near - strike * far) / WAD;
            }
        }
    }
}

library BlackScholesArguments {
    /// `strike` is discounted.
    function read(Quote calldata quote)
        internal
        pure
        returns (int256 d1, int256 d2, int256 strike)
    {
        // Unchecked as its inputs are below 2^80: no product of two and a WAD reaches 2^255.
        unchecked {
            int256 root = int256(FixedPointMathLib.sqrt(uint256(quote.time * WAD)));
            int256 spread = quote.volatility * root / WAD;
            int256 drift = quote.rate + quote.volatility * quote.volatility / (2 * WAD);
            int256 moneyness = FixedPointMathLib.lnWad(quote.spot * WAD / quote.strike);
            d1 = (moneyness * WAD + drift * quote.time) / spread;
            d2 = d1 - spread;
            strike = quote.strike * FixedPointMathLib.expWad(-quote.rate * quote.time / WAD) / WAD;
        }
    }
}
