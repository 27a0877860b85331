// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MerkleProofLib} from "solady/utils/MerkleProofLib.sol";

struct Due {
    uint256 index;
    uint256 amount;
}

/// Experiment `multiproof`: n of 256 leaves are claimed in one transaction.
///
/// Claim          Neighbors share their upper siblings; one proof sends and hashes each of them
///                once.
/// Rule           A sibling is 32 bytes of calldata: 512 gas, or 1,280 under the floor; its hash is
///                42.
/// Pays           From a few leaves on, and the more the denser they are.
/// Does not pay   For leaves that different people claim in transactions of their own.
/// Readability    Flags say where each node comes from: without the tree nobody can read a proof.
abstract contract MerkleMany {
    uint256 public claimed; // a bit for each leaf
    uint256 public paid;
    bytes32 internal immutable _root;

    error ProofInvalid();
    error AlreadyClaimed(uint256 bits);

    constructor(bytes32 root) {
        _root = root;
    }

    function _leaf(Due calldata due) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(due.index, due.amount))));
    }

    function _leaves(Due[] calldata dues) internal pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](dues.length);
        for (uint256 i; i < dues.length; ++i) {
            leaves[i] = _leaf(dues[i]);
        }
    }

    function _pay(Due[] calldata dues) internal {
        uint256 bits;
        uint256 sum;
        for (uint256 i; i < dues.length; ++i) {
            bits |= 1 << dues[i].index;
            sum += dues[i].amount;
        }
        require(claimed & bits == 0, AlreadyClaimed(claimed & bits));
        claimed |= bits;
        paid += sum;
    }
}

/// A proof for each leaf.
contract MerkleManySeparate is MerkleMany {
    constructor(bytes32 root) MerkleMany(root) {}

    function claim(Due[] calldata dues, bytes32[][] calldata proofs) external {
        for (uint256 i; i < dues.length; ++i) {
            bytes32 leaf = _leaf(dues[i]);
            require(MerkleProofLib.verifyCalldata(proofs[i], _root, leaf), ProofInvalid());
        }
        _pay(dues);
    }
}

/// One proof for all, by OpenZeppelin.
contract MerkleManyAtOnce is MerkleMany {
    constructor(bytes32 root) MerkleMany(root) {}

    function claim(Due[] calldata dues, bytes32[] calldata proof, bool[] calldata flags) external {
        bytes32[] memory leaves = _leaves(dues);
        require(
            MerkleProof.multiProofVerifyCalldata(proof, flags, _root, leaves), ProofInvalid()
        );
        _pay(dues);
    }
}

/// One proof for all, by solady.
contract MerkleManyInAssembly is MerkleMany {
    constructor(bytes32 root) MerkleMany(root) {}

    function claim(Due[] calldata dues, bytes32[] calldata proof, bool[] calldata flags) external {
        bytes32[] memory leaves = _leaves(dues);
        require(MerkleProofLib.verifyMultiProof(proof, _root, leaves, flags), ProofInvalid());
        _pay(dues);
    }
}

/// One proof for all, by solady, with the flags as bits of a word per 256 of them.
contract MerkleManyFlagBits is MerkleMany {
    constructor(bytes32 root) MerkleMany(root) {}

    function claim(Due[] calldata dues, bytes32[] calldata proof, uint256[] calldata bits)
        external
    {
        bytes32[] memory leaves = _leaves(dues);
        bool[] memory flags = new bool[](leaves.length + proof.length - 1);
        for (uint256 i; i < flags.length; ++i) {
            flags[i] = bits[i >> 8] >> (i & 0xff) & 1 == 1;
        }
        require(MerkleProofLib.verifyMultiProof(proof, _root, leaves, flags), ProofInvalid());
        _pay(dues);
    }
}
