// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Leaf} from "../../contracts/libraries/Leaf.sol";
import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {Openings} from "../../contracts/libraries/Openings.sol";
import {Spots} from "../../contracts/libraries/Spots.sol";
import {Header} from "../../contracts/types/Proofs.sol";
import {Reader, ReaderLibrary} from "../../contracts/types/Reader.sol";

/// Trees, leaves, and what is opened against a root (sections 3, 6 and 14). Assumed, as everywhere
/// in the protocol: no two inputs of keccak256 are found that hash to the same, nor one to zero.
contract TreesTest {
    // --- Merkle: the assembly is the plain loop (INV-S8)

    function check_inv_s8_climb_is_the_plain_loop(
        bytes32 leaf,
        uint8 present,
        bytes32[3] calldata siblings
    ) public pure {
        if (present >> 3 != 0) return;
        uint256 start = _position(siblings);
        for (uint256 depth; depth <= 3; ++depth) {
            if (present >> depth != 0) continue;
            for (uint256 index; index < 1 << depth; ++index) {
                (bytes32 root, uint256 end) = Merkle.climb(leaf, index, depth, present, start);
                bytes32 plain = leaf;
                uint256 next;
                for (uint256 level; level != depth; ++level) {
                    bytes32 sibling = present >> level & 1 == 1 ? siblings[next++] : bytes32(0);
                    plain = index >> level & 1 == 1 ? _node(sibling, plain) : _node(plain, sibling);
                }
                assert(root == plain && end == start + 32 * next);
            }
        }
    }

    function check_inv_s8_root_in_place_is_the_plain_tree(bytes32[7] memory words) public pure {
        for (uint256 count = 1; count <= 7; ++count) {
            bytes32[8] memory padded;
            uint256 start;
            assembly ("memory-safe") {
                start := mload(0x40)
                mstore(0x40, add(start, 0x120))
            }
            for (uint256 i; i < count; ++i) {
                bytes32 word = words[i];
                padded[i] = word;
                assembly ("memory-safe") {
                    mstore(add(start, shl(5, i)), word)
                }
            }
            uint256 size = count <= 1 ? 1 : count <= 2 ? 2 : count <= 4 ? 4 : 8;
            for (; size > 1; size /= 2) {
                for (uint256 i; i < size / 2; ++i) {
                    padded[i] = _node(padded[2 * i], padded[2 * i + 1]);
                }
            }
            assert(Merkle.rootInPlace(start, count) == padded[0]);
        }
    }

    /// Whatever path is brought, one root has one leaf at one place.
    function check_inv_s9_a_place_has_one_leaf(
        bytes32 one,
        bytes32 other,
        uint8 presentOne,
        uint8 presentOther,
        bytes32[3] calldata siblingsOne,
        bytes32[3] calldata siblingsOther
    ) public pure {
        for (uint256 index; index < 8; ++index) {
            (bytes32 rootOne,) = Merkle.climb(one, index, 3, presentOne, _position(siblingsOne));
            (bytes32 rootOther,) =
                Merkle.climb(other, index, 3, presentOther, _position(siblingsOther));
            if (rootOne == rootOther) assert(one == other);
        }
    }

    // --- words of a batch

    /// A word opened by itself is the word that the whole chunk shows in its place.
    /// @custom:halmos --default-bytes-lengths 1090,230 --loop 40
    function check_inv_s9_word_opened_is_that_of_the_chunk(
        Header calldata header,
        bytes calldata chunk,
        bytes calldata word
    ) public view {
        if (header.info.chunkCount() != 2 || header.info.mode() != 0) return;
        if (chunk.length != 1090 || word.length != 230) return;
        uint8[3] memory places = [0, 17, 31];
        for (uint256 i; i < places.length; ++i) {
            Reader memory reader = ReaderLibrary.over(chunk);
            Openings.Body memory body = Openings.begin(header, reader);
            uint256[] memory all = Openings.chunk(body, reader, 1);
            reader = ReaderLibrary.over(word);
            assert(Openings.word(body, reader, 1, places[i]) == all[places[i]]);
        }
    }

    // --- leaves

    /// No account has two leaves that hash to the same.
    /// @custom:halmos --array-lengths one={2,3},other={2,3} --loop 5
    function check_inv_s8_leaf_hash_has_one_leaf(bytes32[] calldata one, bytes32[] calldata other)
        public
        pure
    {
        Leaf.check(one);
        Leaf.check(other);
        if (Leaf.hash(one) != Leaf.hash(other)) return;
        assert(one.length == other.length);
        for (uint256 i; i < one.length; ++i) {
            assert(one[i] == other[i]);
        }
    }

    /// A checked leaf: instruments ascend, none has zero lots, unused quarters are zero.
    /// @custom:halmos --array-lengths words={2,3} --loop 5
    function check_inv_s8_checked_leaf_is_in_order(bytes32[] calldata words) public pure {
        uint256 count = Leaf.check(words).count();
        assert(count <= 4 * (words.length - 2) && count + 4 > 4 * (words.length - 2));
        uint256 previous;
        for (uint256 i; i < 4 * (words.length - 2); ++i) {
            uint64 raw = uint64(uint256(words[2 + i / 4]) >> 64 * (3 - i % 4));
            if (i >= count) {
                assert(raw == 0);
                continue;
            }
            assert(raw >> 40 > previous && uint40(raw) != 0);
            previous = raw >> 40;
        }
    }

    // --- Reader: positions are those of packed bytes

    /// @custom:halmos --default-bytes-lengths 96 --loop 34
    function check_inv_s9_reader_reads_what_stands_there(bytes calldata data) public pure {
        if (data.length != 96) return;
        for (uint256 size = 1; size <= 32; ++size) {
            Reader memory reader = ReaderLibrary.over(data);
            uint256 first = reader.number(size);
            uint256 second = reader.word();
            assert(first == uint256(bytes32(data[:32])) >> 8 * (32 - size));
            assert(second == uint256(bytes32(data[size:size + 32])));
            bytes calldata rest = reader.bytesOf(5);
            assert(rest.length == 5 && bytes5(rest) == bytes5(data[size + 32:size + 37]));
            bytes32[] calldata one = reader.words(1);
            assert(one.length == 1);
        }
    }

    // --- the same in plain words

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return left == 0 && right == 0 ? bytes32(0) : keccak256(abi.encode(left, right));
    }

    function _position(bytes32[3] calldata siblings) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := siblings
        }
    }
}
