// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Broadcaster, RECIPIENTS} from "./EncodePacked.sol";

// A payload of n words goes to 32 recipients, each with a header of its own: header and payload are
// put together in memory and hashed. The chain of the hashes is answered.
//
// Claim        MCOPY moves memory for a small part of what a loop costs.
// Rule         EIP-5656: MCOPY costs 3 and 3 a word. The identity precompile costs 15 and 3 a word,
//              and a call to a warm address, 100. A loop spends some 60 a word. CALLDATACOPY costs
//              what MCOPY does and needs no first copy.
// Pays         Always; from a single word on against the precompile.
// Does not     A payload that still lies in calldata should be copied from there.
// Readability  One instruction. Since solc 0.8.25 `abi.encodePacked` and `bytes.concat` use it
//              by themselves for evm version cancun.

/// One frame for all recipients, `| last:32 | recipient:32 | payload |`, and a way of copying the
/// payload behind the header of the frame.
abstract contract FrameReused is Broadcaster {
    function copy(uint256 to, uint256 from, uint256 length) internal view virtual;

    // keccak256(abi.encodePacked(last, i, payload)), in a frame that is used again.
    function broadcast(bytes memory payload) public view override returns (bytes32 last) {
        bytes memory frame = new bytes(0x40 + payload.length);
        for (uint256 i; i < RECIPIENTS; ++i) {
            uint256 to;
            uint256 from;
            assembly ("memory-safe") {
                mstore(add(frame, 0x20), last)
                mstore(add(frame, 0x40), i)
                to := add(frame, 0x60)
                from := add(payload, 0x20)
            }
            copy(to, from, payload.length);
            last = keccak256(frame);
        }
    }
}

/// Word by word; plain equivalent: `EncodePacked`.
contract CopyByLoop is FrameReused {
    function copy(uint256 to, uint256 from, uint256 length) internal pure override {
        // The last word may be a part: byte strings are allocated in whole words, on both sides.
        assembly ("memory-safe") {
            let end := add(from, length)
            for {} lt(from, end) {
                from := add(from, 0x20)
                to := add(to, 0x20)
            } { mstore(to, mload(from)) }
        }
    }
}

/// The precompile at address 4; plain equivalent: `EncodePacked`.
contract CopyByIdentity is FrameReused {
    function copy(uint256 to, uint256 from, uint256 length) internal view override {
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 4, from, length, to, length)) { revert(0, 0) }
        }
    }
}

/// One instruction; plain equivalent: `EncodePacked`.
contract CopyByMcopy is FrameReused {
    function copy(uint256 to, uint256 from, uint256 length) internal pure override {
        assembly ("memory-safe") {
            mcopy(to, from, length)
        }
    }
}

/// From calldata, where the payload still lies; plain equivalent: `EncodePacked`.
contract CopyFromCalldata is Broadcaster {
    function broadcast(bytes calldata payload) external pure returns (bytes32 last) {
        bytes memory frame = new bytes(0x40 + payload.length);
        for (uint256 i; i < RECIPIENTS; ++i) {
            assembly ("memory-safe") {
                mstore(add(frame, 0x20), last)
                mstore(add(frame, 0x40), i)
                calldatacopy(add(frame, 0x60), payload.offset, payload.length)
            }
            last = keccak256(frame);
        }
    }
}
