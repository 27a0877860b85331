// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Order pool: fresh slots, or slots that never become zero again
///
/// Claim          Orders that come and go reuse slots that were paid for once.
/// Rule           EIP-2200 and EIP-3529: to create is 20,000, to change 2,900; what clearing gives
///                back (4,800, at most a fifth) is far less than creating takes. EIP-8037 makes
///                creating about five times as dear.
/// Pays           A population that is bounded and in flux: open orders, queues, requests.
/// Does not pay   Slots that are used once: the pool is paid for in advance and kept for good. What
///                it saves has paid for it in the second use of its slots.
/// Readability    Free slots hold a list: a handle that was freed must not be read as an order.
struct Order {
    uint64 price;
    uint64 size;
    uint32 account;
}

interface IOrderPool {
    event Placed(uint256 handle);

    error NoSuchOrder(uint256 handle);

    /// A handle is valid until the order is cancelled.
    function place(Order[] calldata orders) external returns (uint256[] memory handles);

    function cancel(uint256[] calldata handles) external;

    /// All zero if there is no such order.
    function get(uint256 handle) external view returns (Order memory);
}

/// An order as one word:
///
///     | 0:95 | live:1 | account:32 | size:64 | price:64 |
///     ^ 255    160      128          64        0
library OrderWord {
    uint256 internal constant LIVE = 1 << 160;

    function pack(Order calldata order) internal pure returns (uint256) {
        return LIVE | uint256(order.account) << 128 | uint256(order.size) << 64 | order.price;
    }

    function unpack(uint256 word) internal pure returns (Order memory order) {
        if (word & LIVE == 0) return order;
        return Order(uint64(word), uint64(word >> 64), uint32(word >> 128));
    }
}

/// A new id, so a new slot, for each order; cancelling clears it.
contract FreshSlots is IOrderPool {
    uint256 private _next = 1;
    mapping(uint256 handle => uint256 order) private _orders;

    function place(Order[] calldata orders) external returns (uint256[] memory handles) {
        handles = new uint256[](orders.length);
        uint256 next = _next;
        for (uint256 i = 0; i < orders.length; ++i) {
            _orders[next] = OrderWord.pack(orders[i]);
            emit Placed(next);
            handles[i] = next++;
        }
        _next = next;
    }

    function cancel(uint256[] calldata handles) external {
        for (uint256 i = 0; i < handles.length; ++i) {
            uint256 handle = handles[i];
            require(_orders[handle] != 0, NoSuchOrder(handle));
            delete _orders[handle];
        }
    }

    function get(uint256 handle) external view returns (Order memory) {
        return OrderWord.unpack(_orders[handle]);
    }
}

/// The same, but freed ids are used again: their slots are cleared and created over and over.
contract ReusedIds is IOrderPool {
    uint256 private _next = 1;
    uint256 private _freeCount;
    mapping(uint256 handle => uint256 order) private _orders;
    mapping(uint256 index => uint256 handle) private _free;

    function place(Order[] calldata orders) external returns (uint256[] memory handles) {
        handles = new uint256[](orders.length);
        uint256 freeCount = _freeCount;
        for (uint256 i = 0; i < orders.length; ++i) {
            uint256 handle = freeCount == 0 ? _next++ : _free[--freeCount];
            _orders[handle] = OrderWord.pack(orders[i]);
            emit Placed(handle);
            handles[i] = handle;
        }
        _freeCount = freeCount;
    }

    function cancel(uint256[] calldata handles) external {
        uint256 freeCount = _freeCount;
        for (uint256 i = 0; i < handles.length; ++i) {
            uint256 handle = handles[i];
            require(_orders[handle] != 0, NoSuchOrder(handle));
            delete _orders[handle];
            _free[freeCount++] = handle;
        }
        _freeCount = freeCount;
    }

    function get(uint256 handle) external view returns (Order memory) {
        return OrderWord.unpack(_orders[handle]);
    }
}

/// A free slot names the next free one, so the list needs no slots of its own, and no slot of the
/// pool is ever zero. `_free` is the first; a place that was never used points at its neighbor.
contract Pool is IOrderPool {
    uint256 private _free = 1;
    mapping(uint256 handle => uint256 orderOrNextFree) private _slots;

    /// Makes the slots `first` to `first + n - 1`, a free list in order, before anyone needs them.
    function prepare(uint256 first, uint256 n) external {
        for (uint256 handle = first; handle < first + n; ++handle) {
            require(_slots[handle] == 0, NoSuchOrder(handle));
            _slots[handle] = handle + 1;
        }
    }

    function place(Order[] calldata orders) external returns (uint256[] memory handles) {
        handles = new uint256[](orders.length);
        uint256 handle = _free;
        for (uint256 i = 0; i < orders.length; ++i) {
            uint256 nextFree = _slots[handle];
            _slots[handle] = OrderWord.pack(orders[i]);
            emit Placed(handle);
            handles[i] = handle;
            handle = nextFree == 0 ? handle + 1 : nextFree;
        }
        _free = handle;
    }

    function cancel(uint256[] calldata handles) external {
        uint256 free = _free;
        for (uint256 i = 0; i < handles.length; ++i) {
            uint256 handle = handles[i];
            require(_slots[handle] & OrderWord.LIVE != 0, NoSuchOrder(handle));
            _slots[handle] = free;
            free = handle;
        }
        _free = free;
    }

    function get(uint256 handle) external view returns (Order memory) {
        return OrderWord.unpack(_slots[handle]);
    }
}
