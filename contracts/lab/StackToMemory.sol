// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// n fills keep sixteen running totals up to date; a checksum of the totals is answered.
//
// Claim        Locals beyond the sixteen that DUP and SWAP reach must live in memory. Who moves
//              them there decides what that costs.
// Rule         DUP16 and SWAP16 are the deepest. Legacy code generation gives up ("stack too
//              deep"), so the author moves locals to a struct in memory. The via-IR pipeline moves
//              the ones that it must to fixed addresses, if all assembly is memory-safe.
// Pays         Plain locals via IR: a fixed address needs no pointer and no offset, and most locals
//              stay on the stack.
// Does not     Where a few locals could end their life earlier: reordering by hand is free at run
//              time.
// Readability  Plain locals read best. A struct adds a name before each; hand-made scopes break up
//              what belongs together, here into a pass for each group of totals.

interface Statistics {
    function checksum(uint256 seed, uint256 fills) external returns (uint256);
}

struct Totals {
    uint256 volume;
    uint256 notional;
    uint256 buys;
    uint256 buyVolume;
    uint256 highest;
    uint256 lowest;
    uint256 first;
    uint256 last;
    uint256 largest;
    uint256 smallest;
    uint256 fees;
    uint256 rebates;
    uint256 squares;
    uint256 moves;
    uint256 rises;
    uint256 odd;
}

/// The next fill: price and quantity come from a linear congruence, so no calldata is needed.
function step(uint256 state) pure returns (uint256) {
    unchecked {
        return uint64(state * 0x5851f42d4c957f2d + 0x14057b7ef767814f);
    }
}

function priceOf(uint256 state) pure returns (uint256) {
    return (state >> 40 & 0xffff) + 1;
}

function quantityOf(uint256 state) pure returns (uint256) {
    return (state >> 24 & 0xff) + 1;
}

/// Next checksum: it depends on the order.
function fold(uint256 checksum, uint256 a, uint256 b, uint256 c, uint256 d) pure returns (uint256) {
    unchecked {
        return (((checksum * 31 + a) * 31 + b) * 31 + c) * 31 + d;
    }
}

/// Baseline: one struct in memory, as legacy code generation wants it.
contract TotalsInStruct is Statistics {
    // No total can wrap: 24 bits for each fill, and gas ends before 2^232 fills.
    function checksum(uint256 seed, uint256 fills) external pure returns (uint256) {
        Totals memory t;
        t.lowest = type(uint256).max;
        t.smallest = type(uint256).max;
        uint256 state = seed;
        unchecked {
            for (uint256 i; i < fills; ++i) {
                state = step(state);
                (uint256 price, uint256 quantity) = (priceOf(state), quantityOf(state));
                if (i == 0) t.first = price;
                t.volume += quantity;
                t.notional += price * quantity;
                if (state >> 63 == 1) {
                    ++t.buys;
                    t.buyVolume += quantity;
                }
                if (price > t.highest) t.highest = price;
                if (price < t.lowest) t.lowest = price;
                if (quantity > t.largest) t.largest = quantity;
                if (quantity < t.smallest) t.smallest = quantity;
                t.fees += price * quantity / 2000;
                t.rebates += price * quantity / 5000;
                t.squares += quantity * quantity;
                t.odd += quantity & 1;
                if (price != t.last) ++t.moves;
                if (price > t.last) ++t.rises;
                t.last = price;
            }
        }
        return summary(t);
    }

    function summary(Totals memory t) private pure returns (uint256 sum) {
        sum = fold(sum, t.volume, t.notional, t.buys, t.buyVolume);
        sum = fold(sum, t.highest, t.lowest, t.first, t.last);
        sum = fold(sum, t.largest, t.smallest, t.fees, t.rebates);
        sum = fold(sum, t.squares, t.moves, t.rises, t.odd);
    }
}

/// Scopes by hand: four passes, each with the few totals that the stack holds.
contract TotalsInScopes is Statistics {
    function checksum(uint256 seed, uint256 fills) external pure returns (uint256 sum) {
        sum = sums(sum, seed, fills);
        sum = prices(sum, seed, fills);
        sum = extremes(sum, seed, fills);
        sum = counts(sum, seed, fills);
    }

    // In each pass: no total can wrap, 24 bits for each fill, and gas ends before 2^232 fills.

    function sums(uint256 sum, uint256 state, uint256 fills) private pure returns (uint256) {
        (uint256 volume, uint256 notional, uint256 buys, uint256 buyVolume) = (0, 0, 0, 0);
        unchecked {
            for (uint256 i; i < fills; ++i) {
                state = step(state);
                uint256 quantity = quantityOf(state);
                volume += quantity;
                notional += priceOf(state) * quantity;
                if (state >> 63 == 1) {
                    ++buys;
                    buyVolume += quantity;
                }
            }
        }
        return fold(sum, volume, notional, buys, buyVolume);
    }

    function prices(uint256 sum, uint256 state, uint256 fills) private pure returns (uint256) {
        (uint256 highest, uint256 lowest, uint256 first, uint256 last) =
            (0, type(uint256).max, 0, 0);
        unchecked {
            for (uint256 i; i < fills; ++i) {
                state = step(state);
                last = priceOf(state);
                if (i == 0) first = last;
                if (last > highest) highest = last;
                if (last < lowest) lowest = last;
            }
        }
        return fold(sum, highest, lowest, first, last);
    }

    function extremes(uint256 sum, uint256 state, uint256 fills) private pure returns (uint256) {
        (uint256 largest, uint256 smallest, uint256 fees, uint256 rebates) =
            (0, type(uint256).max, 0, 0);
        unchecked {
            for (uint256 i; i < fills; ++i) {
                state = step(state);
                uint256 quantity = quantityOf(state);
                if (quantity > largest) largest = quantity;
                if (quantity < smallest) smallest = quantity;
                uint256 notional = priceOf(state) * quantity;
                fees += notional / 2000;
                rebates += notional / 5000;
            }
        }
        return fold(sum, largest, smallest, fees, rebates);
    }

    function counts(uint256 sum, uint256 state, uint256 fills) private pure returns (uint256) {
        (uint256 squares, uint256 moves, uint256 rises, uint256 odd) = (0, 0, 0, 0);
        uint256 last;
        unchecked {
            for (uint256 i; i < fills; ++i) {
                state = step(state);
                (uint256 price, uint256 quantity) = (priceOf(state), quantityOf(state));
                squares += quantity * quantity;
                odd += quantity & 1;
                if (price != last) ++moves;
                if (price > last) ++rises;
                last = price;
            }
        }
        return fold(sum, squares, moves, rises, odd);
    }
}
