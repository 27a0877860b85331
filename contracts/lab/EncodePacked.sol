// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The interface and the plain variant of Mcopy.sol, in a file of its own so that it compiles for
// evm versions without MCOPY, too.

uint256 constant RECIPIENTS = 32;

interface Broadcaster {
    function broadcast(bytes calldata payload) external returns (bytes32 last);
}

/// Baseline: a new encoding for each recipient; how it copies is the compiler's business.
contract EncodePacked is Broadcaster {
    function broadcast(bytes memory payload) public pure override returns (bytes32 last) {
        for (uint256 i; i < RECIPIENTS; ++i) {
            last = keccak256(abi.encodePacked(last, i, payload));
        }
    }
}
