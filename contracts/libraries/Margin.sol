// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMarkets} from "../interfaces/IMarkets.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {KIND_CALL} from "../types/InstrumentWord.sol";
import {Position} from "../types/LeafWord.sol";

/// Payoffs (section 4) and the margin of rule 0 (section 5): everything fully collateralized.
library Margin {
    /// A position with the terms of its instrument.
    struct Leg {
        uint256 series; // market and expiry in one number
        bool isCall;
        uint256 strike; // K, atoms per lot
        int256 lots;
    }

    /// Where the terms and prices are read.
    struct Sources {
        IMarkets markets;
        ISettlementPrices prices;
    }

    /// Atoms that one lot pays when its expiry settles at `price`; `strike` in atoms per lot.
    function payoff(bool isCall, uint256 strike, uint256 price, uint256 cap)
        internal
        pure
        returns (uint256)
    {
        uint256 settled = price < cap ? price : cap;
        (uint256 more, uint256 less) = isCall ? (settled, strike) : (strike, settled);
        // Does not underflow: it is not smaller.
        unchecked {
            return more > less ? more - less : 0;
        }
    }

    /// The least an account can be worth, atoms: `cash + sum over (market, expiry) of min over S of
    /// its payoffs`. An expiry whose price was fixed before `before` counts at its price.
    /// About 0.35M gas for 32 positions.
    function worst(
        int256 cash,
        Position[] memory positions,
        IMarkets markets,
        ISettlementPrices prices,
        uint256 before
    ) internal view returns (int256 total) {
        Sources memory sources = Sources(markets, prices);
        Leg[] memory legs = _legs(positions, markets);
        total = cash;
        // Each turn takes all legs of the first leg's series to the front and counts them.
        for (uint256 from; from < legs.length;) {
            uint256 to = _gather(legs, from);
            total += _leastOf(legs, from, to, sources, before);
            from = to;
        }
    }

    function _legs(Position[] memory positions, IMarkets markets)
        private
        view
        returns (Leg[] memory legs)
    {
        legs = new Leg[](positions.length);
        uint256 lastMarket = type(uint256).max;
        uint256 strikeValue;
        for (uint256 i; i < positions.length; ++i) {
            (uint8 market, uint8 kind, uint24 expiry, uint24 strike) =
                markets.instrumentOf(positions[i].instrument());
            if (market != lastMarket) {
                (,, strikeValue) = markets.marketOf(market);
                lastMarket = market;
            }
            legs[i] = Leg({
                series: _series(market, expiry),
                isCall: kind == KIND_CALL,
                strike: strike * strikeValue,
                lots: positions[i].lots()
            });
        }
    }

    /// Brings the legs with the series of `legs[from]` together; returns the first place after them.
    function _gather(Leg[] memory legs, uint256 from) private pure returns (uint256 to) {
        uint256 series = legs[from].series;
        to = from + 1;
        for (uint256 i = to; i < legs.length; ++i) {
            if (legs[i].series == series) {
                (legs[i], legs[to]) = (legs[to], legs[i]);
                ++to;
            }
        }
    }

    /// The least that the legs from..to of one series pay together, over all prices in [0, cap]; or
    /// what they pay at their price, if it was fixed before `before`.
    function _leastOf(
        Leg[] memory legs,
        uint256 from,
        uint256 to,
        Sources memory sources,
        uint256 before
    ) private view returns (int256 least) {
        (uint8 market, uint24 expiry) = _unpackSeries(legs[from].series);
        (uint256 cap,) = sources.markets.expiryOf(market, expiry);
        (uint256 price, uint256 fixedAt) = sources.prices.priceOf(market, expiry);
        if (fixedAt != 0 && fixedAt < before) return _valueAt(legs, from, to, price, cap);
        // The sum is piecewise linear in the price and bends only at strikes.
        least = _valueAt(legs, from, to, 0, cap);
        int256 atCap = _valueAt(legs, from, to, cap, cap);
        if (atCap < least) least = atCap;
        for (uint256 i = from; i < to; ++i) {
            int256 atStrike = _valueAt(legs, from, to, legs[i].strike, cap);
            if (atStrike < least) least = atStrike;
        }
    }

    function _valueAt(Leg[] memory legs, uint256 from, uint256 to, uint256 price, uint256 cap)
        private
        pure
        returns (int256 total)
    {
        // Cannot overflow: a payoff is below 2^56 (a cap is; K is 2^24 * 2^32 at most), lots below
        // 2^39, and there are at most 2^24 instruments.
        unchecked {
            for (uint256 i = from; i < to; ++i) {
                Leg memory leg = legs[i];
                total += int256(payoff(leg.isCall, leg.strike, price, cap)) * leg.lots;
            }
        }
    }

    function _series(uint8 market, uint24 expiry) private pure returns (uint256) {
        return uint256(market) << 24 | expiry;
    }

    function _unpackSeries(uint256 series) private pure returns (uint8 market, uint24 expiry) {
        return (uint8(series >> 24), uint24(series));
    }
}
