// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {Multicallable} from "solady/utils/Multicallable.sol";

struct NewOrder {
    uint64 id;
    uint64 price;
    uint64 lots;
}

/// Experiment `multicall`: n orders are entered by one trader.
///
/// Claim          Whatever shares a transaction shares its 21,000, and finds slots warm.
/// Rule           Intrinsic gas once; EIP-2929: warm is 100; a part of a multicall is a
///                DELEGATECALL.
/// Pays           From two calls on, without a change to what callers call.
/// Does not pay   With msg.value, which all parts would see.
/// Readability    Multicall is one line of inheritance; a batch entry is a second interface.
abstract contract OrderEntry {
    mapping(address trader => uint256) public countOf;
    mapping(uint256 id => uint256) private _orders;

    event Entered(address indexed trader, uint256 id);

    error IdTaken(uint256 id);

    function enter(NewOrder calldata order) external {
        _enter(order.id, order.price, order.lots);
    }

    function orderOf(uint256 id) external view returns (uint256 price, uint256 lots) {
        return (_orders[id] >> 64, uint64(_orders[id]));
    }

    function _enter(uint256 id, uint256 price, uint256 lots) internal {
        require(_orders[id] == 0, IdTaken(id));
        _orders[id] = price << 64 | lots;
        ++countOf[msg.sender];
        emit Entered(msg.sender, id);
    }
}

contract OrderEntrySingle is OrderEntry {}

contract OrderEntryMulticall is OrderEntry, Multicall {}

contract OrderEntryMulticallable is OrderEntry, Multicallable {}

contract OrderEntryBatch is OrderEntry {
    function enterMany(NewOrder[] calldata orders) external {
        for (uint256 i; i < orders.length; ++i) {
            _enter(orders[i].id, orders[i].price, orders[i].lots);
        }
    }
}

/// A word for each order: id:64 | price:64 | lots:64.
contract OrderEntryPacked is OrderEntry {
    function enterWords(uint256[] calldata words) external {
        for (uint256 i; i < words.length; ++i) {
            _enter(uint64(words[i] >> 128), uint64(words[i] >> 64), uint64(words[i]));
        }
    }
}
