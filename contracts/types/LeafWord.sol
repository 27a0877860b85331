// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Word 0 of an account's leaf (section 3).
///
///     | cash:i64 | exited:64 | credited:56 | served:24 | count:8 | rule:8 | epoch:32 |
///     ^ 255        191         127           71          47        39       31      0
///
/// `cash` may be negative. `exited`, `credited`: all atoms ever let out and in. `served`: asks
/// served. `count`: positions. `rule` and `epoch` are zero in version 1.
type LeafWord is bytes32;

/// One position: a quarter of the words 2.. of a leaf, the first quarter highest.
///
///     | instrument:24 | lots:i40 |
///     ^ 63              39      0
///
/// Zero: an unused quarter. A position never has 0 lots.
type Position is uint64;

using LeafWordLibrary for LeafWord global;
using PositionLibrary for Position global;

library LeafWordLibrary {
    function make(int64 cash_, uint64 exited_, uint56 credited_, uint24 served_, uint8 count_)
        internal
        pure
        returns (LeafWord)
    {
        return LeafWord.wrap(
            bytes32(
                uint256(uint64(cash_)) << 192 | uint256(exited_) << 128 | uint256(credited_) << 72
                    | uint256(served_) << 48 | uint256(count_) << 40
            )
        );
    }

    function cash(LeafWord self) internal pure returns (int64) {
        return int64(uint64(_raw(self) >> 192));
    }

    function exited(LeafWord self) internal pure returns (uint64) {
        return uint64(_raw(self) >> 128);
    }

    function credited(LeafWord self) internal pure returns (uint56) {
        return uint56(_raw(self) >> 72);
    }

    function served(LeafWord self) internal pure returns (uint24) {
        return uint24(_raw(self) >> 48);
    }

    function count(LeafWord self) internal pure returns (uint8) {
        return uint8(_raw(self) >> 40);
    }

    function rule(LeafWord self) internal pure returns (uint8) {
        return uint8(_raw(self) >> 32);
    }

    function epoch(LeafWord self) internal pure returns (uint32) {
        return uint32(_raw(self));
    }

    function _raw(LeafWord self) private pure returns (uint256) {
        return uint256(LeafWord.unwrap(self));
    }
}

library PositionLibrary {
    function make(uint24 instrument_, int40 lots_) internal pure returns (Position) {
        return Position.wrap(uint64(instrument_) << 40 | uint64(uint40(lots_)));
    }

    function instrument(Position self) internal pure returns (uint24) {
        return uint24(Position.unwrap(self) >> 40);
    }

    function lots(Position self) internal pure returns (int40) {
        return int40(uint40(Position.unwrap(self)));
    }

    function isEmpty(Position self) internal pure returns (bool) {
        return Position.unwrap(self) == 0;
    }
}
