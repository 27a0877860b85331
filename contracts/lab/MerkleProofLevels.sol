// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MerkleProofLib} from "solady/utils/MerkleProofLib.sol";

/// Experiment `merkle-proof`: shows a leaf n levels below its root.
///
/// Claim          Two words are hashed in the 64 bytes of scratch space; nothing need be allocated.
/// Rule           KECCAK256 is 30 and 6 a word; memory is 3 a word and never freed.
/// Pays           Always; the more, the deeper the tree.
/// Does not pay   Where the calldata floor binds, which a proof nearly always reaches.
/// Readability    None, if the loop comes from a library.
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
