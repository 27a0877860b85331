// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// A desk takes n orders, each in a transaction of its own, and refuses those above a limit with an
// error that tells the session, which is kept in storage and needed for nothing else.
//
// Claim        What an error tells costs only the caller who sees it.
// Rule         `require` is a function, so its error's arguments are evaluated before it, whether it
//              holds or not. EIP-2929: the first SLOAD of a slot costs 2,100.
// Pays         `if` and `revert` pay for the argument only when they fail.
// Does not     For arguments that are locals or constants: those are free via IR either way.
// Readability  `require` states what must hold, `if` what must not; the house may prefer the former
//              and give it arguments that were read anyway.

interface OrderDesk {
    /// Takes an order; the quantity of all orders so far.
    function place(uint64 quantity) external returns (uint256);
}

abstract contract Session is OrderDesk {
    uint64 internal constant MOST = 1000;

    uint256 public session = 7;
    uint256 internal placed = 1;

    error TooMuch(uint256 quantity, uint256 most, uint256 session);
}

/// Baseline: the error's argument is read for every order.
contract ByRequire is Session {
    function place(uint64 quantity) external returns (uint256) {
        require(quantity <= MOST, TooMuch(quantity, MOST, session));
        return placed += quantity;
    }
}

/// The argument is read for the order that is refused.
contract ByIf is Session {
    function place(uint64 quantity) external returns (uint256) {
        if (quantity > MOST) revert TooMuch(quantity, MOST, session);
        return placed += quantity;
    }
}
