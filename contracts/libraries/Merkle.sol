// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibBit} from "solady/utils/LibBit.sol";
import {Path} from "../types/Proofs.sol";

/// Merkle trees (sections 3 and 14): leaf i is the i-th from the left, a node is
/// `keccak256(left || right)`, and `node(0, 0) = 0`, so that empty subtrees cost nothing.
library Merkle {
    uint256 internal constant ACCOUNT_TREE_DEPTH = 24;
    uint256 internal constant SLOT_TREE_DEPTH = 10;

    /// `present` names a level that the tree does not have.
    error PathTooDeep(uint256 present, uint256 depth);
    /// `expected` is the number of bits set in `present`.
    error SiblingCountMismatch(uint256 found, uint256 expected);
    error LeafIndexTooLarge(uint256 index, uint256 depth);

    /// The node above two others; zero iff both are.
    function node(bytes32 left, bytes32 right) internal pure returns (bytes32 result) {
        // left == 0 && right == 0 ? bytes32(0) : keccak256(abi.encode(left, right))
        // in the scratch space, which needs no memory.
        assembly ("memory-safe") {
            if or(left, right) {
                mstore(0x00, left)
                mstore(0x20, right)
                result := keccak256(0x00, 0x40)
            }
        }
    }

    /// The root that a leaf and its path lead to. The path must be exact: one sibling for each bit
    /// of `present`, none above the tree.
    function rootFrom(bytes32 leaf, uint256 index, uint256 depth, Path calldata path)
        internal
        pure
        returns (bytes32 root)
    {
        uint256 present = path.present;
        bytes32[] calldata siblings = path.siblings;
        uint256 at;
        // at = the position of siblings[0] in calldata
        assembly ("memory-safe") {
            at := siblings.offset
        }
        (root,) = climb(leaf, index, depth, present, at);
        uint256 expected = LibBit.popCount(present);
        require(siblings.length == expected, SiblingCountMismatch(siblings.length, expected));
    }

    /// The same with the siblings at a position in calldata, one for each bit of `present`; and the
    /// position behind them. `leaf` may be a node, `index` and `depth` counted from its level.
    function climb(bytes32 leaf, uint256 index, uint256 depth, uint256 present, uint256 at)
        internal
        pure
        returns (bytes32 root, uint256 end)
    {
        require(index >> depth == 0, LeafIndexTooLarge(index, depth));
        require(present >> depth == 0, PathTooDeep(present, depth));
        // root = leaf;
        // for (uint256 level; level != depth; ++level) {
        //     bytes32 sibling = present >> level & 1 == 1 ? siblings[next++] : bytes32(0);
        //     root = index >> level & 1 == 1 ? node(sibling, root) : node(root, sibling);
        // }
        // in the scratch space, and without a bounds check for each sibling; four levels at a time
        // where all have siblings and no node can be of two zeros. A claim climbs 24 levels, a proof
        // of a chunk up to 4,098, and this is what they mostly pay for.
        assembly ("memory-safe") {
            root := leaf
            end := at
            let side := shl(5, index) // bit 5: on this level root is the right one
            for {} depth {} {
                if and(eq(and(present, 0x0f), 0x0f), iszero(iszero(root))) {
                    let place := and(side, 0x20)
                    mstore(place, root)
                    mstore(xor(place, 0x20), calldataload(end))
                    place := and(shr(1, side), 0x20)
                    mstore(place, keccak256(0x00, 0x40))
                    mstore(xor(place, 0x20), calldataload(add(end, 0x20)))
                    place := and(shr(2, side), 0x20)
                    mstore(place, keccak256(0x00, 0x40))
                    mstore(xor(place, 0x20), calldataload(add(end, 0x40)))
                    place := and(shr(3, side), 0x20)
                    mstore(place, keccak256(0x00, 0x40))
                    mstore(xor(place, 0x20), calldataload(add(end, 0x60)))
                    root := keccak256(0x00, 0x40)
                    end := add(end, 0x80)
                    side := shr(4, side)
                    present := shr(4, present)
                    depth := sub(depth, 4) // `present` has no bits above it
                    continue
                }
                let sibling := 0
                if and(present, 1) {
                    sibling := calldataload(end)
                    end := add(end, 0x20)
                }
                if or(root, sibling) {
                    let place := and(side, 0x20)
                    mstore(place, root)
                    mstore(xor(place, 0x20), sibling)
                    root := keccak256(0x00, 0x40)
                }
                side := shr(1, side)
                present := shr(1, present)
                depth := sub(depth, 1)
            }
        }
    }

    /// Whether a leaf stands at this index of the tree with this root. Reverts on a path that is not
    /// exact.
    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        Path calldata path
    ) internal pure returns (bool) {
        return rootFrom(leaf, index, depth, path) == root;
    }

    /// Depth of the tree over the raw words of a batch: 5 + ceil(log2 chunkCount).
    function wordsDepth(uint256 chunkCount) internal pure returns (uint256 depth) {
        depth = 5;
        while (1 << depth - 5 < chunkCount) ++depth;
    }

    /// Root over raw words in calldata, padded with zero words to the next power of two.
    function rootOfWords(uint256[] calldata words) internal pure returns (bytes32) {
        return rootInPlace(copyToMemory(words), words.length);
    }

    /// Copies words to new memory with a free word behind them, as `rootInPlace` needs it.
    function copyToMemory(uint256[] calldata words) internal pure returns (uint256 start) {
        // uint256[] memory copy = words, without the length and with one more word.
        assembly ("memory-safe") {
            start := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(start, words.offset, size)
            mstore(0x40, add(start, add(size, 0x20)))
        }
    }

    /// Root over `count` words (at least 1) that stand in memory from `start` on, padded with zero
    /// words to the next power of two. Overwrites them, and needs one free word behind them.
    function rootInPlace(uint256 start, uint256 count) internal pure returns (bytes32 root) {
        // for (; count > 1; count = (count + 1) / 2) {
        //     words[count] = 0;
        //     for (uint256 i; i < (count + 1) / 2; ++i) {
        //         words[i] = node(words[2 * i], words[2 * i + 1]);
        //     }
        // }
        // root = words[0];
        // An odd level is filled up with one zero, which stands for the empty subtree beside its
        // last node. A node is written below what is still to be read, so the level is overwritten.
        assembly ("memory-safe") {
            for {} gt(count, 1) {} {
                let end := add(start, shl(5, count))
                mstore(end, 0)
                let to := start
                for { let from := start } lt(from, end) { from := add(from, 0x40) } {
                    let some := or(mload(from), mload(add(from, 0x20)))
                    mstore(to, mul(keccak256(from, 0x40), iszero(iszero(some))))
                    to := add(to, 0x20)
                }
                count := shr(1, add(count, 1))
            }
            root := mload(start)
        }
    }
}
