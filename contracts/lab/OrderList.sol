// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";

/// @title Swap and pop: a list that is removed from and walked
///
/// Claim          A list without holes, packed, is cheap to remove from and cheap to walk.
/// Rule           EIP-2929: each slot walked is a cold read of 2,100; EIP-3529: a slot cleared
///                refunds 4,800, up to a fifth of the transaction.
/// Pays           Open orders, members, assets: lists that are walked on chain and whose order does
///                not matter. The caller knows the index: the chain need not look for it.
/// Does not pay   Lists that nobody walks on chain (keep a mapping); order that must be stable.
/// Readability    Swap and pop is five lines; packed, masks; the hint must be checked.
interface IOrderList {
    event Swept(uint256 count, uint256 sum);

    error NotAt(uint256 index, uint32 id);

    /// `ids` are not zero.
    function add(uint32[] calldata ids) external;

    /// Removes one after another; `indices[i]` is where `indexOf` finds `ids[i]` by then.
    function remove(uint32[] calldata ids, uint256[] calldata indices) external;

    /// Walks the list: how many orders there are and the sum of their ids.
    function sweep() external;

    function indexOf(uint32 id) external view returns (uint256);
}

abstract contract OrderList is IOrderList {
    function remove(uint32[] calldata ids, uint256[] calldata indices) external {
        for (uint256 i = 0; i < ids.length; ++i) _remove(ids[i], indices[i]);
    }

    function _remove(uint32 id, uint256 index) internal virtual;
}

/// What is removed leaves a hole, and the walk passes all that ever were.
contract Holes is OrderList {
    uint256[] private _ids;

    function add(uint32[] calldata ids) external {
        for (uint256 i = 0; i < ids.length; ++i) _ids.push(ids[i]);
    }

    function _remove(uint32 id, uint256 index) internal override {
        require(_ids[index] == id, NotAt(index, id));
        delete _ids[index];
    }

    function sweep() external {
        uint256 count;
        uint256 sum;
        for (uint256 i = 0; i < _ids.length; ++i) {
            uint256 id = _ids[i];
            if (id != 0) ++count;
            sum += id;
        }
        emit Swept(count, sum);
    }

    function indexOf(uint32 id) external view returns (uint256 index) {
        while (_ids[index] != id) ++index;
    }
}

/// OpenZeppelin's set: swap and pop, and a second slot per id that remembers its index.
contract Enumerable is OrderList {
    using EnumerableSet for EnumerableSet.UintSet;

    EnumerableSet.UintSet private _ids;

    function add(uint32[] calldata ids) external {
        for (uint256 i = 0; i < ids.length; ++i) _ids.add(ids[i]);
    }

    function _remove(uint32 id, uint256 index) internal override {
        require(_ids.remove(id), NotAt(index, id));
    }

    function sweep() external {
        uint256 count = _ids.length();
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) sum += _ids.at(i);
        emit Swept(count, sum);
    }

    function indexOf(uint32 id) external view returns (uint256 index) {
        while (_ids.at(index) != id) ++index;
    }
}

/// The last id takes the place of the one removed, which the caller points at.
contract SwapAndPop is OrderList {
    uint256[] private _ids;

    function add(uint32[] calldata ids) external {
        for (uint256 i = 0; i < ids.length; ++i) _ids.push(ids[i]);
    }

    function _remove(uint32 id, uint256 index) internal override {
        require(_ids[index] == id, NotAt(index, id));
        uint256 last = _ids.length - 1;
        if (index != last) _ids[index] = _ids[last];
        _ids.pop();
    }

    function sweep() external {
        uint256 count = _ids.length;
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) sum += _ids[i];
        emit Swept(count, sum);
    }

    function indexOf(uint32 id) external view returns (uint256 index) {
        while (_ids[index] != id) ++index;
    }
}

/// The same with eight ids in a word, masked by hand.
contract PackedList is OrderList {
    uint256 private constant _MASK = type(uint32).max;

    uint256 private _count;
    mapping(uint256 place => uint256 eightIds) private _words;

    function add(uint32[] calldata ids) external {
        uint256 count = _count;
        uint256 word = _words[count / 8];
        for (uint256 i = 0; i < ids.length; ++i) {
            word |= uint256(ids[i]) << (32 * (count % 8));
            ++count;
            if (count % 8 == 0) {
                _words[count / 8 - 1] = word;
                word = 0;
            }
        }
        if (count % 8 != 0) _words[count / 8] = word;
        _count = count;
    }

    function _remove(uint32 id, uint256 index) internal override {
        uint256 last = _count - 1;
        uint256 shift = 32 * (index % 8);
        uint256 word = _words[index / 8];
        require(index <= last && uint32(word >> shift) == id, NotAt(index, id));
        uint256 lastShift = 32 * (last % 8);
        if (index / 8 == last / 8) {
            uint256 moved = uint32(word >> lastShift);
            _words[index / 8] = (word ^ (uint256(id ^ moved) << shift)) & ~(_MASK << lastShift);
        } else {
            uint256 tail = _words[last / 8];
            uint256 moved = uint32(tail >> lastShift);
            _words[index / 8] = word ^ (uint256(id ^ moved) << shift);
            _words[last / 8] = tail & ~(_MASK << lastShift);
        }
        _count = last;
    }

    function sweep() external {
        uint256 count = _count;
        uint256 sum;
        for (uint256 i = 0; i < count; i += 8) {
            // Places beyond the last id are zero.
            for (uint256 word = _words[i / 8]; word != 0; word >>= 32) sum += uint32(word);
        }
        emit Swept(count, sum);
    }

    function indexOf(uint32 id) external view returns (uint256 index) {
        while (uint32(_words[index / 8] >> (32 * (index % 8))) != id) ++index;
    }
}
