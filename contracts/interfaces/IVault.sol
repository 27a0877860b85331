// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header, Path} from "../types/Proofs.sol";

/// Accounts, keys, exact deposits, forced withdrawals as counters, claims, and the freeze.
/// Amounts are atoms.
interface IVault {
    event Opened(uint24 indexed account, address indexed owner);
    event Deposited(uint24 indexed account, uint56 deposited, uint56 amount);
    event Asked(uint24 indexed account, uint24 asks);
    event OrdersUntilSet(uint24 indexed account, uint40 ordersUntil);
    event KeySet(uint24 indexed account, address indexed key, uint40 validFrom, uint40 validUntil);
    event Claimed(uint24 indexed account, address indexed recipient, uint64 amount, uint64 claimed);
    event Frozen(uint24 indexed account, uint40 since);

    /// Opens an account for anybody, paid by the caller; at least 10 tokens.
    function open(address owner, uint56 amount) external returns (uint24 account);
    function deposit(uint24 account, uint56 amount) external;
    /// Asks for a forced withdrawal of everything that margin allows.
    function ask(uint24 account) external;
    function setOrdersUntil(uint24 account, uint40 ordersUntil) external;
    function registerKey(uint24 account, address key, uint40 validUntil) external;
    function revokeKey(uint24 account, address key, uint40 validUntil) external;

    /// Pays `max(0, due - claimed)` to the owner; anyone may call.
    function claim(uint24 account, Header calldata header, bytes32[] calldata leaf, Path calldata path)
        external
        returns (uint64 paid);
    /// The same to another recipient; only the owner.
    function claimTo(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path,
        address recipient
    ) external returns (uint64 paid);

    /// Freezes the exchange (section 9). `successor` is read only where rule (ii) needs it; else pass
    /// an empty header.
    function freeze(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path,
        Header calldata successor
    ) external;

    // --- views
    function token() external view returns (address);
    /// Token units per atom: 10^(decimals - 6).
    function tokenUnitsPerAtom() external view returns (uint256);
    function registry() external view returns (address);
    function markets() external view returns (address);
    function prices() external view returns (address);
    function accountCount() external view returns (uint24); // indices below this were opened, but 1
    function totalAtoms() external view returns (uint64);
    function ownerOf(uint24 account) external view returns (address);
    function accountOf(uint24 account)
        external
        view
        returns (
            address owner,
            uint56 deposited,
            uint40 depositedAt,
            uint64 claimed,
            uint40 ordersUntil,
            uint24 asks,
            uint40 askedAt
        );
    function keyOf(uint24 account, address key) external view returns (uint40 validFrom, uint40 validUntil);
    /// What a claim with this header and leaf would pay now.
    function claimable(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) external view returns (uint64);
}
