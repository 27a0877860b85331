// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// An instrument as listed, immutable: a quarter of a slot; zero: not listed.
///
///     63         56       48          24          0
///     | market:8 | kind:8 | expiry:24 | strike:24 |
///
/// kind: 0 call, 1 put; expiry: hours since the epoch; strike: steps of the market's strikeValue
type InstrumentWord is uint64;

using InstrumentWordLib for InstrumentWord global;

/// Four instruments. Instrument i is quarter i mod 4 (0 highest) of slot i / 4.
///
///     255     192     128      64       0
///     |   0   |   1   |   2   |   3    |
type InstrumentSlot is uint256;

using InstrumentSlotLib for InstrumentSlot global;

library InstrumentWordLib {
    uint8 internal constant CALL = 0;
    uint8 internal constant PUT = 1;

    function pack(uint8 market_, uint8 kind_, uint24 expiry_, uint24 strike_)
        internal
        pure
        returns (InstrumentWord)
    {
        return InstrumentWord.wrap(
            uint64(market_) << 56 | uint64(kind_) << 48 | uint64(expiry_) << 24 | uint64(strike_)
        );
    }

    function market(InstrumentWord word) internal pure returns (uint8) {
        return uint8(InstrumentWord.unwrap(word) >> 56);
    }

    function kind(InstrumentWord word) internal pure returns (uint8) {
        return uint8(InstrumentWord.unwrap(word) >> 48);
    }

    function expiry(InstrumentWord word) internal pure returns (uint24) {
        return uint24(InstrumentWord.unwrap(word) >> 24);
    }

    function strike(InstrumentWord word) internal pure returns (uint24) {
        return uint24(InstrumentWord.unwrap(word));
    }

    /// Markets count from 1, so the word of a listed instrument is not zero.
    function isListed(InstrumentWord word) internal pure returns (bool) {
        return InstrumentWord.unwrap(word) != 0;
    }
}

library InstrumentSlotLib {
    function get(InstrumentSlot slot, uint256 index) internal pure returns (InstrumentWord) {
        return InstrumentWord.wrap(uint64(InstrumentSlot.unwrap(slot) >> _shift(index)));
    }

    /// The quarter must be empty: instruments are listed once and never change.
    function put(InstrumentSlot slot, uint256 index, InstrumentWord word)
        internal
        pure
        returns (InstrumentSlot)
    {
        uint256 quarter = uint256(InstrumentWord.unwrap(word)) << _shift(index);
        return InstrumentSlot.wrap(InstrumentSlot.unwrap(slot) | quarter);
    }

    function _shift(uint256 index) private pure returns (uint256) {
        return 64 * (3 - index % 4);
    }
}
