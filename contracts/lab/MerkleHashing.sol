// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MerkleProofLib} from "solady/utils/MerkleProofLib.sol";

/// Experiments `merkle-proof` (a leaf n levels below its root) and `merkle-root` (over n words).
///
/// Claim        Two words are hashed where they are: in the 64 bytes of scratch space, or in place.
/// Rule         KECCAK256 is 30 and 6 a word; what abi.encode allocates is never freed, and memory
///              costs 3 a word and grows with its square.
/// Pays         Always; the more, the deeper the tree.
/// Does not     If OpenZeppelin is there already: it hashes in the scratch space too.
/// Readability  Six lines of assembly, with the plain line above.
interface IMerkleProof {
    function verify(bytes32 root, bytes32 leaf, bytes32[] calldata proof)
        external
        pure
        returns (bool);
}

contract MerkleProofEncoded is IMerkleProof {
    function verify(bytes32 root, bytes32 leaf, bytes32[] memory proof)
        external
        pure
        returns (bool)
    {
        bytes32 node = leaf;
        for (uint256 i; i < proof.length; ++i) {
            node = node < proof[i]
                ? keccak256(abi.encodePacked(node, proof[i]))
                : keccak256(abi.encodePacked(proof[i], node));
        }
        return node == root;
    }
}

contract MerkleProofMemory is IMerkleProof {
    function verify(bytes32 root, bytes32 leaf, bytes32[] memory proof)
        external
        pure
        returns (bool)
    {
        return MerkleProof.verify(proof, root, leaf);
    }
}

contract MerkleProofCalldata is IMerkleProof {
    function verify(bytes32 root, bytes32 leaf, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }
}

contract MerkleProofAssembly is IMerkleProof {
    function verify(bytes32 root, bytes32 leaf, bytes32[] calldata proof)
        external
        pure
        returns (bool)
    {
        return MerkleProofLib.verifyCalldata(proof, root, leaf);
    }
}

interface IMerkleRoot {
    /// `words` are as many as a power of two; nodes are `keccak256(left || right)`.
    function commit(bytes32[] calldata words) external;
    function root() external view returns (bytes32);
}

/// A new array for each level, a new encoding for each node.
contract MerkleRootEncoded is IMerkleRoot {
    bytes32 public root;

    function commit(bytes32[] calldata words) external {
        bytes32[] memory level = words;
        while (level.length > 1) {
            bytes32[] memory above = new bytes32[](level.length / 2);
            for (uint256 i; i < above.length; ++i) {
                above[i] = keccak256(abi.encodePacked(level[2 * i], level[2 * i + 1]));
            }
            level = above;
        }
        root = level[0];
    }
}

/// One array, and nodes hashed in the scratch space.
contract MerkleRootScratch is IMerkleRoot {
    bytes32 public root;

    function commit(bytes32[] calldata words) external {
        bytes32[] memory nodes = words;
        for (uint256 count = nodes.length; count > 1; count /= 2) {
            for (uint256 i; i < count / 2; ++i) {
                nodes[i] = _node(nodes[2 * i], nodes[2 * i + 1]);
            }
        }
        root = nodes[0];
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 result) {
        // result = keccak256(abi.encode(left, right));
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            result := keccak256(0x00, 0x40)
        }
    }
}

/// Pairs hashed where they stand; a node overwrites what was read before.
contract MerkleRootInPlace is IMerkleRoot {
    bytes32 public root;

    function commit(bytes32[] calldata words) external {
        bytes32 top;
        // The loops of MerkleRootScratch, without an index and without moving the pair.
        assembly ("memory-safe") {
            let start := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(start, words.offset, size)
            for {} gt(size, 0x20) { size := shr(1, size) } {
                let end := add(start, size)
                let to := start
                for { let from := start } lt(from, end) { from := add(from, 0x40) } {
                    mstore(to, keccak256(from, 0x40))
                    to := add(to, 0x20)
                }
            }
            top := mload(start)
        }
        root = top;
    }
}
