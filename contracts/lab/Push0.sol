// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// An ordinary piece of bookkeeping in n steps, compiled for different evm versions.
//
// Claim        The compiler's target fork is a technique too: a newer one has better opcodes.
// Rule         EIP-3855: PUSH0 costs 2 and one byte, PUSH1 0x00 3 and two bytes (Shanghai).
//              EIP-5656 adds MCOPY (Cancun); EIP-7939 CLZ (Osaka).
// Pays         Everywhere that the fork is live: smaller code at 200 gas a byte, 1 gas a zero.
// Does not     On a chain that lags behind: code for a later fork fails there at its first new
//              opcode.
// Readability  None: a setting.

interface Ledger {
    /// Moves n amounts among eight accounts kept in memory; the final balances' hash.
    function run(uint256 seed, uint256 moves) external returns (bytes32);
}

/// One source for all variants.
contract Bookkeeping is Ledger {
    error Overdrawn(uint256 account, uint256 balance, uint256 amount);

    event Closed(bytes32 balances);

    function run(uint256 seed, uint256 moves) external returns (bytes32 result) {
        uint256[] memory balances = new uint256[](8);
        for (uint256 i = 0; i < 8; ++i) {
            balances[i] = 1 << 64;
        }
        uint256 state = seed;
        for (uint256 i = 0; i < moves; ++i) {
            state = uint64(uint128(state) * 0x5851f42d4c957f2d + 0x14057b7ef767814f);
            move(balances, state >> 61, state >> 58 & 7, state >> 40 & 0xffff);
        }
        result = keccak256(bytes.concat(bytes("balances"), abi.encodePacked(balances)));
        emit Closed(result);
    }

    function move(uint256[] memory balances, uint256 from, uint256 to, uint256 amount)
        private
        pure
    {
        uint256 balance = balances[from];
        require(balance >= amount, Overdrawn(from, balance, amount));
        balances[from] = balance - amount;
        balances[to] += amount;
    }
}
