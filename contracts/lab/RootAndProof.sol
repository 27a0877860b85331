// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MerkleProofLib} from "solady/utils/MerkleProofLib.sol";

/// Experiment `root-and-proof`: n accounts are owed amounts; one of them claims what it is owed.
///
/// Claim          32 bytes bind everything; a claim brings log2(n) hashes as evidence.
/// Rule           A new slot is 22,100, a hash of two words 42, a non-zero byte of calldata 16 or
///                40.
/// Pays           From a few accounts on, if not everybody claims at once.
/// Does not pay   When nearly all claim: n proofs are n log2(n) hashes of calldata.
/// Readability    Whoever claims needs the tree, so somebody must serve it.
event Claimed(address indexed account, uint256 amount);

error NothingDue(address account);
error RootMismatch(bytes32 found, bytes32 expected);
error AlreadyClaimed(uint256 index);

/// Every amount in storage.
contract DueInStorage {
    mapping(address account => uint256) public due;
    mapping(address account => uint256) public paid;

    function commit(address[] calldata accounts, uint256[] calldata amounts) external {
        for (uint256 i; i < accounts.length; ++i) {
            due[accounts[i]] = amounts[i];
        }
    }

    function claim(address account) external {
        uint256 amount = due[account];
        require(amount != 0, NothingDue(account));
        due[account] = 0;
        paid[account] += amount;
        emit Claimed(account, amount);
    }
}

abstract contract DueUnderRoot {
    bytes32 public root;
    mapping(uint256 word => uint256) private _claimed;
    mapping(address account => uint256) public paid;

    function commit(bytes32 root_) external {
        root = root_;
    }

    function _pay(uint256 index, address account, uint256 amount) internal {
        uint256 bit = 1 << (index & 0xff);
        uint256 word = _claimed[index >> 8];
        require(word & bit == 0, AlreadyClaimed(index));
        _claimed[index >> 8] = word | bit;
        paid[account] += amount;
        emit Claimed(account, amount);
    }

    /// The index is hashed too, so that a leaf is claimed once.
    function _leaf(uint256 index, address account, uint256 amount)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(index, account, amount));
    }
}

/// A root in storage; who claims brings all leaves, and the chain builds the tree again.
contract DueByRecomputation is DueUnderRoot {
    function claim(uint256 index, address[] calldata accounts, uint256[] calldata amounts)
        external
    {
        uint256 count = accounts.length;
        bytes32[] memory nodes = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            nodes[i] = _leaf(i, accounts[i], amounts[i]);
        }
        for (; count > 1; count /= 2) {
            for (uint256 i; i < count / 2; ++i) {
                (bytes32 a, bytes32 b) = (nodes[2 * i], nodes[2 * i + 1]);
                nodes[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
            }
        }
        require(nodes[0] == root, RootMismatch(nodes[0], root));
        _pay(index, accounts[index], amounts[index]);
    }
}

/// A root in storage; who claims brings the siblings on the way to it.
contract DueByProof is DueUnderRoot {
    function claim(uint256 index, address account, uint256 amount, bytes32[] calldata proof)
        external
    {
        bytes32 leaf = _leaf(index, account, amount);
        require(MerkleProofLib.verifyCalldata(proof, root, leaf), RootMismatch(leaf, root));
        _pay(index, account, amount);
    }
}
