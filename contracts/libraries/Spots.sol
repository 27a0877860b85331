// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Reader} from "../types/Reader.sol";
import {Leaf} from "./Leaf.sol";
import {Merkle} from "./Merkle.sol";

/// Leaves of the state, opened against its root and replaced (sections 3 and 7).
///
///     account     present:3, leaf words (2 + ceil(count / 4)), siblings
///     slots       present:2, word:32, siblings             one word of an account's order slots
library Spots {
    uint256 private constant LEAF_COUNT_SHIFT = 40; // of `count` in word 0 of a leaf
    uint256 private constant WORD_SLOTS = 4;
    uint256 private constant SLOTS = 4096;

    error AccountNotInState(uint256 account, bytes32 found, bytes32 stateRoot);
    error SlotsNotInAccount(uint256 word, bytes32 found, bytes32 slotsRoot);

    /// Where a leaf stands in a tree: the path that holds for the old one and for the new one.
    struct Spot {
        uint256 index;
        uint256 depth;
        uint256 present;
        uint256 siblingsAt; // position in calldata
    }

    /// An account's leaf, whose shape is checked, and where it stands.
    function account(Reader memory reader, bytes32 stateRoot, uint256 index)
        internal
        pure
        returns (bytes32[] calldata leaf, Spot memory spot)
    {
        spot.index = index;
        spot.depth = Merkle.ACCOUNT_TREE_DEPTH;
        spot.present = reader.number(3);
        uint256 at = reader.at;
        uint256 count = uint8(reader.word() >> LEAF_COUNT_SHIFT);
        reader.at = at;
        leaf = reader.words(2 + (count + 3) / 4);
        Leaf.check(leaf);
        bytes32 found = _find(reader, spot, Leaf.hash(leaf));
        require(found == stateRoot, AccountNotInState(index, found, stateRoot));
    }

    /// The word of an account's order slots in which an order has its slot, and where it stands.
    function slots(Reader memory reader, bytes32 slotsRoot, uint256 order)
        internal
        pure
        returns (uint256 word, Spot memory spot)
    {
        spot.index = order % SLOTS / WORD_SLOTS;
        spot.depth = Merkle.SLOT_TREE_DEPTH;
        spot.present = reader.number(2);
        word = reader.word();
        bytes32 found = _find(reader, spot, bytes32(word));
        require(found == slotsRoot, SlotsNotInAccount(spot.index, found, slotsRoot));
    }

    /// The root with another leaf at this spot.
    function rootWith(Spot memory spot, bytes32 leafHash) internal pure returns (bytes32 root) {
        (root,) =
            Merkle.climb(leafHash, spot.index, spot.depth, spot.present, spot.siblingsAt);
    }

    function _find(Reader memory reader, Spot memory spot, bytes32 leafHash)
        private
        pure
        returns (bytes32 root)
    {
        spot.siblingsAt = reader.at;
        (root, reader.at) =
            Merkle.climb(leafHash, spot.index, spot.depth, spot.present, spot.siblingsAt);
    }
}
