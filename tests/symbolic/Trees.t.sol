// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Leaf} from "../../contracts/libraries/Leaf.sol";
import {Merkle} from "../../contracts/libraries/Merkle.sol";
import {Openings} from "../../contracts/libraries/Openings.sol";
import {OP_ROOT_HI, OP_ROOT_LO, OpWord} from "../../contracts/types/OpWord.sol";
import {Reader, ReaderLibrary} from "../../contracts/types/Reader.sol";

/// Trees, leaves, and what is opened against a root (sections 3, 6 and 14). Assumed, as everywhere
/// in the protocol: no two inputs of keccak256 are found that hash to the same, nor one to zero.
contract TreesTest {
    // --- Merkle: the assembly is the plain loop (INV-S8)
    // Cases that are told apart by a parameter are proved one by one; in a row they would multiply.

    function check_inv_s8_climb_is_the_plain_loop(
        bytes32 leaf,
        uint8 levels,
        uint8 place,
        uint8 present,
        bytes32[5] calldata siblings
    ) public pure {
        for (uint256 depth; depth <= 3; ++depth) {
            if (depth != levels || present >> depth != 0) continue;
            for (uint256 index; index < 1 << depth; ++index) {
                if (index == place) _requirePlain(leaf, index, depth, present, siblings);
            }
        }
    }

    /// Four levels at a time where all have siblings: there, before it and behind it.
    function check_inv_s8_climb_of_four_levels_is_the_plain_loop(
        bytes32 leaf,
        uint8 place,
        bytes32[5] calldata siblings
    ) public pure {
        for (uint256 index; index < 16; ++index) {
            if (index == place) _requirePlain(leaf, index, 4, 0x0f, siblings);
        }
        if (place == 16) _requirePlain(leaf, 22, 5, 0x1f, siblings);
        if (place == 17) _requirePlain(leaf, 13, 5, 0x1e, siblings);
        if (place == 18) _requirePlain(leaf, 26, 5, 0x0f, siblings);
    }

    function _requirePlain(
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        uint256 present,
        bytes32[5] calldata siblings
    ) private pure {
        uint256 start = _position(siblings);
        (bytes32 root, uint256 end) = Merkle.climb(leaf, index, depth, present, start);
        bytes32 plain = leaf;
        uint256 next;
        for (uint256 level; level != depth; ++level) {
            bytes32 sibling = present >> level & 1 == 1 ? siblings[next++] : bytes32(0);
            plain = index >> level & 1 == 1 ? _node(sibling, plain) : _node(plain, sibling);
        }
        assert(root == plain && end == start + 32 * next);
    }

    function check_inv_s8_root_in_place_is_the_plain_tree(bytes32[4] memory words, uint8 some)
        public
        pure
    {
        for (uint256 count = 1; count <= 4; ++count) {
            if (count != some) continue;
            bytes32[4] memory padded;
            uint256 start;
            assembly ("memory-safe") {
                start := mload(0x40)
                mstore(0x40, add(start, 0xa0))
            }
            for (uint256 i; i < count; ++i) {
                bytes32 word = words[i];
                padded[i] = word;
                assembly ("memory-safe") {
                    mstore(add(start, shl(5, i)), word)
                }
            }
            uint256 size = count == 3 ? 4 : count;
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
        uint8 place,
        uint8 presentOne,
        uint8 presentOther,
        bytes32[2] calldata siblingsOne,
        bytes32[2] calldata siblingsOther
    ) public pure {
        for (uint256 index; index < 4; ++index) {
            if (index != place) continue;
            (bytes32 rootOne,) = Merkle.climb(one, index, 2, presentOne, _position(siblingsOne));
            (bytes32 rootOther,) =
                Merkle.climb(other, index, 2, presentOther, _position(siblingsOther));
            if (rootOne == rootOther) assert(one == other);
        }
    }

    // --- words of a batch

    /// The two words that end a chunk are taken iff they are well-formed ROOT words, for their root.
    function check_inv_s9_root_stated_is_that_of_root_words(uint256 high, uint256 low) public view {
        OpWord first = OpWord.wrap(high);
        OpWord second = OpWord.wrap(low);
        bool states = first.kind() == OP_ROOT_HI && first.isWellFormed()
            && second.kind() == OP_ROOT_LO && second.isWellFormed();
        try this.statedBy(high, low) returns (bytes32 root) {
            assert(states);
            assert(root == bytes32(uint256(first.half()) << 128 | second.half()));
        } catch {
            assert(!states);
        }
    }

    function statedBy(uint256 high, uint256 low) external pure returns (bytes32) {
        return Openings.statedBy(high, low);
    }

    /// A word opened by a path of its own is the one that the whole shows in its place; and by the
    /// path that the whole gives it, it is opened.
    function check_inv_s9_word_opened_is_that_of_the_whole(
        bytes32[4] memory words,
        bytes32 word,
        uint8 place,
        uint8 present,
        bytes32[2] calldata siblings
    ) public pure {
        bytes32[4] memory copy = [words[0], words[1], words[2], words[3]];
        uint256 start;
        assembly ("memory-safe") {
            start := copy
            mstore(0x40, add(mload(0x40), 0x20)) // the free word behind them
        }
        bytes32 root = Merkle.rootInPlace(start, 4);
        for (uint256 index; index < 4; ++index) {
            if (index != place) continue;
            (bytes32 found,) = Merkle.climb(word, index, 2, present, _position(siblings));
            if (found == root) assert(word == words[index]);
            uint256 pair = (index & 2) ^ 2; // the two that are not below the same node
            if (
                present == 3 && word == words[index] && siblings[0] == words[index ^ 1]
                    && siblings[1] == Merkle.node(words[pair], words[pair + 1])
            ) assert(found == root);
        }
    }

    // --- leaves

    /// No two leaves of 2, 3 or 4 words hash to the same.
    function check_inv_s8_leaf_hash_has_one_leaf(
        bytes32[4] memory one,
        bytes32[4] memory other,
        uint8 which
    ) public view {
        uint8[3] memory counts = [0, 1, 5];
        for (uint256 i; i < 3; ++i) {
            for (uint256 j = i; j < 3; ++j) {
                if (which != 3 * i + j) continue;
                bytes32[] memory first = _leaf(one, counts[i]);
                bytes32[] memory second = _leaf(other, counts[j]);
                if (this.hash(first) != this.hash(second)) continue;
                assert(i == j);
                for (uint256 k; k < first.length; ++k) {
                    assert(first[k] == second[k]);
                }
            }
        }
    }

    /// A checked leaf: instruments ascend, none has zero lots, unused quarters are zero.
    function check_inv_s8_checked_leaf_is_in_order(bytes32[4] memory words, uint8 some) public view {
        for (uint256 count; count <= 5; ++count) {
            if (count != some) continue;
            bytes32[] memory leaf = _leaf(words, count);
            try this.check(leaf) {}
            catch {
                continue;
            }
            assert(uint40(uint256(leaf[0])) == 0); // rule and epoch
            uint256 previous;
            for (uint256 i; i < 4 * (leaf.length - 2); ++i) {
                uint64 raw = uint64(uint256(leaf[2 + i / 4]) >> 64 * (3 - i % 4));
                if (i >= count) {
                    assert(raw == 0);
                    continue;
                }
                assert(raw >> 40 > previous && uint40(raw) != 0);
                previous = raw >> 40;
            }
        }
    }

    function check(bytes32[] calldata words) external pure {
        Leaf.check(words);
    }

    function hash(bytes32[] calldata words) external pure returns (bytes32) {
        return Leaf.hash(words);
    }

    /// The words of a leaf with so many positions, whose count says so.
    function _leaf(bytes32[4] memory words, uint256 count)
        private
        pure
        returns (bytes32[] memory leaf)
    {
        leaf = new bytes32[](2 + (count + 3) / 4);
        for (uint256 i; i < leaf.length; ++i) {
            leaf[i] = words[i];
        }
        leaf[0] = leaf[0] & ~bytes32(uint256(0xff) << 40) | bytes32(count << 40);
    }

    // --- Reader: positions are those of packed bytes

    /// @custom:halmos --default-bytes-lengths 96
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

    function _position(bytes32[5] calldata siblings) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := siblings
        }
    }

    function _position(bytes32[2] calldata siblings) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := siblings
        }
    }
}
