// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// n orders are hashed and their hashes chained to one root, which is answered. `root` takes the
// orders from calldata; `derived` makes its leaves from a seed, so that calldata does not grow.
//
// Claim        What is hashed and then forgotten needs no memory of its own.
// Rule         Solidity never frees: each `abi.encode` moves the free-memory pointer, and memory is
//              paid for by its highest word, 3 w + w^2 / 512. KECCAK256 costs 30 and 6 a word
//              wherever the words stand; 0x00-0x3f is scratch space by the compiler's own rules.
// Pays         In loops, the more the longer. Always where the input is not calldata.
// Does not     Where the calldata floor is higher than the execution: it is then paid either way.
// Readability  An assembly block for each hash, which must validate what the decoder no longer
//              sees.

struct Order {
    address trader;
    uint64 price;
    uint64 quantity;
    uint64 nonce;
}

interface RootHasher {
    function root(Order[] calldata orders) external returns (bytes32);
    function derived(bytes32 seed, uint256 leaves) external returns (bytes32);
}

/// Baseline: each encoding is a new `bytes memory`, never used again.
contract EncodeThenHash is RootHasher {
    function root(Order[] calldata orders) external pure returns (bytes32 result) {
        for (uint256 i; i < orders.length; ++i) {
            result = keccak256(abi.encode(result, keccak256(abi.encode(orders[i]))));
        }
    }

    function derived(bytes32 seed, uint256 leaves) external pure returns (bytes32 result) {
        for (uint256 i; i < leaves; ++i) {
            result = keccak256(abi.encode(result, keccak256(abi.encode(seed, i))));
        }
    }
}

/// One buffer, allocated before the loop; plain equivalent: `EncodeThenHash`.
contract HashInBuffer is RootHasher {
    function root(Order[] calldata orders) external pure returns (bytes32 result) {
        bytes memory buffer = new bytes(0x80);
        for (uint256 i; i < orders.length; ++i) {
            Order calldata order = orders[i];
            (address trader, uint64 price) = (order.trader, order.price);
            (uint64 quantity, uint64 nonce) = (order.quantity, order.nonce);
            assembly ("memory-safe") {
                let start := add(buffer, 0x20)
                mstore(start, trader)
                mstore(add(start, 0x20), price)
                mstore(add(start, 0x40), quantity)
                mstore(add(start, 0x60), nonce)
                let leaf := keccak256(start, 0x80)
                mstore(start, result)
                mstore(add(start, 0x20), leaf)
                result := keccak256(start, 0x40)
            }
        }
    }

    function derived(bytes32 seed, uint256 leaves) external pure returns (bytes32 result) {
        bytes memory buffer = new bytes(0x40);
        for (uint256 i; i < leaves; ++i) {
            assembly ("memory-safe") {
                let start := add(buffer, 0x20)
                mstore(start, seed)
                mstore(add(start, 0x20), i)
                let leaf := keccak256(start, 0x40)
                mstore(start, result)
                mstore(add(start, 0x20), leaf)
                result := keccak256(start, 0x40)
            }
        }
    }
}

/// Two words in the scratch space, longer input beyond the free pointer, which never moves; plain
/// equivalent: `EncodeThenHash`.
contract HashInScratch is RootHasher {
    function root(Order[] calldata orders) external pure returns (bytes32 result) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            let end := add(orders.offset, shl(7, orders.length))
            for { let at := orders.offset } lt(at, end) { at := add(at, 0x80) } {
                // A value wider than its type is refused, as the compiler does.
                let narrow := or(calldataload(add(at, 0x20)), calldataload(add(at, 0x40)))
                narrow := or(narrow, calldataload(add(at, 0x60)))
                if or(shr(160, calldataload(at)), shr(64, narrow)) { revert(0, 0) }
                calldatacopy(free, at, 0x80)
                mstore(0x00, result)
                mstore(0x20, keccak256(free, 0x80))
                result := keccak256(0x00, 0x40)
            }
        }
    }

    function derived(bytes32 seed, uint256 leaves) external pure returns (bytes32 result) {
        for (uint256 i; i < leaves; ++i) {
            assembly ("memory-safe") {
                mstore(0x00, seed)
                mstore(0x20, i)
                let leaf := keccak256(0x00, 0x40)
                mstore(0x00, result)
                mstore(0x20, leaf)
                result := keccak256(0x00, 0x40)
            }
        }
    }
}
