// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Bloat: bytes of state that an order leaves behind
///
/// Claim          An event of the exchange need not grow the state that every node keeps.
/// Rule           A new slot is 64 bytes of state for good: 22,100 gas today, 110,020 in the draft
///                of EIP-8037. A log is in no state: 375 a topic and 8 a byte.
/// Pays           Whatever contracts never read again, or can check against a hash.
/// Does not pay   Data that another contract must read without being shown it.
/// Readability    The one who uses an order shows it; indexers replay logs.
struct Order {
    address trader;
    uint32 market;
    uint64 price;
    uint64 size;
    uint64 expiry;
    bytes32 clientId;
}

abstract contract OrderIntake {
    event OrderPlaced(uint256 indexed id, Order order);

    error NotTheOrder(uint256 id, bytes32 found);

    function place(Order[] calldata orders) external virtual;

    function count() external view virtual returns (uint256);
}

/// The whole order: three slots.
contract StoreStruct is OrderIntake {
    Order[] private _orders;

    function place(Order[] calldata orders) external override {
        for (uint256 i = 0; i < orders.length; ++i) {
            emit OrderPlaced(_orders.length, orders[i]);
            _orders.push(orders[i]);
        }
    }

    function count() external view override returns (uint256) {
        return _orders.length;
    }

    function get(uint256 id) external view returns (Order memory) {
        return _orders[id];
    }
}

/// Its hash: one slot. The order is shown when it is used.
contract StoreHash is OrderIntake {
    bytes32[] private _hashes;

    function place(Order[] calldata orders) external override {
        for (uint256 i = 0; i < orders.length; ++i) {
            emit OrderPlaced(_hashes.length, orders[i]);
            _hashes.push(keccak256(abi.encode(orders[i])));
        }
    }

    function count() external view override returns (uint256) {
        return _hashes.length;
    }

    function check(uint256 id, Order calldata order) external view returns (bool) {
        return _hashes[id] == keccak256(abi.encode(order));
    }
}

/// A hash of all orders so far, and their count: two slots in all. To show one order is to show all
/// that came after it (or a proof that they were replayed).
contract RollingHash is OrderIntake {
    uint256 public override count;
    bytes32 public head;

    function place(Order[] calldata orders) external override {
        uint256 id = count;
        bytes32 hash = head;
        for (uint256 i = 0; i < orders.length; ++i) {
            emit OrderPlaced(id++, orders[i]);
            hash = keccak256(abi.encode(hash, orders[i]));
        }
        (count, head) = (id, hash);
    }
}

/// The count alone: the chain knows no order, only logs do.
contract CountOnly is OrderIntake {
    uint256 public override count;

    function place(Order[] calldata orders) external override {
        uint256 id = count;
        for (uint256 i = 0; i < orders.length; ++i) emit OrderPlaced(id++, orders[i]);
        count = id;
    }
}
