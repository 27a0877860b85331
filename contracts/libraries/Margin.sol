// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibSort} from "solady/utils/LibSort.sol";
import {IMarkets} from "../interfaces/IMarkets.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {KIND_CALL} from "../types/InstrumentWord.sol";
import {Position} from "../types/LeafWord.sol";

/// Payoffs (section 4) and the margin of rule 0 (section 5): everything fully collateralized.
///
/// A *leg* is a position with the terms of its instrument, as a number that sorts by market, expiry
/// and strike:
///
///     | zero:120 | market:8 | expiry:24 | strike:56 | isCall:8 | lots:i40 |
///     ^ 255        135        127         103         47         39       0
///
/// `strike`: K, atoms per lot (below 2^24 * 2^32).
library Margin {
    /// Atoms that one lot pays when its expiry settles at `price`; `strike` in atoms per lot.
    function payoff(bool isCall, uint256 strike, uint256 price, uint256 cap)
        internal
        pure
        returns (uint256)
    {
        uint256 settled = price < cap ? price : cap;
        (uint256 more, uint256 less) = isCall ? (settled, strike) : (strike, settled);
        return more > less ? more - less : 0;
    }

    /// The least an account can be worth, atoms: `cash + sum over (market, expiry) of min over S of
    /// its payoffs`. An expiry whose price was fixed before `before` counts at its price.
    /// 0.15M to 0.5M gas for 32 positions, most of it to read their terms.
    function worst(
        int256 cash,
        Position[] memory positions,
        IMarkets markets,
        ISettlementPrices prices,
        uint256 before
    ) internal view returns (int256 total) {
        uint256[] memory legs = _legs(positions, markets);
        LibSort.sort(legs); // each expiry's legs stand together now, by ascending strike
        total = cash;
        for (uint256 from; from < legs.length;) {
            (uint8 market, uint24 expiry) = _series(legs[from]);
            uint256 to = from + 1;
            while (to < legs.length && legs[to] >> 104 == legs[from] >> 104) ++to;
            (uint256 cap,) = markets.expiryOf(market, expiry);
            (uint256 price, uint256 fixedAt) = prices.priceOf(market, expiry);
            total += fixedAt != 0 && fixedAt < before
                ? _valueAt(legs, from, to, price, cap)
                : _least(legs, from, to, cap);
            from = to;
        }
    }

    function _legs(Position[] memory positions, IMarkets markets)
        private
        view
        returns (uint256[] memory legs)
    {
        legs = new uint256[](positions.length);
        uint256 lastMarket = type(uint256).max;
        uint256 strikeValue;
        for (uint256 i; i < positions.length; ++i) {
            (uint8 market, uint8 kind, uint24 expiry, uint24 strike) =
                markets.instrumentOf(positions[i].instrument());
            if (market != lastMarket) {
                (,, strikeValue) = markets.marketOf(market);
                lastMarket = market;
            }
            legs[i] = uint256(market) << 128 | uint256(expiry) << 104
                | strike * strikeValue << 48 | (kind == KIND_CALL ? uint256(1) << 40 : 0)
                | uint40(positions[i].lots());
        }
    }

    /// What the legs from..to of one expiry pay together at a price.
    function _valueAt(uint256[] memory legs, uint256 from, uint256 to, uint256 price, uint256 cap)
        private
        pure
        returns (int256 total)
    {
        for (uint256 i = from; i < to; ++i) {
            (bool isCall, uint256 strike, int256 lots) = _terms(legs[i]);
            total += int256(payoff(isCall, strike, price, cap)) * lots;
        }
    }

    /// The least that they pay together over all prices in [0, cap].
    /// Their sum is piecewise linear and bends only at strikes, so it is followed from 0 over the
    /// strikes to the cap. At 0 the puts pay K and fall; at its strike a put ceases to fall and a
    /// call begins to rise: either way the slope grows by the lots.
    function _least(uint256[] memory legs, uint256 from, uint256 to, uint256 cap)
        private
        pure
        returns (int256 least)
    {
        int256 value;
        int256 slope;
        for (uint256 i = from; i < to; ++i) {
            (bool isCall, uint256 strike, int256 lots) = _terms(legs[i]);
            if (isCall) continue;
            value += int256(strike) * lots;
            slope -= lots;
        }
        least = value;
        uint256 price;
        for (uint256 i = from; i < to; ++i) {
            (, uint256 strike, int256 lots) = _terms(legs[i]);
            if (strike >= cap) break;
            value += slope * int256(strike - price);
            price = strike;
            slope += lots;
            if (value < least) least = value;
        }
        value += slope * int256(cap - price);
        if (value < least) least = value;
    }

    function _series(uint256 leg) private pure returns (uint8 market, uint24 expiry) {
        return (uint8(leg >> 128), uint24(leg >> 104));
    }

    function _terms(uint256 leg) private pure returns (bool isCall, uint256 strike, int256 lots) {
        return (uint8(leg >> 40) != 0, uint56(leg >> 48), int40(uint40(leg)));
    }
}
