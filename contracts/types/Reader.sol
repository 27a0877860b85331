// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Reads packed calldata from the front, without a copy. `at` is a position in all of calldata.
///
/// Nothing bounds it: what lies behind the end reads as zero. That is sound where everything read is
/// hashed to a root that is on chain before it is believed.
struct Reader {
    uint256 at;
}

using ReaderLibrary for Reader global;

library ReaderLibrary {
    function over(bytes calldata data) internal pure returns (Reader memory reader) {
        // reader.at = the position of data[0]
        assembly ("memory-safe") {
            mstore(reader, data.offset)
        }
    }

    /// The next 32 bytes.
    function word(Reader memory self) internal pure returns (uint256 value) {
        uint256 at = self.at;
        // value = uint256(bytes32(calldata[at:at + 32]));
        assembly ("memory-safe") {
            value := calldataload(at)
        }
        self.at = at + 32;
    }

    /// The next `size` bytes, 1 to 32, as a number.
    function number(Reader memory self, uint256 size) internal pure returns (uint256 value) {
        uint256 at = self.at;
        // value = uint256(bytes32(calldata[at:at + 32])) >> 8 * (32 - size);
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), calldataload(at))
        }
        self.at = at + size;
    }

    /// Position of the next `size` bytes, which are passed over.
    function skip(Reader memory self, uint256 size) internal pure returns (uint256 at) {
        at = self.at;
        self.at = at + size;
    }

    /// The next `count` words, where they stand.
    function words(Reader memory self, uint256 count)
        internal
        pure
        returns (bytes32[] calldata list)
    {
        uint256 at = self.skip(32 * count);
        // list = abi.decode(calldata[at:at + 32 * count], (bytes32[count])), not copied
        assembly ("memory-safe") {
            list.offset := at
            list.length := count
        }
    }

    /// The next `size` bytes, where they stand.
    function bytesOf(Reader memory self, uint256 size) internal pure returns (bytes calldata data) {
        uint256 at = self.skip(size);
        // data = calldata[at:at + size]
        assembly ("memory-safe") {
            data.offset := at
            data.length := size
        }
    }
}
