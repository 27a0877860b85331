// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A position with the terms of its instrument, as a number that sorts by market, expiry and strike.
///
///     | zero:120 | market:8 | expiry:24 | strike:56 | isCall:8 | lots:i40 |
///     ^ 255        135        127         103         47         39       0
///
/// `expiry` in hours since the epoch; `strike`: K, atoms per lot (below 2^24 * 2^32). Market and
/// expiry together are its *series*. Zero but for the lots: an instrument that is not listed.
type Leg is uint256;

using LegLibrary for Leg global;

library LegLibrary {
    uint256 private constant SERIES_SHIFT = 104;

    /// Without lots.
    function make(uint8 market_, uint24 expiry_, uint56 strike_, bool isCall_)
        internal
        pure
        returns (Leg)
    {
        return Leg.wrap(
            uint256(market_) << 128 | uint256(expiry_) << SERIES_SHIFT | uint256(strike_) << 48
                | (isCall_ ? uint256(1) << 40 : 0)
        );
    }

    /// Of one that has none yet.
    function withLots(Leg self, int40 lots_) internal pure returns (Leg) {
        return Leg.wrap(Leg.unwrap(self) | uint40(lots_));
    }

    function market(Leg self) internal pure returns (uint8) {
        return uint8(Leg.unwrap(self) >> 128);
    }

    function expiry(Leg self) internal pure returns (uint24) {
        return uint24(Leg.unwrap(self) >> SERIES_SHIFT);
    }

    function strike(Leg self) internal pure returns (uint256) {
        return uint56(Leg.unwrap(self) >> 48);
    }

    function isCall(Leg self) internal pure returns (bool) {
        return uint8(Leg.unwrap(self) >> 40) != 0;
    }

    function lots(Leg self) internal pure returns (int256) {
        return int40(uint40(Leg.unwrap(self)));
    }

    /// Whether two legs are of one series.
    function isBeside(Leg self, Leg other) internal pure returns (bool) {
        return Leg.unwrap(self) >> SERIES_SHIFT == Leg.unwrap(other) >> SERIES_SHIFT;
    }
}
