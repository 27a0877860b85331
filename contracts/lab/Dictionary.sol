// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// A batch of fills between a few parties; a checksum of them is answered.
//
// Claim        Parties that trade many times should be written once: a table of addresses, and
//              fills that name their parties by place in it.
// Rule         EIP-2028 charges 16 for a non-zero byte of calldata, EIP-7623 at least 40 in total
//              (the draft of Amsterdam more): bytes left out are the one saving that no floor
//              masks.
// Pays         From the second fill of the same parties on, and on every layer 2 that pays for
//              data.
// Does not     For a single fill: its table costs more than it saves. Nor if nobody trades twice.
// Readability  Two layouts to draw, an index to check, and an encoder on the client that must
//              agree.

struct Fill {
    address maker;
    address taker;
    uint64 price;
    uint64 quantity;
}

// A fill in full, 56 bytes:        | maker:20 | taker:20 | price:8 | quantity:8 |
// A fill by indexes, 20 bytes:     | maker:2 | taker:2 | price:8 | quantity:8 |
// A fill by differences, 10 bytes: | maker:1 | taker:1 | price above the base:2 | quantity:6 |
uint256 constant RECORD_BYTES = 56;
uint256 constant INDEXED_BYTES = 20;
uint256 constant DELTA_BYTES = 10;
uint256 constant PARTY_BYTES = 20;

error PartialRecord(uint256 length);
error UnknownParty(uint256 index, uint256 parties);
error PriceOverflow(uint64 base);

/// Next checksum: it depends on every field and on the order of the fills.
function fold(uint256 checksum, uint256 maker, uint256 taker, uint256 price, uint256 quantity)
    pure
    returns (uint256)
{
    // A checksum may wrap.
    unchecked {
        return checksum * 31 + (maker ^ taker << 96 ^ price << 192 ^ quantity << 128);
    }
}

/// The party that stands at an index of the table.
function partyAt(bytes calldata parties, uint256 index) pure returns (uint256) {
    uint256 count = parties.length / PARTY_BYTES;
    require(index < count, UnknownParty(index, count));
    uint256 at = index * PARTY_BYTES;
    return uint160(bytes20(parties[at:at + PARTY_BYTES]));
}

interface FillReader {
    function checksum(Fill[] calldata fills) external returns (uint256);
}

interface RecordReader {
    function checksum(bytes calldata records) external returns (uint256);
}

interface IndexedReader {
    function checksum(bytes calldata parties, bytes calldata records) external returns (uint256);
}

interface DeltaReader {
    function checksum(uint64 base, bytes calldata parties, bytes calldata records)
        external
        returns (uint256);
}

/// Baseline: the ABI's own encoding, four words a fill.
contract AbiFills is FillReader {
    function checksum(Fill[] calldata fills) external pure returns (uint256 sum) {
        for (uint256 i; i < fills.length; ++i) {
            Fill calldata fill = fills[i];
            sum = fold(
                sum,
                uint160(fill.maker),
                uint160(fill.taker),
                fill.price,
                fill.quantity
            );
        }
    }
}

/// Packed, both addresses in full.
contract FullRecords is RecordReader {
    function checksum(bytes calldata records) external pure returns (uint256 sum) {
        require(records.length % RECORD_BYTES == 0, PartialRecord(records.length));
        for (uint256 at; at < records.length; at += RECORD_BYTES) {
            uint256 maker = uint160(bytes20(records[at:at + 20]));
            uint256 rest = uint256(bytes32(records[at + 20:at + 52]));
            uint256 low = uint32(bytes4(records[at + 52:at + 56]));
            uint256 price = uint64(rest >> 32);
            uint256 quantity = uint256(uint32(rest)) << 32 | low;
            sum = fold(sum, maker, rest >> 96, price, quantity);
        }
    }
}

/// A table of parties, and records of indexes.
contract IndexedRecords is IndexedReader {
    function checksum(bytes calldata parties, bytes calldata records)
        external
        pure
        returns (uint256 sum)
    {
        require(records.length % INDEXED_BYTES == 0, PartialRecord(records.length));
        for (uint256 at; at < records.length; at += INDEXED_BYTES) {
            uint256 record = uint160(bytes20(records[at:at + INDEXED_BYTES]));
            uint256 maker = partyAt(parties, record >> 144);
            uint256 taker = partyAt(parties, uint16(record >> 128));
            sum = fold(sum, maker, taker, uint64(record >> 64), uint64(record));
        }
    }
}

