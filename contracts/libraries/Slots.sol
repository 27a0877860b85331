// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Fault} from "../types/Verdict.sol";

/// Order slots (section 3): what of an order was filled. Four to a word, the lowest number highest:
///
///     | generation:32 | filled:32 |  x 4
///
/// An order has slot `id % 4096`, its generation is `id / 4096`.
library Slots {
    uint256 private constant ORDER_ID_END = 1 << 44;
    uint256 private constant GENERATION_SHIFT = 12;
    uint256 private constant FULL = type(uint32).max;

    function isOrderId(uint256 order) internal pure returns (bool) {
        return order < ORDER_ID_END;
    }

    /// The word after `lots` more of an order; it must not be stale.
    function use(uint256 word, uint256 order, uint256 lots)
        internal
        pure
        returns (Fault, uint256 result)
    {
        (uint256 generation, uint256 current, uint256 filled) = _slot(word, order);
        if (generation < current) return (Fault.StaleOrder, word);
        filled = generation == current ? filled + lots : lots;
        if (filled > FULL) return (Fault.Overfilled, word);
        return (Fault.None, _set(word, order, generation, filled));
    }

    /// The word after a withdrawal or transfer, which needs a fresh slot and fills it.
    function useWhole(uint256 word, uint256 order) internal pure returns (Fault, uint256 result) {
        (uint256 generation, uint256 current, uint256 filled) = _slot(word, order);
        if (generation < current) return (Fault.StaleOrder, word);
        if (generation == current && filled != 0) return (Fault.SlotUsed, word);
        return (Fault.None, _set(word, order, generation, FULL));
    }

    /// The order's generation, and what stands in its slot.
    function _slot(uint256 word, uint256 order)
        private
        pure
        returns (uint256 generation, uint256 current, uint256 filled)
    {
        uint256 slot = word >> _shift(order);
        return (order >> GENERATION_SHIFT, uint32(slot >> 32), uint32(slot));
    }

    function _set(uint256 word, uint256 order, uint256 generation, uint256 filled)
        private
        pure
        returns (uint256)
    {
        uint256 shift = _shift(order);
        uint256 rest = word & ~(uint256(type(uint64).max) << shift);
        return rest | (generation << 32 | filled) << shift;
    }

    function _shift(uint256 order) private pure returns (uint256) {
        return 64 * (3 - order % 4);
    }
}
