// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The terms of an instrument (section 4).
///
///     | market:8 | kind:8 | expiry:24 | strike:24 |
///     ^ 63         55       47          23       0
///
/// `expiry` in hours since the epoch, `strike` in strike steps. Zero: not listed (markets count
/// from 1).
type Instrument is uint64;

/// Four instruments, the lowest index highest: instrument i is quarter i mod 4 of word i / 4.
///
///     | quarter 0 : 64 | quarter 1 : 64 | quarter 2 : 64 | quarter 3 : 64 |
///     ^ 255              191              127              63            0
type InstrumentWord is uint256;

using InstrumentLibrary for Instrument global;
using InstrumentWordLibrary for InstrumentWord global;

uint8 constant KIND_CALL = 0;
uint8 constant KIND_PUT = 1;

library InstrumentLibrary {
    function make(uint8 market_, uint8 kind_, uint24 expiry_, uint24 strike_)
        internal
        pure
        returns (Instrument)
    {
        return Instrument.wrap(
            uint64(market_) << 56 | uint64(kind_) << 48 | uint64(expiry_) << 24 | strike_
        );
    }

    function market(Instrument self) internal pure returns (uint8) {
        return uint8(Instrument.unwrap(self) >> 56);
    }

    function kind(Instrument self) internal pure returns (uint8) {
        return uint8(Instrument.unwrap(self) >> 48);
    }

    function expiry(Instrument self) internal pure returns (uint24) {
        return uint24(Instrument.unwrap(self) >> 24);
    }

    function strike(Instrument self) internal pure returns (uint24) {
        return uint24(Instrument.unwrap(self));
    }

    function isEmpty(Instrument self) internal pure returns (bool) {
        return Instrument.unwrap(self) == 0;
    }
}

library InstrumentWordLibrary {
    /// The instrument with this index, if this is word index / 4.
    function get(InstrumentWord self, uint256 index) internal pure returns (Instrument) {
        return Instrument.wrap(uint64(InstrumentWord.unwrap(self) >> _shift(index)));
    }

    function set(InstrumentWord self, uint256 index, Instrument value)
        internal
        pure
        returns (InstrumentWord)
    {
        uint256 shift = _shift(index);
        uint256 rest = InstrumentWord.unwrap(self) & ~(uint256(type(uint64).max) << shift);
        return InstrumentWord.wrap(rest | uint256(Instrument.unwrap(value)) << shift);
    }

    function _shift(uint256 index) private pure returns (uint256) {
        unchecked {
            return 64 * (3 - index % 4); // the remainder is at most 3
        }
    }
}
