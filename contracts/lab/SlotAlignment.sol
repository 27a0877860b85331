// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Slot alignment: the order of a struct's fields
///
/// Claim          The same fields in another order fill fewer slots, and what changes together
///                stands together.
/// Rule           solc packs neighbors into a slot while they fit and never reorders them;
///                EIP-2929: each slot beyond the first is 2,100 more to read, 5,000 to change.
/// Pays           Every struct in storage, at no cost at run time.
/// Does not pay   Packed fields that are written in different transactions: each write must then
///                read the word and mask it.
/// Readability    Order by size, not by meaning; by hand, shifts that a named type should hide.
struct Terms {
    uint64 price;
    bytes32 market;
    uint96 margin;
    address trader;
    uint96 size;
    uint32 expiry;
}

interface IRecords {
    function open(uint256 n, Terms calldata terms) external;

    /// Changes price, margin and size of the records 0 to n - 1.
    function update(uint256 n, uint64 price, uint96 margin, uint96 size) external;

    function get(uint256 id) external view returns (Terms memory);
}

/// Fields in the order in which one thinks of them: four slots, an update touches three.
contract ByMeaning is IRecords {
    mapping(uint256 id => Terms) private _records;

    function open(uint256 n, Terms calldata terms) external {
        for (uint256 i = 0; i < n; ++i) _records[i] = terms;
    }

    function update(uint256 n, uint64 price, uint96 margin, uint96 size) external {
        for (uint256 i = 0; i < n; ++i) {
            Terms storage record = _records[i];
            record.price = price;
            record.margin = margin;
            record.size = size;
        }
    }

    function get(uint256 id) external view returns (Terms memory) {
        return _records[id];
    }
}

/// The same fields, those that change together side by side: three slots, an update touches one.
contract Aligned is IRecords {
    struct Record {
        uint64 price;
        uint96 margin;
        uint96 size;
        address trader;
        uint32 expiry;
        bytes32 market;
    }

    mapping(uint256 id => Record) private _records;

    function open(uint256 n, Terms calldata terms) external {
        for (uint256 i = 0; i < n; ++i) {
            _records[i] = Record(
                terms.price, terms.margin, terms.size, terms.trader, terms.expiry, terms.market
            );
        }
    }

    function update(uint256 n, uint64 price, uint96 margin, uint96 size) external {
        for (uint256 i = 0; i < n; ++i) {
            Record storage record = _records[i];
            record.price = price;
            record.margin = margin;
            record.size = size;
        }
    }

    function get(uint256 id) external view returns (Terms memory) {
        Record memory record = _records[id];
        return Terms(
            record.price, record.market, record.margin, record.trader, record.size, record.expiry
        );
    }
}

/// The slots of `Aligned`, the hot one a word made by hand: nothing is read to be overwritten.
///
///     | size:96 | margin:96 | price:64 |
///     ^ 255                  63        0
contract HandPacked is IRecords {
    struct Record {
        uint256 hot;
        address trader;
        uint32 expiry;
        bytes32 market;
    }

    mapping(uint256 id => Record) private _records;

    function open(uint256 n, Terms calldata terms) external {
        uint256 hot = _pack(terms.price, terms.margin, terms.size);
        for (uint256 i = 0; i < n; ++i) {
            _records[i] = Record(hot, terms.trader, terms.expiry, terms.market);
        }
    }

    function update(uint256 n, uint64 price, uint96 margin, uint96 size) external {
        uint256 hot = _pack(price, margin, size);
        for (uint256 i = 0; i < n; ++i) _records[i].hot = hot;
    }

    function get(uint256 id) external view returns (Terms memory) {
        Record memory record = _records[id];
        uint256 hot = record.hot;
        return Terms(
            uint64(hot),
            record.market,
            uint96(hot >> 64),
            record.trader,
            uint96(hot >> 160),
            record.expiry
        );
    }

    function _pack(uint64 price, uint96 margin, uint96 size) private pure returns (uint256) {
        return uint256(size) << 160 | uint256(margin) << 64 | price;
    }
}