/// The same bytes, three loads a fill; plain equivalent: `IndexedRecords`.
contract IndexedByWord is IndexedReader {
    function checksum(bytes calldata parties, bytes calldata records)
        external
        pure
        returns (uint256 sum)
    {
        require(records.length % INDEXED_BYTES == 0, PartialRecord(records.length));
        uint256 count = parties.length / PARTY_BYTES;
        uint256 unknown = type(uint256).max;
        assembly ("memory-safe") {
            let end := add(records.offset, records.length)
            for { let at := records.offset } lt(at, end) { at := add(at, 20) } {
                let record := calldataload(at)
                let maker := shr(240, record)
                let taker := and(shr(224, record), 0xffff)
                if iszero(lt(maker, count)) {
                    unknown := maker
                    break
                }
                if iszero(lt(taker, count)) {
                    unknown := taker
                    break
                }
                maker := shr(96, calldataload(add(parties.offset, mul(maker, 20))))
                taker := shr(96, calldataload(add(parties.offset, mul(taker, 20))))
                let price := and(shr(160, record), 0xffffffffffffffff)
                let quantity := and(shr(96, record), 0xffffffffffffffff)
                let both := xor(maker, shl(96, taker))
                let word := xor(both, xor(shl(192, price), shl(128, quantity)))
                sum := add(mul(sum, 31), word)
            }
        }
        require(unknown == type(uint256).max, UnknownParty(unknown, count));
    }
}

/// Prices as differences to a base, smaller indexes and quantities, for batches that allow it.
contract DeltaRecords is DeltaReader {
    function checksum(uint64 base, bytes calldata parties, bytes calldata records)
        external
        pure
        returns (uint256 sum)
    {
        require(records.length % DELTA_BYTES == 0, PartialRecord(records.length));
        for (uint256 at; at < records.length; at += DELTA_BYTES) {
            uint256 record = uint80(bytes10(records[at:at + DELTA_BYTES]));
            uint256 maker = partyAt(parties, record >> 72);
            uint256 taker = partyAt(parties, uint8(record >> 64));
            uint256 price = uint256(base) + uint16(record >> 48);
            require(price <= type(uint64).max, PriceOverflow(base));
            sum = fold(sum, maker, taker, price, uint48(record));
        }
    }
}

/// The same bytes, three loads a fill; plain equivalent: `DeltaRecords`.
contract DeltaByWord is DeltaReader {
    function checksum(uint64 base, bytes calldata parties, bytes calldata records)
        external
        pure
        returns (uint256 sum)
    {
        require(records.length % DELTA_BYTES == 0, PartialRecord(records.length));
        uint256 count = parties.length / PARTY_BYTES;
        uint256 unknown = type(uint256).max;
        uint256 highest;
        assembly ("memory-safe") {
            let end := add(records.offset, records.length)
            for { let at := records.offset } lt(at, end) { at := add(at, 10) } {
                let record := calldataload(at)
                let maker := byte(0, record)
                let taker := byte(1, record)
                if iszero(lt(maker, count)) {
                    unknown := maker
                    break
                }
                if iszero(lt(taker, count)) {
                    unknown := taker
                    break
                }
                maker := shr(96, calldataload(add(parties.offset, mul(maker, 20))))
                taker := shr(96, calldataload(add(parties.offset, mul(taker, 20))))
                let price := add(base, and(shr(224, record), 0xffff))
                // All bits that any price has: above 64 of them is an overflow.
                highest := or(highest, price)
                let quantity := and(shr(176, record), 0xffffffffffff)
                let both := xor(maker, shl(96, taker))
                let word := xor(both, xor(shl(192, price), shl(128, quantity)))
                sum := add(mul(sum, 31), word)
            }
        }
        require(unknown == type(uint256).max, UnknownParty(unknown, count));
        require(highest <= type(uint64).max, PriceOverflow(base));
    }
}
