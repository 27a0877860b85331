// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {HeaderInfo} from "./HeaderInfo.sol";

/// A batch header: 192 bytes, hashed as they stand (section 6).
struct Header {
    HeaderInfo info;
    bytes32 parent; // the head's ring word with its low 40 bits zero
    bytes32 chunksRoot; // Merkle root over all raw words (calldata mode)
    bytes32 stateRoot; // root of the account tree after the last chunk
    bytes32 blobsHash; // keccak256 of the versioned hashes (blob mode)
    bytes32 extra; // keccak256 of the published order file
}

/// A Merkle path from the leaf up that leaves out its zero siblings.
/// Bit i of `present` says whether the sibling at level i (0 is the leaf's own) stands in `siblings`.
struct Path {
    uint256 present;
    bytes32[] siblings;
}

/// One report of a settlement price, as its reporter signed it.
struct PriceReport {
    uint8 reporter; // index in the expiry's reporter set
    uint64 price; // atoms per lot
    bytes signature; // 65 bytes or EIP-2098
}
