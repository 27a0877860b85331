// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Position struct: a word per field, or two words in all
///
/// Claim          A position needs 62 bytes, not 256: fields as wide as their range, not as a word.
/// Rule           Each slot of a new position costs 22,100 (EIP-2929 and EIP-2200), 64 bytes of
///                state for good, and most of all under EIP-8037.
/// Pays           Records that are opened often; the more fields, the more.
/// Does not pay   A handful of values that are written once, where range checks cost more thought
///                than they save; or ranges that are not known.
/// Readability    Ranges must be checked at the door, and every field says its unit and scale.
struct Position {
    address trader;
    uint32 market;
    int64 size; // lots
    uint64 entryPrice; // ticks
    uint64 margin; // atoms of the collateral
    int64 fundingIndex;
    uint40 openedAt; // seconds
    uint8 leverage;
}

interface IPositions {
    function open(Position[] calldata positions) external;

    /// Adds to size and margin of the positions `first` to `first + n - 1`.
    function adjust(uint256 first, uint256 n, int64 size, uint64 margin) external;

    function count() external view returns (uint256);

    function get(uint256 id) external view returns (Position memory);
}

/// Every field a word: eight slots.
contract EightSlots is IPositions {
    struct Record {
        address trader;
        uint256 market;
        int256 size;
        uint256 entryPrice;
        uint256 margin;
        int256 fundingIndex;
        uint256 openedAt;
        uint256 leverage;
    }

    uint256 public count;
    mapping(uint256 id => Record) private _positions;

    function open(Position[] calldata positions) external {
        uint256 id = count;
        for (uint256 i = 0; i < positions.length; ++i) {
            Position calldata position = positions[i];
            Record storage record = _positions[id++];
            record.trader = position.trader;
            record.market = position.market;
            record.size = position.size;
            record.entryPrice = position.entryPrice;
            record.margin = position.margin;
            record.fundingIndex = position.fundingIndex;
            record.openedAt = position.openedAt;
            record.leverage = position.leverage;
        }
        count = id;
    }

    function adjust(uint256 first, uint256 n, int64 size, uint64 margin) external {
        for (uint256 id = first; id < first + n; ++id) {
            Record storage record = _positions[id];
            record.size += size;
            record.margin += margin;
        }
    }

    function get(uint256 id) external view returns (Position memory position) {
        Record storage record = _positions[id];
        position.trader = record.trader;
        position.market = uint32(record.market);
        position.size = int64(record.size);
        position.entryPrice = uint64(record.entryPrice);
        position.margin = uint64(record.margin);
        position.fundingIndex = int64(record.fundingIndex);
        position.openedAt = uint40(record.openedAt);
        position.leverage = uint8(record.leverage);
    }
}

/// Fields as wide as their range, as they come: two slots, but size is in one of them and margin in
/// the other, so an adjustment changes both.
contract NarrowFields is IPositions {
    uint256 public count;
    mapping(uint256 id => Position) private _positions;

    function open(Position[] calldata positions) external {
        uint256 id = count;
        for (uint256 i = 0; i < positions.length; ++i) _positions[id++] = positions[i];
        count = id;
    }

    function adjust(uint256 first, uint256 n, int64 size, uint64 margin) external {
        for (uint256 id = first; id < first + n; ++id) {
            Position storage record = _positions[id];
            record.size += size;
            record.margin += margin;
        }
    }

    function get(uint256 id) external view returns (Position memory) {
        return _positions[id];
    }
}

/// Two slots, and what changes is in one of them:
/// trader, market, openedAt, leverage | size, margin, entryPrice, fundingIndex.
contract TwoSlots is IPositions {
    struct Record {
        address trader;
        uint32 market;
        uint40 openedAt;
        uint8 leverage;
        int64 size;
        uint64 margin;
        uint64 entryPrice;
        int64 fundingIndex;
    }

    uint256 public count;
    mapping(uint256 id => Record) private _positions;

    function open(Position[] calldata positions) external {
        uint256 id = count;
        for (uint256 i = 0; i < positions.length; ++i) {
            Position calldata position = positions[i];
            _positions[id++] = Record({
                trader: position.trader,
                market: position.market,
                openedAt: position.openedAt,
                leverage: position.leverage,
                size: position.size,
                margin: position.margin,
                entryPrice: position.entryPrice,
                fundingIndex: position.fundingIndex
            });
        }
        count = id;
    }

    function adjust(uint256 first, uint256 n, int64 size, uint64 margin) external {
        for (uint256 id = first; id < first + n; ++id) {
            Record storage record = _positions[id];
            (record.size, record.margin) = (record.size + size, record.margin + margin);
        }
    }

    function get(uint256 id) external view returns (Position memory position) {
        Record memory record = _positions[id];
        position.trader = record.trader;
        position.market = record.market;
        position.size = record.size;
        position.entryPrice = record.entryPrice;
        position.margin = record.margin;
        position.fundingIndex = record.fundingIndex;
        position.openedAt = record.openedAt;
        position.leverage = record.leverage;
    }
}
