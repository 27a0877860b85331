// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// The notional of n fills is added up; prices and quantities follow from a seed.
//
// Claim        Arithmetic that cannot overflow needs no check.
// Rule         Since solc 0.8.0 each checked operation adds a comparison and a jump, some 20 to 60
//              gas; ADD costs 3 and MUL 5. Loop counters are unchecked by the compiler since
//              0.8.22.
// Pays         In inner loops, where the bound is known from the types.
// Does not     Where a storage slot or a word of calldata is touched for each item: those cost a
//              hundred times more. Assembly adds nothing to `unchecked`.
// Readability  Each block needs a sentence that says why it cannot overflow, and readers who
//              believe it.

interface Notional {
    /// Sum over the fills of price times quantity, of 32 and 33 bits.
    function notional(uint64 seed, uint256 fills) external returns (uint256);
}

/// Baseline: checked, as the language has it. The congruence itself must wrap.
contract Checked is Notional {
    function notional(uint64 seed, uint256 fills) external pure returns (uint256 total) {
        uint256 state = seed;
        for (uint256 i = 0; i < fills; i++) {
            state = uint64(state * 0x5851f42d4c957f2d + 0x14057b7ef767814f);
            uint256 price = state >> 32;
            uint256 quantity = (state & 0xffffffff) + 1;
            total += price * quantity;
        }
    }
}

/// `unchecked` about the loop's body.
contract Unchecked is Notional {
    function notional(uint64 seed, uint256 fills) external pure returns (uint256 total) {
        uint256 state = seed;
        for (uint256 i = 0; i < fills; i++) {
            // 64 times 63 bits and more; products of 65 bits, and 2^191 of them cannot be paid for.
            unchecked {
                state = uint64(state * 0x5851f42d4c957f2d + 0x14057b7ef767814f);
                uint256 price = state >> 32;
                uint256 quantity = (state & 0xffffffff) + 1;
                total += price * quantity;
            }
        }
    }
}

/// The same in assembly; plain equivalent: `Unchecked`.
contract InAssembly is Notional {
    function notional(uint64 seed, uint256 fills) external pure returns (uint256 total) {
        assembly ("memory-safe") {
            let state := seed
            for { let i := 0 } lt(i, fills) { i := add(i, 1) } {
                state := add(mul(state, 0x5851f42d4c957f2d), 0x14057b7ef767814f)
                state := and(state, 0xffffffffffffffff)
                let quantity := add(and(state, 0xffffffff), 1)
                total := add(total, mul(shr(32, state), quantity))
            }
        }
    }
}
