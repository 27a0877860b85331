// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Slot A of an account: who owns it and what came in. Zero: not opened.
///
///     255         96            40              0
///     | owner:160 | deposited:56 | depositedAt:40 |
///
/// deposited: all atoms ever deposited, only grows; depositedAt: time of the last deposit
type AccountA is uint256;

/// Slot B of an account: what went out and what its owner demanded. Written when first needed.
///
///     255          192              152       128           88  0
///     | claimed:64 | ordersUntil:40 | asks:24 | askedAt:40 | 0 |
///
/// claimed: all atoms ever paid out, only grows
/// ordersUntil: the owner may sign orders until then; 0: forever; once set it only falls
/// asks: forced withdrawals ever asked for, only grows; askedAt: time of the last
type AccountB is uint256;

/// A session key of an account. Zero: not registered.
///
///     255  80              40              0
///     | 0 | validFrom:40 | validUntil:40 |
type KeyWord is uint256;

/// What the Vault holds and how many accounts there are.
///
///     255        192               168        160  0
///     | total:64 | accountCount:24 | frozen:8 | 0 |
///
/// total: atoms deposited and not yet paid out
/// accountCount: the next account's index; all below it were opened, but 1
type VaultWord is uint256;

using AccountALib for AccountA global;
using AccountBLib for AccountB global;
using KeyWordLib for KeyWord global;
using VaultWordLib for VaultWord global;

library AccountALib {
    function pack(address owner_, uint56 deposited_, uint40 depositedAt_)
        internal
        pure
        returns (AccountA)
    {
        return AccountA.wrap(
            uint256(uint160(owner_)) << 96 | uint256(deposited_) << 40 | depositedAt_
        );
    }

    function owner(AccountA word) internal pure returns (address) {
        return address(uint160(AccountA.unwrap(word) >> 96));
    }

    function deposited(AccountA word) internal pure returns (uint56) {
        return uint56(AccountA.unwrap(word) >> 40);
    }

    function depositedAt(AccountA word) internal pure returns (uint40) {
        return uint40(AccountA.unwrap(word));
    }
}

library AccountBLib {
    uint256 private constant _CLAIMED = uint256(type(uint64).max) << 192;
    uint256 private constant _ORDERS_UNTIL = uint256(type(uint40).max) << 152;
    uint256 private constant _ASKS = uint256(type(uint24).max) << 128;
    uint256 private constant _ASKED_AT = uint256(type(uint40).max) << 88;

    function claimed(AccountB word) internal pure returns (uint64) {
        return uint64(AccountB.unwrap(word) >> 192);
    }

    function ordersUntil(AccountB word) internal pure returns (uint40) {
        return uint40(AccountB.unwrap(word) >> 152);
    }

    function asks(AccountB word) internal pure returns (uint24) {
        return uint24(AccountB.unwrap(word) >> 128);
    }

    function askedAt(AccountB word) internal pure returns (uint40) {
        return uint40(AccountB.unwrap(word) >> 88);
    }

    function withClaimed(AccountB word, uint64 claimed_) internal pure returns (AccountB) {
        return AccountB.wrap(AccountB.unwrap(word) & ~_CLAIMED | uint256(claimed_) << 192);
    }

    function withOrdersUntil(AccountB word, uint40 ordersUntil_) internal pure returns (AccountB) {
        return AccountB.wrap(
            AccountB.unwrap(word) & ~_ORDERS_UNTIL | uint256(ordersUntil_) << 152
        );
    }

    function withAsks(AccountB word, uint24 asks_, uint40 askedAt_)
        internal
        pure
        returns (AccountB)
    {
        return AccountB.wrap(
            AccountB.unwrap(word) & ~(_ASKS | _ASKED_AT) | uint256(asks_) << 128
                | uint256(askedAt_) << 88
        );
    }
}

library KeyWordLib {
    function pack(uint40 validFrom_, uint40 validUntil_) internal pure returns (KeyWord) {
        return KeyWord.wrap(uint256(validFrom_) << 40 | validUntil_);
    }

    function validFrom(KeyWord word) internal pure returns (uint40) {
        return uint40(KeyWord.unwrap(word) >> 40);
    }

    function validUntil(KeyWord word) internal pure returns (uint40) {
        return uint40(KeyWord.unwrap(word));
    }

    function isRegistered(KeyWord word) internal pure returns (bool) {
        return KeyWord.unwrap(word) != 0;
    }
}

library VaultWordLib {
    uint256 private constant _FROZEN = 1 << 160;

    function pack(uint64 total_, uint24 accountCount_, bool frozen_)
        internal
        pure
        returns (VaultWord)
    {
        return VaultWord.wrap(
            uint256(total_) << 192 | uint256(accountCount_) << 168 | (frozen_ ? _FROZEN : 0)
        );
    }

    function total(VaultWord word) internal pure returns (uint64) {
        return uint64(VaultWord.unwrap(word) >> 192);
    }

    function accountCount(VaultWord word) internal pure returns (uint24) {
        return uint24(VaultWord.unwrap(word) >> 168);
    }

    function frozen(VaultWord word) internal pure returns (bool) {
        return VaultWord.unwrap(word) & _FROZEN != 0;
    }
}
