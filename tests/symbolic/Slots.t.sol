// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Slots} from "../../contracts/libraries/Slots.sol";
import {Fault} from "../../contracts/types/Verdict.sol";

/// The rule of the order slots (section 3), for every word, order and size. INV-S4: no order is
/// filled on two counters; INV-S6: no withdrawal is taken twice.
contract SlotsTest {
    function check_inv_s4_stale_order_is_never_taken(uint256 word, uint48 order, uint32 lots)
        public
        pure
    {
        if (!Slots.isOrderId(order)) return;
        (uint256 generation,) = _slot(word, order);
        bool stale = order >> 12 < generation;
        (Fault fault, uint256 next) = Slots.use(word, order, lots);
        assert((fault == Fault.StaleOrder) == stale);
        if (stale) assert(next == word);
        (fault, next) = Slots.useWhole(word, order);
        assert((fault == Fault.StaleOrder) == stale);
        if (stale) assert(next == word);
    }

    /// Within a generation what is filled grows by the lots; a newer one begins at them.
    function check_inv_s4_fill_counts_on_one_counter(uint256 word, uint48 order, uint32 lots)
        public
        pure
    {
        if (!Slots.isOrderId(order)) return;
        (uint256 generation, uint256 filled) = _slot(word, order);
        if (order >> 12 < generation) return;
        uint256 expected = uint256(lots) + (order >> 12 == generation ? filled : 0);
        (Fault fault, uint256 next) = Slots.use(word, order, lots);
        if (expected > type(uint32).max) {
            assert(fault == Fault.Overfilled && next == word);
            return;
        }
        assert(fault == Fault.None);
        (uint256 generationAfter, uint256 filledAfter) = _slot(next, order);
        assert(generationAfter == order >> 12 && filledAfter == expected);
        assert(generationAfter > generation || filledAfter >= filled);
    }

    /// A withdrawal or transfer needs a fresh slot and leaves no room in it.
    function check_inv_s6_whole_slot_is_taken_fresh_and_once(uint256 word, uint48 order, uint32 lots)
        public
        pure
    {
        if (!Slots.isOrderId(order) || lots == 0) return;
        (uint256 generation, uint256 filled) = _slot(word, order);
        bool fresh = order >> 12 > generation || (order >> 12 == generation && filled == 0);
        (Fault fault, uint256 next) = Slots.useWhole(word, order);
        assert((fault == Fault.None) == fresh);
        if (!fresh) {
            assert(next == word);
            return;
        }
        (uint256 generationAfter, uint256 filledAfter) = _slot(next, order);
        assert(generationAfter == order >> 12 && filledAfter == type(uint32).max);
        (fault,) = Slots.useWhole(next, order);
        assert(fault == Fault.SlotUsed);
        (fault,) = Slots.use(next, order, lots);
        assert(fault == Fault.Overfilled);
    }

    function check_inv_s4_other_slots_are_left_alone(
        uint256 word,
        uint48 order,
        uint48 other,
        uint32 lots
    ) public pure {
        if (!Slots.isOrderId(order) || order % 4 == other % 4) return;
        (uint256 generation, uint256 filled) = _slot(word, other);
        (, uint256 next) = Slots.use(word, order, lots);
        (uint256 generationAfter, uint256 filledAfter) = _slot(next, other);
        assert(generationAfter == generation && filledAfter == filled);
        (, next) = Slots.useWhole(word, order);
        (generationAfter, filledAfter) = _slot(next, other);
        assert(generationAfter == generation && filledAfter == filled);
    }

    function check_inv_s4_generation_of_an_order_id_fits(uint48 order) public pure {
        assert(Slots.isOrderId(order) == (order >> 12 <= type(uint32).max));
    }

    /// By division, quarter 0 highest.
    function _slot(uint256 word, uint48 order) private pure returns (uint256, uint256) {
        uint256 quarter = order % 4;
        uint256 slot = quarter == 0
            ? word >> 192
            : quarter == 1 ? word >> 128 : quarter == 2 ? word >> 64 : word;
        return (uint32(slot >> 32), uint32(slot));
    }
}
