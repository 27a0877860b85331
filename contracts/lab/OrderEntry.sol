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
/// Claim        A transaction costs 21,000 before it does anything; whatever shares one, shares that.
/// Rule         Intrinsic 21,000 (EIP-2780 drafts less); slots and accounts stay warm within a
///              transaction (EIP-2929); each part of a multicall is a DELEGATECALL and 5 words of ABI.
/// Pays         From two calls on, with no change to the callers' interface.
/// Does not     With msg.value, which all parts see; and under the floor, which charges its padding.
/// Readability  A batch entry is a second interface; a multicall is one line of inheritance.
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

/// A word for each order: id:64 | price:64 | lots:64. The count is written once.
contract OrderEntryPacked is OrderEntry {
    function enterWords(uint256[] calldata words) external {
        for (uint256 i; i < words.length; ++i) {
            _enter(uint64(words[i] >> 128), uint64(words[i] >> 64), uint64(words[i]));
        }
    }
}
