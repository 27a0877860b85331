// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What the Vault holds and how many accounts it has.
///
///     | total:64 | accountCount:24 | frozen:8 | zero:160 |
///     ^ 255        191               167        159      0
///
/// `total`: atoms deposited and not yet paid out. `accountCount`: index of the next account; all
/// below it were opened, but 1. `frozen`: 1 after the freeze, for good.
type VaultWord is uint256;

using VaultWordLibrary for VaultWord global;

library VaultWordLibrary {
    uint256 private constant _FROZEN = 1 << 160;

    function make(uint64 total_, uint24 accountCount_) internal pure returns (VaultWord) {
        return VaultWord.wrap(uint256(total_) << 192 | uint256(accountCount_) << 168);
    }

    function total(VaultWord self) internal pure returns (uint64) {
        return uint64(VaultWord.unwrap(self) >> 192);
    }

    function accountCount(VaultWord self) internal pure returns (uint24) {
        return uint24(VaultWord.unwrap(self) >> 168);
    }

    function frozen(VaultWord self) internal pure returns (bool) {
        return VaultWord.unwrap(self) & _FROZEN != 0;
    }

    function setTotal(VaultWord self, uint64 value) internal pure returns (VaultWord) {
        return VaultWord.wrap(VaultWord.unwrap(self) << 64 >> 64 | uint256(value) << 192);
    }

    function setAccountCount(VaultWord self, uint24 value) internal pure returns (VaultWord) {
        uint256 rest = VaultWord.unwrap(self) & ~(uint256(type(uint24).max) << 168);
        return VaultWord.wrap(rest | uint256(value) << 168);
    }

    function setFrozen(VaultWord self) internal pure returns (VaultWord) {
        return VaultWord.wrap(VaultWord.unwrap(self) | _FROZEN);
    }
}
