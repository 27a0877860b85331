// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Word 0 of a batch header (section 6), highest field first.
///
///     | version:8 | operator:16 | mode:8 | id:40 | builtAt:40 | chunkCount:16 | zero:128 |
///     ^ 255         247           231      223     183          143             127      0
type HeaderInfo is bytes32;

using HeaderInfoLibrary for HeaderInfo global;

uint8 constant PROTOCOL_VERSION = 1;
uint8 constant MODE_CALLDATA = 0;
uint8 constant MODE_BLOB = 1;

library HeaderInfoLibrary {
    function make(
        uint8 version_,
        uint16 operator_,
        uint8 mode_,
        uint40 id_,
        uint40 builtAt_,
        uint16 chunkCount_
    ) internal pure returns (HeaderInfo) {
        return HeaderInfo.wrap(
            bytes32(
                uint256(version_) << 248 | uint256(operator_) << 232 | uint256(mode_) << 224
                    | uint256(id_) << 184 | uint256(builtAt_) << 144 | uint256(chunkCount_) << 128
            )
        );
    }

    function version(HeaderInfo self) internal pure returns (uint8) {
        return uint8(_raw(self) >> 248);
    }

    function operator(HeaderInfo self) internal pure returns (uint16) {
        return uint16(_raw(self) >> 232);
    }

    function mode(HeaderInfo self) internal pure returns (uint8) {
        return uint8(_raw(self) >> 224);
    }

    function id(HeaderInfo self) internal pure returns (uint40) {
        return uint40(_raw(self) >> 184);
    }

    function builtAt(HeaderInfo self) internal pure returns (uint40) {
        return uint40(_raw(self) >> 144);
    }

    function chunkCount(HeaderInfo self) internal pure returns (uint16) {
        return uint16(_raw(self) >> 128);
    }

    function _raw(HeaderInfo self) private pure returns (uint256) {
        return uint256(HeaderInfo.unwrap(self));
    }
}
