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
        uint256 zeros;
        while (zeros < words.length && words[zeros] == 0) ++zeros;
        if (zeros == words.length) return 0;
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
        (uint256 i, uint256 previous) = _sound(words, count);
        uint256 word; // position i is its first quarter
        for (; i < count; ++i) {
            word = i % 4 == 0 ? uint256(words[2 + i / 4]) : word << 64;
            uint256 instrument = word >> 232;
            uint256 lots = word << 24 >> 216;
            require(
                instrument > previous && lots != 0,
                InvalidPosition(i, uint24(previous), uint24(instrument), int40(uint40(lots)))
            );
            previous = instrument;
        }
        for (; i % 4 != 0; ++i) {
            word <<= 64;
            require(word >> 192 == 0, UnusedQuarterNotZero(i));
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

    /// How many positions are sound, from the first on, as far as they fill whole words; and the
    /// instrument of the last of them. Assumes: the words of `count` positions are there.
    function _sound(bytes32[] calldata words, uint256 count)
        private
        pure
        returns (uint256 i, uint256 previous)
    {
        // for (; i + 4 <= count; i += 4) {
        //     for (uint256 j = i; j < i + 4; ++j) {
        //         Position position = positionAt(words, j);
        //         bool ascends = j == 0 ? position.instrument() > 0
        //             : position.instrument() > positionAt(words, j - 1).instrument();
        //         if (!ascends || position.lots() == 0) return (i, previous);
        //     }
        //     previous = positionAt(words, i + 3).instrument();
        // }
        // A quarter is above another with all bits of its lots set iff its instrument is; and the
        // product of four lots, as numbers of 40 bits, is zero iff one of them is.
        assembly ("memory-safe") {
            let lots := 0xffffffffff
            let quarter := 0xffffffffffffffff
            let last := lots
            let word := add(words.offset, 0x40)
            for { let end := and(count, not(3)) } lt(i, end) { i := add(i, 4) } {
                let d := calldataload(word)
                let a := shr(192, d)
                let b := and(shr(128, d), quarter)
                let c := and(shr(64, d), quarter)
                d := and(d, quarter)
                if iszero(
                    mul(
                        and(
                            and(gt(a, last), gt(b, or(a, lots))),
                            and(gt(c, or(b, lots)), gt(d, or(c, lots)))
                        ),
                        mul(
                            mul(and(a, lots), and(b, lots)),
                            mul(and(c, lots), and(d, lots))
                        )
                    )
                ) { break }
                last := or(d, lots)
                word := add(word, 0x20)
            }
            previous := shr(40, last)
        }
    }
}
