// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// A position with the terms of its instrument, as a number that sorts by market, expiry and strike.
///
///     | zero:64 | market:8 | expiry:24 | cap:56 | strike:56 | isCall:8 | lots:i40 |
///     ^ 255       191        183         159      103         47         39       0
///
/// `expiry` in hours since the epoch; `cap`: of the expiry, atoms per lot; `strike`: K, atoms per lot
/// (below 2^24 * 2^32). Market and expiry together are its *series*, which has one cap. Zero but for
/// the lots: an instrument that is not listed.
type Leg is uint256;

using LegLibrary for Leg global;

library LegLibrary {
    uint256 private constant SERIES_SHIFT = 160;

    function make(
        uint8 market_,
        uint24 expiry_,
        uint56 cap_,
        uint56 strike_,
        bool isCall_,
        int40 lots_
    ) internal pure returns (Leg) {
        return Leg.wrap(
            uint256(market_) << 184 | uint256(expiry_) << SERIES_SHIFT | uint256(cap_) << 104
                | uint256(strike_) << 48 | (isCall_ ? uint256(1) << 40 : 0) | uint40(lots_)
        );
    }

    function market(Leg self) internal pure returns (uint8) {
        return uint8(Leg.unwrap(self) >> 184);
    }

    function expiry(Leg self) internal pure returns (uint24) {
        return uint24(Leg.unwrap(self) >> SERIES_SHIFT);
    }

    function cap(Leg self) internal pure returns (uint256) {
        return uint56(Leg.unwrap(self) >> 104);
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

    function series(Leg self) internal pure returns (uint32) {
        return uint32(Leg.unwrap(self) >> SERIES_SHIFT);
    }

    /// Whether its expiry lies before a time, seconds.
    function isPassed(Leg self, uint256 time) internal pure returns (bool) {
        unchecked {
            return uint256(self.expiry()) * 1 hours < time; // below 2^24 * 3600
        }
    }

    /// Whether two legs are of one series.
    function isBeside(Leg self, Leg other) internal pure returns (bool) {
        return Leg.unwrap(self) >> SERIES_SHIFT == Leg.unwrap(other) >> SERIES_SHIFT;
    }
}
