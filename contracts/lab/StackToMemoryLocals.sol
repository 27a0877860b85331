// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Statistics, fold, priceOf, quantityOf, step} from "./StackToMemory.sol";

// The variant of StackToMemory.sol that only the via-IR pipeline compiles, in a file of its own for
// that reason.

/// Sixteen totals as plain locals; the compiler's stack-to-memory mover finds a place for those
/// that the stack cannot reach.
contract TotalsInLocals is Statistics {
    // No total can wrap: 24 bits for each fill, and gas ends before 2^232 fills.
    function checksum(uint256 state, uint256 fills) external pure returns (uint256 sum) {
        uint256 volume;
        uint256 notional;
        uint256 buys;
        uint256 buyVolume;
        uint256 highest;
        uint256 lowest = type(uint256).max;
        uint256 first;
        uint256 last;
        uint256 largest;
        uint256 smallest = type(uint256).max;
        uint256 fees;
        uint256 rebates;
        uint256 squares;
        uint256 moves;
        uint256 rises;
        uint256 odd;
        unchecked {
            for (uint256 i; i < fills; ++i) {
                state = step(state);
                (uint256 price, uint256 quantity) = (priceOf(state), quantityOf(state));
                if (i == 0) first = price;
                volume += quantity;
                notional += price * quantity;
                if (state >> 63 == 1) {
                    ++buys;
                    buyVolume += quantity;
                }
                if (price > highest) highest = price;
                if (price < lowest) lowest = price;
                if (quantity > largest) largest = quantity;
                if (quantity < smallest) smallest = quantity;
                fees += price * quantity / 2000;
                rebates += price * quantity / 5000;
                squares += quantity * quantity;
                odd += quantity & 1;
                if (price != last) ++moves;
                if (price > last) ++rises;
                last = price;
            }
        }
        sum = fold(sum, volume, notional, buys, buyVolume);
        sum = fold(sum, highest, lowest, first, last);
        sum = fold(sum, largest, smallest, fees, rebates);
        sum = fold(sum, squares, moves, rises, odd);
    }
}
