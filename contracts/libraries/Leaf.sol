// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LeafWord, Position} from "../types/LeafWord.sol";

/// Leaves of the account tree (section 3): `2 + ceil(count / 4)` words.
library Leaf {
    uint256 internal constant MAX_POSITIONS = 32;

    /// `expected` follows from the leaf's count; an empty leaf has 2 words.
    error LeafLength(uint256 found, uint256 expected);
    error TooManyPositions(uint256 found);
    /// `rule` and `epoch` are zero in version 1.
    error UnknownRule(uint8 rule, uint32 epoch);
    /// Position `place` (from 0) has no lots, or does not follow `previous` in ascending order.
    error InvalidPosition(uint256 place, uint24 previous, uint24 instrument, int40 lots);
    error UnusedQuarterNotZero(uint256 place);

    /// `keccak256(0x00 || words)`, and zero iff all words are zero.
    function hash(bytes32[] calldata words) internal pure returns (bytes32 result) {
        uint256 some;
        for (uint256 i; i < words.length; ++i) {
            some |= uint256(words[i]);
        }
        if (some == 0) return 0;
        // keccak256(abi.encodePacked(bytes1(0), words)) in scratch memory beyond the free pointer.
        assembly ("memory-safe") {
            let start := mload(0x40)
            let size := shl(5, words.length)
            mstore8(start, 0)
            calldatacopy(add(start, 1), words.offset, size)
            result := keccak256(start, add(size, 1))
        }
    }

    /// Word 0. Checks the shape of all of the leaf: nothing else may be read of one that is not
    /// checked, for an empty leaf has as many zero words as somebody likes.
    function check(bytes32[] calldata words) internal pure returns (LeafWord first) {
        require(words.length >= 2, LeafLength(words.length, 2));
        first = LeafWord.wrap(words[0]);
        uint256 count = first.count();
        require(count <= MAX_POSITIONS, TooManyPositions(count));
        uint256 expected = 2 + (count + 3) / 4;
        require(words.length == expected, LeafLength(words.length, expected));
        require(
            first.rule() == 0 && first.epoch() == 0, UnknownRule(first.rule(), first.epoch())
        );
        uint24 previous;
        for (uint256 i; i < count; ++i) {
            Position position = positionAt(words, i);
            uint24 instrument = position.instrument();
            require(
                instrument > previous && position.lots() != 0,
                InvalidPosition(i, previous, instrument, position.lots())
            );
            previous = instrument;
        }
        for (uint256 i = count; i < 4 * (expected - 2); ++i) {
            require(positionAt(words, i).isEmpty(), UnusedQuarterNotZero(i));
        }
    }

    function slotsRoot(bytes32[] calldata words) internal pure returns (bytes32) {
        return words[1];
    }

    /// Position i, of a leaf that has at least i + 1 quarters.
    function positionAt(bytes32[] calldata words, uint256 i) internal pure returns (Position) {
        return Position.wrap(uint64(uint256(words[2 + i / 4]) >> 64 * (3 - i % 4)));
    }

    /// All positions of a leaf that was checked.
    function positions(bytes32[] calldata words) internal pure returns (Position[] memory list) {
        list = new Position[](LeafWord.wrap(words[0]).count());
        for (uint256 i; i < list.length; ++i) {
            list[i] = positionAt(words, i);
        }
    }
}
