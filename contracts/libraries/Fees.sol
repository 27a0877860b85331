// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Fees of a fill (section 5).
library Fees {
    uint256 private constant NOTIONAL_SHARE = 8; // a fee is at most 1/8 of the notional

    /// Atoms that one side pays; negative: a rebate. Always the floor of a non-negative number.
    /// `rate` in atoms per lot, below 2^31 either way; `lots` below 2^32.
    function due(int256 rate, uint256 lots, uint256 notional) internal pure returns (int256) {
        uint256 most = notional / NOTIONAL_SHARE;
        uint256 asked = lots * uint256(rate < 0 ? -rate : rate);
        uint256 paid = asked < most ? asked : most;
        return rate < 0 ? -int256(paid) : int256(paid);
    }
}
