// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// The head slot of BatchRegistry: all that a commit changes beside the ring.
///
///     | id:40 | top:40 | builtAt:40 | lastRevertAt:40 | operator:16 | flags:8 | zero:72 |
///     ^ 255     215      175          135               95            79        71     0
///
///     flags   bit 0 started   an operator was named once
///             bit 1 paused    by the owner: no commits, no deposits
///             bit 2 frozen    by the Vault: the same, for good
///
/// `id` and `builtAt` are the head's; `top` is the highest id ever committed; `operator` is the
/// index of the current one, 0 if there is none.
type HeadWord is uint256;

using HeadWordLibrary for HeadWord global;

library HeadWordLibrary {
    uint256 private constant STARTED = 1 << 72;
    uint256 private constant PAUSED = 1 << 73;
    uint256 private constant FROZEN = 1 << 74;

    function id(HeadWord self) internal pure returns (uint40) {
        return uint40(HeadWord.unwrap(self) >> 216);
    }

    function top(HeadWord self) internal pure returns (uint40) {
        return uint40(HeadWord.unwrap(self) >> 176);
    }

    function builtAt(HeadWord self) internal pure returns (uint40) {
        return uint40(HeadWord.unwrap(self) >> 136);
    }

    function lastRevertAt(HeadWord self) internal pure returns (uint40) {
        return uint40(HeadWord.unwrap(self) >> 96);
    }

    function operator(HeadWord self) internal pure returns (uint16) {
        return uint16(HeadWord.unwrap(self) >> 80);
    }

    function started(HeadWord self) internal pure returns (bool) {
        return HeadWord.unwrap(self) & STARTED != 0;
    }

    function paused(HeadWord self) internal pure returns (bool) {
        return HeadWord.unwrap(self) & PAUSED != 0;
    }

    function frozen(HeadWord self) internal pure returns (bool) {
        return HeadWord.unwrap(self) & FROZEN != 0;
    }

    function setId(HeadWord self, uint40 value) internal pure returns (HeadWord) {
        return _set(self, value, 40, 216);
    }

    function setTop(HeadWord self, uint40 value) internal pure returns (HeadWord) {
        return _set(self, value, 40, 176);
    }

    function setBuiltAt(HeadWord self, uint40 value) internal pure returns (HeadWord) {
        return _set(self, value, 40, 136);
    }

    function setLastRevertAt(HeadWord self, uint40 value) internal pure returns (HeadWord) {
        return _set(self, value, 40, 96);
    }

    function setOperator(HeadWord self, uint16 value) internal pure returns (HeadWord) {
        return _set(self, value, 16, 80);
    }

    function setStarted(HeadWord self) internal pure returns (HeadWord) {
        return HeadWord.wrap(HeadWord.unwrap(self) | STARTED);
    }

    function setPaused(HeadWord self, bool value) internal pure returns (HeadWord) {
        uint256 rest = HeadWord.unwrap(self) & ~PAUSED;
        return HeadWord.wrap(value ? rest | PAUSED : rest);
    }

    function setFrozen(HeadWord self) internal pure returns (HeadWord) {
        return HeadWord.wrap(HeadWord.unwrap(self) | FROZEN);
    }

    function _set(HeadWord self, uint256 value, uint256 bits, uint256 shift)
        private
        pure
        returns (HeadWord)
    {
        uint256 mask = (1 << bits) - 1 << shift;
        return HeadWord.wrap(HeadWord.unwrap(self) & ~mask | value << shift);
    }
}
