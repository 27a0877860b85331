// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BitLoop} from "./Clz.sol";

// The variant of Clz.sol that only evm versions from osaka on compile, in a file of its own for
// that reason.

/// One opcode; plain equivalent: `BinarySearch`.
contract Opcode is BitLoop {
    function highestBit(uint256 word) internal pure override returns (uint256 bit) {
        assembly ("memory-safe") {
            bit := sub(255, clz(or(word, 1)))
        }
    }
}
