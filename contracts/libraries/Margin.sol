// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibSort} from "solady/utils/LibSort.sol";
import {IMarkets} from "../interfaces/IMarkets.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {Position} from "../types/LeafWord.sol";
import {Leg} from "../types/Leg.sol";

/// Payoffs (section 4) and the margin of rule 0 (section 5): everything fully collateralized.
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
    function worst(
        int256 cash,
        Position[] memory positions,
        IMarkets markets,
        ISettlementPrices prices,
        uint256 before
    ) internal view returns (int256 total) {
        Leg[] memory legs = _legs(positions, markets);
        LibSort.sort(_raw(legs)); // each expiry's legs stand together now, by ascending strike
        total = cash;
        for (uint256 from; from < legs.length;) {
            Leg first = legs[from];
            uint256 to = from + 1;
            while (to < legs.length && first.isBeside(legs[to])) ++to;
            (bool isFixed, uint256 price) = _priceOf(first, prices, before);
            if (isFixed) {
                total += _valueAt(legs, from, to, price);
            } else {
                (uint256 cap,) = markets.expiryOf(first.market(), first.expiry());
                total += _least(legs, from, to, cap);
            }
            from = to;
        }
    }

    function _legs(Position[] memory positions, IMarkets markets)
        private
        view
        returns (Leg[] memory legs)
    {
        if (positions.length == 0) return legs;
        uint24[] memory instruments = new uint24[](positions.length);
        for (uint256 i; i < positions.length; ++i) {
            instruments[i] = positions[i].instrument();
        }
        legs = markets.legsOf(instruments);
        for (uint256 i; i < positions.length; ++i) {
            legs[i] = legs[i].withLots(positions[i].lots());
        }
    }

    /// The price that counts for a leg's expiry, if there is one. No price is fixed before the
    /// expiry, so one that lies ahead is not asked for.
    function _priceOf(Leg leg, ISettlementPrices prices, uint256 before)
        private
        view
        returns (bool isFixed, uint256 price)
    {
        if (uint256(leg.expiry()) * 1 hours >= before) return (false, 0);
        uint256 fixedAt;
        (price, fixedAt) = prices.priceOf(leg.market(), leg.expiry());
        isFixed = fixedAt != 0 && fixedAt < before;
    }

    /// What the legs from..to of one expiry pay together at its price, which is at most the cap.
    function _valueAt(Leg[] memory legs, uint256 from, uint256 to, uint256 price)
        private
        pure
        returns (int256 total)
    {
        // 32 times 2^39 lots, and less than 2^64 atoms for each: nothing comes near 2^255.
        unchecked {
            for (uint256 i = from; i < to; ++i) {
                Leg leg = legs[i];
                total += int256(payoff(leg.isCall(), leg.strike(), price, price)) * leg.lots();
            }
        }
    }

    /// The least that they pay together over all prices in [0, cap].
    /// Their sum is piecewise linear and bends only at strikes, so it is followed from 0 over the
    /// strikes to the cap. At 0 the puts pay K and fall; at its strike a put ceases to fall and a
    /// call begins to rise: either way the slope grows by the lots.
    function _least(Leg[] memory legs, uint256 from, uint256 to, uint256 cap)
        private
        pure
        returns (int256 least)
    {
        // 32 times 2^39 lots, and less than 2^56 atoms for each: nothing comes near 2^255.
        unchecked {
            int256 value;
            int256 slope;
            for (uint256 i = from; i < to; ++i) {
                Leg leg = legs[i];
                if (leg.isCall()) continue;
                value += int256(leg.strike()) * leg.lots();
                slope -= leg.lots();
            }
            least = value;
            uint256 price;
            for (uint256 i = from; i < to; ++i) {
                uint256 strike = legs[i].strike();
                if (strike >= cap) break;
                value += slope * int256(strike - price);
                price = strike;
                slope += legs[i].lots();
                if (value < least) least = value;
            }
            value += slope * int256(cap - price);
            if (value < least) least = value;
        }
    }

    function _raw(Leg[] memory legs) private pure returns (uint256[] memory same) {
        // same = legs, read as numbers
        assembly ("memory-safe") {
            same := legs
        }
    }
}
