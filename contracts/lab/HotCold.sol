// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Hot and cold: what changes every minute, apart from what never does
///
/// Claim          Split a record by how often its fields change, and pack the hot ones of several
///                records into one word.
/// Rule           EIP-2929 and EIP-2200: a slot changed costs 5,000, whatever share of it changes.
/// Pays           Marks, funding indices, cursors of many records that are updated together.
/// Does not pay   Records that are read whole, one at a time: a slot more for each.
/// Readability    Two mappings for one thing; packed, shifts.
struct Instrument {
    uint64 mark; // hot
    uint64 funding; // hot
    uint64 tick;
    uint64 lot;
    uint64 maxLeverage;
    uint64 fee;
    address oracle;
    uint64 minSize;
}

struct Hot {
    uint64 mark;
    uint64 funding;
}

interface IInstruments {
    event Quoted(uint256 id, uint256 value);

    function list(Instrument[] calldata instruments) external;

    /// New marks and funding indices of the instruments 0 to n - 1.
    function update(Hot[] calldata hots) external;

    /// Uses hot and cold fields of one instrument, as the opening of a position does.
    function quote(uint256 id) external;

    function get(uint256 id) external view returns (Instrument memory);
}

function valueOf(Instrument memory one) pure returns (uint256) {
    uint256 value = uint256(one.mark) * one.tick * one.lot + one.funding;
    return value + one.fee + one.maxLeverage + one.minSize + uint160(one.oracle);
}

/// Hot fields among the cold ones: an update writes both slots that they are in.
contract Mixed is IInstruments {
    struct Record {
        uint64 mark;
        uint64 tick;
        uint64 lot;
        uint64 maxLeverage;
        uint64 funding;
        uint64 fee;
        uint64 minSize;
        address oracle;
    }

    mapping(uint256 id => Record) private _records;

    function list(Instrument[] calldata instruments) external {
        for (uint256 i = 0; i < instruments.length; ++i) {
            Instrument calldata one = instruments[i];
            _records[i] = Record(
                one.mark,
                one.tick,
                one.lot,
                one.maxLeverage,
                one.funding,
                one.fee,
                one.minSize,
                one.oracle
            );
        }
    }

    function update(Hot[] calldata hots) external {
        for (uint256 i = 0; i < hots.length; ++i) {
            (_records[i].mark, _records[i].funding) = (hots[i].mark, hots[i].funding);
        }
    }

    function quote(uint256 id) external {
        emit Quoted(id, valueOf(get(id)));
    }

    function get(uint256 id) public view returns (Instrument memory) {
        Record memory r = _records[id];
        return Instrument(
            r.mark, r.funding, r.tick, r.lot, r.maxLeverage, r.fee, r.oracle, r.minSize
        );
    }
}

/// Hot fields side by side, with cold neighbors: an update writes one slot of the record.
contract HotTogether is IInstruments {
    mapping(uint256 id => Instrument) private _records;

    function list(Instrument[] calldata instruments) external {
        for (uint256 i = 0; i < instruments.length; ++i) _records[i] = instruments[i];
    }

    function update(Hot[] calldata hots) external {
        for (uint256 i = 0; i < hots.length; ++i) {
            (_records[i].mark, _records[i].funding) = (hots[i].mark, hots[i].funding);
        }
    }

    function quote(uint256 id) external {
        emit Quoted(id, valueOf(get(id)));
    }

    function get(uint256 id) public view returns (Instrument memory) {
        return _records[id];
    }
}

/// Cold fields by record; hot fields of two records in each word:
///
///     | funding:64 | mark:64 | funding:64 | mark:64 |
///     ^ 255          odd id   127           even id 0
contract HotWords is IInstruments {
    struct Cold {
        uint64 tick;
        uint64 lot;
        uint64 maxLeverage;
        uint64 fee;
        address oracle;
        uint64 minSize;
    }

    mapping(uint256 id => Cold) private _cold;
    mapping(uint256 pair => uint256) private _hot;

    function list(Instrument[] calldata instruments) external {
        for (uint256 i = 0; i < instruments.length; ++i) {
            Instrument calldata one = instruments[i];
            _cold[i] = Cold(one.tick, one.lot, one.maxLeverage, one.fee, one.oracle, one.minSize);
            _hot[i / 2] |= _pack(one.mark, one.funding) << (128 * (i % 2));
        }
    }

    function update(Hot[] calldata hots) external {
        uint256 n = hots.length;
        for (uint256 i = 0; i + 1 < n; i += 2) {
            uint256 high = _pack(hots[i + 1].mark, hots[i + 1].funding);
            _hot[i / 2] = high << 128 | _pack(hots[i].mark, hots[i].funding);
        }
        if (n % 2 == 1) {
            uint256 odd = _hot[n / 2] >> 128 << 128;
            _hot[n / 2] = odd | _pack(hots[n - 1].mark, hots[n - 1].funding);
        }
    }

    function quote(uint256 id) external {
        emit Quoted(id, valueOf(get(id)));
    }

    function get(uint256 id) public view returns (Instrument memory) {
        Cold memory c = _cold[id];
        uint256 hot = _hot[id / 2] >> (128 * (id % 2));
        return Instrument(
            uint64(hot),
            uint64(hot >> 64),
            c.tick,
            c.lot,
            c.maxLeverage,
            c.fee,
            c.oracle,
            c.minSize
        );
    }

    function _pack(uint64 mark, uint64 funding) private pure returns (uint256) {
        return uint256(funding) << 64 | mark;
    }
}
