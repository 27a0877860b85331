// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What traders and reporters sign (sections 8 and 10), field by field as it stands in the EIP-712
/// type. `id` is an order id below 2^44; `expiry` of a message is in seconds, that of a report in
/// hours since the epoch.

struct Order {
    uint24 account;
    string instrument; // the symbol
    bool buy;
    uint64 price; // atoms per lot
    uint64 quantity; // lots
    uint48 id;
    uint40 expiry;
    uint8 flags;
}

struct Withdrawal {
    uint24 account;
    uint64 amount; // atoms
    uint48 id;
    uint40 expiry;
}

struct Transfer {
    uint24 from;
    uint24 to;
    uint64 amount; // atoms
    uint48 id;
    uint40 expiry;
}

struct Report {
    uint8 market;
    uint24 expiry;
    uint64 price; // atoms per lot
}
