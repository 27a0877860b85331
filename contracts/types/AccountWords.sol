// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// First word of an account on chain (section 3). Zero: never opened.
///
///     | owner:160 | deposited:56 | depositedAt:40 |
///     ^ 255         95             39            0
///
/// `deposited`: all atoms ever deposited. `depositedAt`: time of the last deposit.
type AccountA is uint256;

/// Second word of an account, written only when first needed.
///
///     | claimed:64 | ordersUntil:40 | asks:24 | askedAt:40 | zero:88 |
///     ^ 255          191              151       127          87     0
///
/// `claimed`: all atoms ever paid out. `ordersUntil` 0: the owner's orders are good forever.
/// `asks`: forced withdrawals ever asked for; `askedAt`: time of the last.
type AccountB is uint256;

using AccountALibrary for AccountA global;
using AccountBLibrary for AccountB global;

library AccountALibrary {
    function make(address owner_, uint56 deposited_, uint40 depositedAt_)
        internal
        pure
        returns (AccountA)
    {
        return AccountA.wrap(
            uint256(uint160(owner_)) << 96 | uint256(deposited_) << 40 | depositedAt_
        );
    }

    function owner(AccountA self) internal pure returns (address) {
        return address(uint160(AccountA.unwrap(self) >> 96));
    }

    function deposited(AccountA self) internal pure returns (uint56) {
        return uint56(AccountA.unwrap(self) >> 40);
    }

    function depositedAt(AccountA self) internal pure returns (uint40) {
        return uint40(AccountA.unwrap(self));
    }

    /// The total and its time change together, always.
    function setDeposited(AccountA self, uint56 total, uint40 time) internal pure returns (AccountA) {
        uint256 owner_ = AccountA.unwrap(self) >> 96 << 96;
        return AccountA.wrap(owner_ | uint256(total) << 40 | time);
    }
}

library AccountBLibrary {
    function claimed(AccountB self) internal pure returns (uint64) {
        return uint64(AccountB.unwrap(self) >> 192);
    }

    function ordersUntil(AccountB self) internal pure returns (uint40) {
        return uint40(AccountB.unwrap(self) >> 152);
    }

    function asks(AccountB self) internal pure returns (uint24) {
        return uint24(AccountB.unwrap(self) >> 128);
    }

    function askedAt(AccountB self) internal pure returns (uint40) {
        return uint40(AccountB.unwrap(self) >> 88);
    }

    function setClaimed(AccountB self, uint64 value) internal pure returns (AccountB) {
        return _set(self, value, 64, 192);
    }

    function setOrdersUntil(AccountB self, uint40 value) internal pure returns (AccountB) {
        return _set(self, value, 40, 152);
    }

    /// The count and its time change together, always.
    function setAsks(AccountB self, uint24 count, uint40 time) internal pure returns (AccountB) {
        return _set(_set(self, count, 24, 128), time, 40, 88);
    }

    function _set(AccountB self, uint256 value, uint256 bits, uint256 shift)
        private
        pure
        returns (AccountB)
    {
        uint256 mask = (1 << bits) - 1 << shift;
        return AccountB.wrap(AccountB.unwrap(self) & ~mask | value << shift);
    }
}
