// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {DateTimeLib} from "solady/utils/DateTimeLib.sol";
import {LibString} from "solady/utils/LibString.sol";
import {KIND_CALL, KIND_PUT} from "../types/InstrumentWord.sol";

/// Symbols of instruments (sections 4 and 14): `BTC-26MAR27-100000-C`, one spelling each.
library Symbol {
    uint256 private constant EXPIRY_HOUR = 8; // 08:00 UTC
    bytes private constant MONTHS = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";

    error UnknownKind(uint8 kind);
    /// `expiry` in hours since the epoch; allowed is 08:00 UTC of a day from 2000 to 2099.
    error ExpiryWithoutSymbol(uint24 expiry);

    /// `NAME-DMMMYY-STRIKE-C|P`. `name` is taken as the market was listed.
    function derive(string memory name, uint8 kind, uint24 expiry, uint24 strike)
        internal
        pure
        returns (string memory)
    {
        require(kind == KIND_CALL || kind == KIND_PUT, UnknownKind(kind));
        return string.concat(
            name,
            "-",
            date(expiry),
            "-",
            LibString.toString(strike),
            kind == KIND_CALL ? "-C" : "-P"
        );
    }

    /// `DMMMYY`: day without a leading zero, two digits of the year.
    function date(uint24 expiry) internal pure returns (string memory) {
        (uint256 year, uint256 month, uint256 day) =
            DateTimeLib.epochDayToDate(uint256(expiry) / 24);
        require(
            expiry % 24 == EXPIRY_HOUR && year >= 2000 && year < 2100, ExpiryWithoutSymbol(expiry)
        );
        return string.concat(
            LibString.toString(day),
            _month(month),
            year % 100 < 10 ? "0" : "",
            LibString.toString(year % 100)
        );
    }

    function _month(uint256 month) private pure returns (string memory) {
        bytes memory all = MONTHS;
        uint256 start = 3 * (month - 1);
        return string(bytes.concat(all[start], all[start + 1], all[start + 2]));
    }
}
