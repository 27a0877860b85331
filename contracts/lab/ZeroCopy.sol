// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// A batch of fills is read once, and a checksum of what was read is answered.
//
// Claim        Input that is read where it lies costs less than input copied to memory first, and
//              packed records cost less again, since they are fewer bytes.
// Rule         CALLDATALOAD and MLOAD both cost 3, but a copy costs 3 a word, its memory is paid
//              for (quadratically beyond a few kilobytes), and the decoder's loop more than either.
// Pays         Where each item is read once or twice, and on schedules without a calldata floor.
// Does not     Where the floor binds: then only fewer bytes help, however they are read.
// Readability  `calldata` for `memory` costs nothing. Records need a drawn layout; by-word reads
//              must check by hand what the compiler's decoder checks.

struct Fill {
    address maker;
    address taker;
    uint64 price;
    uint64 quantity;
}

// A fill as a record of 56 bytes: `| maker:20 | taker:20 | price:8 | quantity:8 |`.
uint256 constant RECORD_BYTES = 56;

error PartialRecord(uint256 length);

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

interface FillReader {
    /// Fills of four words each.
    function checksum(Fill[] calldata fills) external returns (uint256);
}

interface RecordReader {
    /// Fills of `RECORD_BYTES` each.
    function checksum(bytes calldata records) external returns (uint256);
}

/// Baseline: the decoder copies all fills to memory before the first is looked at.
contract FillsInMemory is FillReader {
    function checksum(Fill[] memory fills) public pure override returns (uint256 sum) {
        for (uint256 i; i < fills.length; ++i) {
            Fill memory fill = fills[i];
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

/// References into calldata, each field checked as it is read.
contract FillsInCalldata is FillReader {
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

/// The same bytes, each word loaded by its offset; plain equivalent: `FillsInCalldata`.
contract FillsByWord is FillReader {
    function checksum(Fill[] calldata fills) external pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let end := add(fills.offset, shl(7, fills.length))
            for { let at := fills.offset } lt(at, end) { at := add(at, 0x80) } {
                let maker := calldataload(at)
                let taker := calldataload(add(at, 0x20))
                let price := calldataload(add(at, 0x40))
                let quantity := calldataload(add(at, 0x60))
                // The compiler refuses values wider than their types, and so must this.
                if or(shr(160, or(maker, taker)), shr(64, or(price, quantity))) { revert(0, 0) }
                let parties := xor(maker, shl(96, taker))
                let word := xor(parties, xor(shl(192, price), shl(128, quantity)))
                sum := add(mul(sum, 31), word)
            }
        }
    }
}

/// Packed records, cut out by slices.
contract RecordsBySlice is RecordReader {
    function checksum(bytes calldata records) external pure returns (uint256 sum) {
        require(records.length % RECORD_BYTES == 0, PartialRecord(records.length));
        for (uint256 at; at < records.length; at += RECORD_BYTES) {
            sum = fold(
                sum,
                uint160(bytes20(records[at:at + 20])),
                uint160(bytes20(records[at + 20:at + 40])),
                uint64(bytes8(records[at + 40:at + 48])),
                uint64(bytes8(records[at + 48:at + 56]))
            );
        }
    }
}

/// Packed records, three loads each; plain equivalent: `RecordsBySlice`.
contract RecordsByWord is RecordReader {
    function checksum(bytes calldata records) external pure returns (uint256 sum) {
        require(records.length % RECORD_BYTES == 0, PartialRecord(records.length));
        assembly ("memory-safe") {
            let end := add(records.offset, records.length)
            for { let at := records.offset } lt(at, end) { at := add(at, 56) } {
                let maker := shr(96, calldataload(at))
                let taker := shr(96, calldataload(add(at, 20)))
                let tail := calldataload(add(at, 40))
                let price := shr(192, tail)
                let quantity := and(shr(128, tail), 0xffffffffffffffff)
                let parties := xor(maker, shl(96, taker))
                let word := xor(parties, xor(shl(192, price), shl(128, quantity)))
                sum := add(mul(sum, 31), word)
            }
        }
    }
}
