// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibSort} from "solady/utils/LibSort.sol";
import {IMarkets} from "../interfaces/IMarkets.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {LeafWord} from "../types/LeafWord.sol";
import {Leg} from "../types/Leg.sol";
import {PriceWord} from "../types/PriceWord.sol";

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
    /// its payoffs`. An expiry whose price was fixed before `before` counts at its price. Assumes: the
    /// leaf's shape was checked.
    function worst(
        bytes32[] calldata leaf,
        IMarkets markets,
        ISettlementPrices prices,
        uint256 before
    ) internal view returns (int256 total) {
        LeafWord word = LeafWord.wrap(leaf[0]);
        total = word.cash();
        if (word.count() == 0) return total;
        Leg[] memory legs = markets.legsOf(leaf);
        LibSort.sort(_raw(legs)); // each series' legs stand together now, by ascending strike
        PriceWord[] memory fixes = _pricesOf(legs, prices, before);
        uint256 next; // of the prices
        // 32 times 2^39 lots, and less than 2^64 atoms for each: nothing comes near 2^255.
        unchecked {
            for (uint256 from; from < legs.length;) {
                Leg first = _at(legs, from);
                uint256 to = from + 1;
                while (to < legs.length && first.isBeside(_at(legs, to))) ++to;
                PriceWord price;
                if (first.isPassed(before)) price = fixes[next++];
                uint256 fixedAt = price.date();
                bool isFixed = fixedAt != 0 && fixedAt < before;
                total += isFixed
                    ? _valueAt(legs, from, to, price.price())
                    : _least(legs, from, to, first.cap());
                from = to;
            }
        }
    }

    /// One for each series whose expiry has passed, in the order of the sorted legs. No price is
    /// fixed before the expiry, so one that lies ahead is not asked for.
    function _pricesOf(Leg[] memory legs, ISettlementPrices prices, uint256 before)
        private
        view
        returns (PriceWord[] memory fixes)
    {
        uint32[] memory passed = new uint32[](legs.length);
        uint256 count;
        Leg previous = Leg.wrap(type(uint256).max); // of no leg's series
        // At most 32.
        unchecked {
            for (uint256 i; i < legs.length; ++i) {
                Leg leg = _at(legs, i);
                if (!leg.isBeside(previous) && leg.isPassed(before)) {
                    passed[count++] = leg.series();
                }
                previous = leg;
            }
        }
        if (count == 0) return fixes;
        // passed = passed[:count]
        assembly ("memory-safe") {
            mstore(passed, count)
        }
        return prices.pricesOf(passed);
    }

    /// What the legs from..to of one expiry pay together at its price, which is at most the cap.
    function _valueAt(Leg[] memory legs, uint256 from, uint256 to, uint256 price)
        private
        pure
        returns (int256 total)
    {
        unchecked {
            for (uint256 i = from; i < to; ++i) {
                Leg leg = _at(legs, i);
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
        unchecked {
            int256 value;
            int256 slope;
            for (uint256 i = from; i < to; ++i) {
                Leg leg = _at(legs, i);
                if (leg.isCall()) continue;
                int256 lots = leg.lots();
                value += int256(leg.strike()) * lots;
                slope -= lots;
            }
            least = value;
            uint256 price;
            for (uint256 i = from; i < to; ++i) {
                Leg leg = _at(legs, i);
                uint256 strike = leg.strike();
                if (strike >= cap) break;
                value += slope * int256(strike - price);
                price = strike;
                slope += leg.lots();
                if (value < least) least = value;
            }
            value += slope * int256(cap - price);
            if (value < least) least = value;
        }
    }

    function _at(Leg[] memory legs, uint256 i) private pure returns (Leg leg) {
        // leg = legs[i], for i < legs.length
        assembly ("memory-safe") {
            leg := mload(add(add(legs, 0x20), shl(5, i)))
        }
    }

    function _raw(Leg[] memory legs) private pure returns (uint256[] memory same) {
        // same = legs, read as numbers
        assembly ("memory-safe") {
            same := legs
        }
    }
}
