// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header} from "../types/Proofs.sol";

/// Batch hashes (section 6).
library Headers {
    uint256 private constant BYTES = 192;

    /// keccak256 of the header's 192 bytes.
    function hash(Header calldata header) internal pure returns (bytes32 result) {
        // keccak256(abi.encode(header)): six static words, which stand in calldata as they are
        // hashed. The copy is scratch memory beyond the free pointer.
        assembly ("memory-safe") {
            let start := mload(0x40)
            calldatacopy(start, header, BYTES)
            result := keccak256(start, BYTES)
        }
    }

    /// The same for a header in memory.
    function hashMemory(Header memory header) internal pure returns (bytes32 result) {
        // keccak256(abi.encode(header)): a struct of six words is contiguous in memory.
        assembly ("memory-safe") {
            result := keccak256(header, BYTES)
        }
    }
}
