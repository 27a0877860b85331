// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LeafWord, LeafWordLibrary, Position, PositionLibrary} from "../types/LeafWord.sol";
import {Fault} from "../types/Verdict.sol";
import {Leaf} from "./Leaf.sol";

/// An account of the state while ops change it (sections 3 and 5). Fields are computed in 256 bits
/// and may be outside their width until `fault` was asked.
struct Account {
    int256 cash; // atoms
    uint256 exited; // atoms, all ever let out
    uint256 credited; // atoms, all ever let in
    uint256 served; // asks
    bytes32 slotsRoot;
    uint256 count; // of positions; 33 at the most
    int256 widest; // the position set last, lots: the only one that may be outside its width
    /// What is hashed, from the last byte of word 0 on: 0x00, then the leaf's words. Words 1 and 2
    /// are those of the fields above and are written when it is hashed; positions from word 3 on.
    uint256[12] preimage;
}

using Accounts for Account global;

library Accounts {
    uint256 private constant FIRST_WORD = 1; // of the leaf, in the preimage
    uint256 private constant SLOTS_WORD = 2;
    uint256 private constant POSITIONS = 3; // 9 words: one op may make them 33

    /// An account from its leaf. Assumes: the leaf's shape was checked.
    function from(bytes32[] calldata leaf) internal pure returns (Account memory self) {
        LeafWord first = LeafWord.wrap(leaf[0]);
        self.cash = first.cash();
        self.exited = first.exited();
        self.credited = first.credited();
        self.served = first.served();
        self.slotsRoot = leaf[1];
        self.count = first.count();
        uint256[12] memory preimage = self.preimage;
        // for (uint256 i; i < leaf.length; ++i) preimage[FIRST_WORD + i] = uint256(leaf[i]);
        // A leaf that was checked has 10 words at most.
        assembly ("memory-safe") {
            calldatacopy(add(preimage, 0x20), leaf.offset, shl(5, leaf.length))
        }
    }

    /// `keccak256(0x00 || words)` of the leaf, and zero iff all words are zero.
    /// Assumes: all fields are within their width.
    function hash(Account memory self) internal pure returns (bytes32 result) {
        LeafWord first = LeafWordLibrary.make(
            int64(self.cash),
            uint64(self.exited),
            uint56(self.credited),
            uint24(self.served),
            uint8(self.count)
        );
        // With a position, `count` is not zero.
        if (LeafWord.unwrap(first) == 0 && self.slotsRoot == 0) return 0;
        uint256[12] memory preimage = self.preimage;
        preimage[FIRST_WORD] = uint256(LeafWord.unwrap(first));
        preimage[SLOTS_WORD] = uint256(self.slotsRoot);
        uint256 words = 2 + (self.count + 3) / 4;
        // keccak256(abi.encodePacked(bytes1(0), preimage[1], .. preimage[words]))
        // where it stands: word 0 is zero, so the byte before word 1 is, too.
        assembly ("memory-safe") {
            result := keccak256(add(preimage, 0x1f), add(1, shl(5, words)))
        }
    }

    /// What is wrong after an op: a field outside its width, or more than 32 positions.
    function fault(Account memory self) internal pure returns (Fault) {
        bool fits = self.cash >= type(int64).min && self.cash <= type(int64).max
            && self.exited <= type(uint64).max && self.credited <= type(uint56).max
            && self.served <= type(uint24).max && _isLots(self.widest);
        if (!fits) return Fault.FieldOverflow;
        return self.count > Leaf.MAX_POSITIONS ? Fault.TooManyPositions : Fault.None;
    }

    /// Position i; i < count.
    function positionAt(Account memory self, uint256 i) internal pure returns (Position) {
        return Position.wrap(uint64(self.preimage[POSITIONS + i / 4] >> 64 * (3 - i % 4)));
    }

    /// Changes a position by `lots`, not 0; what it is now. At 0 it is removed. One outside its
    /// width is remembered as such, but not kept. At most once per op, of an account with at most 32.
    function addLots(Account memory self, uint24 instrument, int256 lots)
        internal
        pure
        returns (int256 held)
    {
        (uint256 place, bool isHeld) = _find(self, instrument);
        held = isHeld ? lots + self.positionAt(place).lots() : lots;
        self.widest = held;
        if (!_isLots(held)) return held;
        uint256 quarter = Position.unwrap(PositionLibrary.make(instrument, int40(held)));
        if (!isHeld) _insertAt(self, place, quarter);
        else if (held != 0) _setAt(self, place, quarter);
        else removeAt(self, place);
    }

    /// Removes position i and moves up those behind it.
    function removeAt(Account memory self, uint256 i) internal pure {
        uint256[12] memory preimage = self.preimage;
        uint256 word = POSITIONS + i / 4;
        uint256 last = POSITIONS + (self.count - 1) / 4;
        uint256 behind = type(uint256).max >> 64 * (i % 4); // position i and those after it
        preimage[word] = preimage[word] & ~behind | preimage[word] << 64 & behind;
        for (; word < last; ++word) {
            preimage[word] |= preimage[word + 1] >> 192;
            preimage[word + 1] <<= 64;
        }
        --self.count;
    }

    /// Where an instrument's position stands, or should stand.
    function _find(Account memory self, uint24 instrument)
        private
        pure
        returns (uint256 place, bool isHeld)
    {
        uint256 end = self.count;
        while (place < end) {
            uint256 middle = (place + end) / 2;
            uint24 found = self.positionAt(middle).instrument();
            if (found == instrument) return (middle, true);
            if (found < instrument) place = middle + 1;
            else end = middle;
        }
    }

    /// Puts a position at place i; those from there on move down.
    function _insertAt(Account memory self, uint256 i, uint256 quarter) private pure {
        uint256[12] memory preimage = self.preimage;
        uint256 word = POSITIONS + self.count / 4;
        for (; word > POSITIONS + i / 4; --word) {
            preimage[word] = preimage[word] >> 64 | preimage[word - 1] << 192;
        }
        uint256 bits = 64 * (i % 4);
        uint256 behind = type(uint256).max >> bits; // places from i on
        uint256 before = preimage[word];
        preimage[word] = before & ~behind | quarter << 192 - bits | (before & behind) >> 64;
        ++self.count;
    }

    function _setAt(Account memory self, uint256 i, uint256 quarter) private pure {
        uint256 shift = 64 * (3 - i % 4);
        uint256 word = POSITIONS + i / 4;
        uint256 rest = self.preimage[word] & ~(uint256(type(uint64).max) << shift);
        self.preimage[word] = rest | quarter << shift;
    }

    function _isLots(int256 lots) private pure returns (bool) {
        return lots >= type(int40).min && lots <= type(int40).max;
    }
}
