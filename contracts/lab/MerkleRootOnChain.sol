// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Experiment `merkle-root`: builds the root over n words.
///
/// Claim          A pair of neighbors in memory is already what must be hashed.
/// Rule           KECCAK256 is 30 and 6 a word; memory grows with its square and is never freed.
/// Pays           From a handful of words on.
/// Does not pay   Where the calldata floor binds: then all that is below it costs the same.
/// Readability    Twelve lines of assembly, and a twin in Solidity to test them against.
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
