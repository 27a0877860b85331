// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchStatus} from "./IBatchRegistry.sol";
import {Header, Path} from "../types/Proofs.sol";

/// Accounts, keys, exact deposits, forced withdrawals as counters, claims, and the freeze.
/// Amounts are atoms.
interface IVault {
    error DecimalsUnsupported(uint8 decimals, uint8 min, uint8 max);
    error AccountUnknown(uint24 account, uint24 accountCount);
    error NotAccountOwner(uint24 account, address caller, address owner);
    error OwnerUnusable(address owner);
    error RecipientUnusable(address recipient);
    error AmountTooSmall(uint56 amount, uint56 min);
    error TooManyAccounts(uint24 max);
    error TooManyAsks(uint24 max);
    /// No operator was named yet, or deposits are paused, or the exchange is frozen.
    error DepositsClosed();
    /// The token took a fee, or moved more than it was asked to. Units of the token.
    error DepositNotExact(uint256 expected, uint256 received);
    error DepositedTooLarge(uint256 deposited, uint56 max);
    error TotalTooLarge(uint256 total, uint64 max);
    /// More is due than the Vault holds: the state root is a lie that nobody proved in time.
    error TotalTooSmall(uint64 total, uint256 due);
    /// Notice is D at least: what was signed keeps its worth until batches can tell.
    error NoticeTooShort(uint40 until, uint256 earliest);
    error NotLower(uint40 until, uint40 current);
    error KeyUnusable(address key);
    error KeyTaken(address key, uint40 validFrom, uint40 validUntil);
    error KeyUnknown(address key);
    error HeaderNotFinal(BatchStatus status);
    error HeaderNotCommitted(BatchStatus status);
    /// The leaf and path lead to another root than the header's.
    error LeafNotInState(uint24 account, bytes32 found, bytes32 stateRoot);
    error AlreadyFrozen();
    /// The leaf shows every deposit credited and every ask served.
    error NothingOwed(uint56 credited, uint24 served);
    /// `patience` is T1, `limit` is T2 of section 9.
    error NotOverdue(uint256 timestamp, uint256 patience, uint256 limit);

    event Opened(uint24 indexed account, address indexed owner);
    event Deposited(uint24 indexed account, uint56 deposited, uint56 amount);
    event Asked(uint24 indexed account, uint24 asks);
    event OrdersUntilSet(uint24 indexed account, uint40 ordersUntil);
    event KeySet(uint24 indexed account, address indexed key, uint40 validFrom, uint40 validUntil);
    event Claimed(
        uint24 indexed account, address indexed recipient, uint64 amount, uint64 claimed
    );
    event Frozen(uint24 indexed account, uint40 since);

    /// Opens an account for anybody, paid by the caller; at least 10 tokens.
    function open(address owner, uint56 amount) external returns (uint24 account);
    /// Only the owner; restarts the clock of the freeze for deposits.
    function deposit(uint24 account, uint56 amount) external;
    /// Asks for a forced withdrawal of everything that margin allows. Only the owner; restarts the
    /// clock of the freeze for asks. Warning: cancel first, and wait D + lag: resting orders that
    /// are filled before the release take from it.
    function ask(uint24 account) external;
    /// The owner's signature on orders ends to count. Once set it only falls, and never to less
    /// than D from now. With revoked keys this is the hard cancel of everything signed.
    function setOrdersUntil(uint24 account, uint40 ordersUntil) external;
    /// A key that signs orders from now until `validUntil`, at least D from now; once per key.
    function registerKey(uint24 account, address key, uint40 validUntil) external;
    /// Lowers `validUntil`, to D from now at the least.
    function revokeKey(uint24 account, address key, uint40 validUntil) external;

    /// Pays `max(0, due - claimed)` to the owner; anyone may call. Paying nothing is no error.
    function claim(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) external returns (uint64 paid);
    /// The same to another recipient; only the owner.
    function claimTo(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path,
        address recipient
    ) external returns (uint64 paid);

    /// Freezes the exchange (section 9). `successor` is read only where rule (ii) needs it; else
    /// pass an empty header.
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
    function keyOf(uint24 account, address key)
        external
        view
        returns (uint40 validFrom, uint40 validUntil);
    /// What a claim with this header and leaf would pay now.
    function claimable(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) external view returns (uint64);
}
