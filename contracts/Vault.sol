// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {BatchStatus, IBatchRegistry} from "./interfaces/IBatchRegistry.sol";
import {IMarkets} from "./interfaces/IMarkets.sol";
import {ISettlementPrices} from "./interfaces/ISettlementPrices.sol";
import {IVault} from "./interfaces/IVault.sol";
import {Leaf} from "./libraries/Leaf.sol";
import {Margin} from "./libraries/Margin.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {AccountA, AccountALibrary, AccountB} from "./types/AccountWords.sol";
import {KeyWord, KeyWordLibrary} from "./types/KeyWord.sol";
import {LeafWord} from "./types/LeafWord.sol";
import {Header, Path} from "./types/Proofs.sol";
import {VaultWord, VaultWordLibrary} from "./types/VaultWord.sol";

/// @title The money (sections 3 and 9)
/// @notice Takes exact deposits, pays what final state roots let out, and nothing else. If deposits
/// are not credited or asks not served in time, their owner freezes the exchange, and it pays
/// everybody from its last state.
/// @dev INV-S1: the balance covers `totalAtoms`. INV-S6: `claimed` only grows, by what is paid.
contract Vault is IVault, ReentrancyGuardTransient {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    struct Account {
        AccountA a;
        AccountB b;
    }

    uint24 private constant _FEE_ACCOUNT = 0;
    uint24 private constant _FIRST_ACCOUNT = 2;
    uint56 private constant _OPENING_MIN = 10_000_000; // 10 tokens
    uint64 private constant _TOTAL_MAX = 1 << 61;
    uint8 private constant _ATOM_DECIMALS = 6;
    uint8 private constant _DECIMALS_MAX = 36; // 2^61 atoms still fit a uint256 by far

    address public immutable token;
    uint256 public immutable tokenUnitsPerAtom;
    address public immutable registry;
    address public immutable markets;
    address public immutable prices;
    uint256 private immutable _finalAfter; // W + 2A
    uint256 private immutable _freezeWindow; // F
    uint256 private immutable _noticePeriod; // D

    VaultWord private _state;
    mapping(uint24 account => Account) private _accounts;
    mapping(uint24 account => mapping(address key => KeyWord)) private _keys;

    modifier onlyAccountOwner(uint24 account) {
        _requireOwner(account);
        _;
    }

    /// Assumes: `registry_` is deployed already; the others need not be.
    constructor(
        address token_,
        address registry_,
        address markets_,
        address prices_,
        address feeOwner_
    ) {
        uint8 decimals = IERC20Metadata(token_).decimals();
        require(
            decimals >= _ATOM_DECIMALS && decimals <= _DECIMALS_MAX,
            DecimalsUnsupported(decimals, _ATOM_DECIMALS, _DECIMALS_MAX)
        );
        _requireUsable(feeOwner_);
        token = token_;
        tokenUnitsPerAtom = 10 ** (decimals - _ATOM_DECIMALS);
        registry = registry_;
        markets = markets_;
        prices = prices_;
        _finalAfter = IBatchRegistry(registry_).finalAfter();
        _freezeWindow = IBatchRegistry(registry_).freezeWindow();
        _noticePeriod = IBatchRegistry(registry_).noticePeriod();

        _state = VaultWordLibrary.make(0, _FIRST_ACCOUNT);
        _accounts[_FEE_ACCOUNT].a = AccountALibrary.make(feeOwner_, 0, 0);
        emit Opened(_FEE_ACCOUNT, feeOwner_);
    }

    // --- in

    /// @inheritdoc IVault
    function open(address owner, uint56 amount) external nonReentrant returns (uint24 account) {
        _requireUsable(owner);
        require(amount >= _OPENING_MIN, AmountTooSmall(amount, _OPENING_MIN));
        VaultWord state = _state;
        account = state.accountCount();
        require(account < type(uint24).max, TooManyAccounts(account));

        _state = _grow(state, amount).setAccountCount(account + 1);
        _accounts[account].a = AccountALibrary.make(owner, amount, uint40(block.timestamp));

        emit Opened(account, owner);
        emit Deposited(account, amount, amount);
        _pull(amount);
    }

    /// @inheritdoc IVault
    function deposit(uint24 account, uint56 amount)
        external
        nonReentrant
        onlyAccountOwner(account)
    {
        require(amount != 0, AmountTooSmall(amount, 1));
        AccountA a = _accounts[account].a;
        uint256 deposited = uint256(a.deposited()) + amount;
        require(deposited <= type(uint56).max, DepositedTooLarge(deposited, type(uint56).max));

        _state = _grow(_state, amount);
        _accounts[account].a = a.setDeposited(uint56(deposited), uint40(block.timestamp));

        emit Deposited(account, uint56(deposited), amount);
        _pull(amount);
    }

    // --- what an owner demands

    /// @inheritdoc IVault
    function ask(uint24 account) external onlyAccountOwner(account) {
        AccountB b = _accounts[account].b;
        require(b.asks() < type(uint24).max, TooManyAsks(b.asks()));
        uint24 asks = b.asks() + 1;
        _accounts[account].b = b.setAsks(asks, uint40(block.timestamp));
        emit Asked(account, asks);
    }

    /// @inheritdoc IVault
    function setOrdersUntil(uint24 account, uint40 ordersUntil)
        external
        onlyAccountOwner(account)
    {
        AccountB b = _accounts[account].b;
        _requireNotice(ordersUntil);
        uint40 current = b.ordersUntil();
        require(current == 0 || ordersUntil < current, NotLower(ordersUntil, current));
        _accounts[account].b = b.setOrdersUntil(ordersUntil);
        emit OrdersUntilSet(account, ordersUntil);
    }

    /// @inheritdoc IVault
    function registerKey(uint24 account, address key, uint40 validUntil)
        external
        onlyAccountOwner(account)
    {
        // As a key the owner would outlive ordersUntil.
        require(key != address(0) && key != msg.sender, KeyUnusable(key));
        _requireNotice(validUntil);
        KeyWord word = _keys[account][key];
        require(word.isEmpty(), KeyTaken(key, word.validFrom(), word.validUntil()));
        uint40 validFrom = uint40(block.timestamp);
        _keys[account][key] = KeyWordLibrary.make(validFrom, validUntil);
        emit KeySet(account, key, validFrom, validUntil);
    }

    /// @inheritdoc IVault
    function revokeKey(uint24 account, address key, uint40 validUntil)
        external
        onlyAccountOwner(account)
    {
        KeyWord word = _keys[account][key];
        require(!word.isEmpty(), KeyUnknown(key));
        _requireNotice(validUntil);
        uint40 current = word.validUntil();
        require(validUntil < current, NotLower(validUntil, current));
        _keys[account][key] = KeyWordLibrary.make(word.validFrom(), validUntil);
        emit KeySet(account, key, word.validFrom(), validUntil);
    }

    // --- out

    /// @inheritdoc IVault
    function claim(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) external nonReentrant returns (uint64 paid) {
        return _claim(account, header, leaf, path, _ownerOf(account));
    }

    /// @inheritdoc IVault
    function claimTo(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path,
        address recipient
    ) external nonReentrant onlyAccountOwner(account) returns (uint64 paid) {
        require(
            recipient != address(0) && recipient != address(this), RecipientUnusable(recipient)
        );
        return _claim(account, header, leaf, path, recipient);
    }

    /// @inheritdoc IVault
    function freeze(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path,
        Header calldata successor
    ) external nonReentrant onlyAccountOwner(account) {
        require(!_state.frozen(), AlreadyFrozen());
        (BatchStatus status, uint40 committedAt) = IBatchRegistry(registry).statusOf(header);
        require(
            status == BatchStatus.Committed || status == BatchStatus.Final,
            HeaderNotCommitted(status)
        );
        LeafWord first = _requireLeaf(account, header.stateRoot, leaf, path);
        uint256 since = _waitingSince(account, first);
        _requireOverdue(since, header, status, committedAt, successor);

        _state = _state.setFrozen();

        emit Frozen(account, uint40(since));
        IBatchRegistry(registry).freeze();
    }

    // --- views

    /// @inheritdoc IVault
    function accountCount() external view returns (uint24) {
        return _state.accountCount();
    }

    /// @inheritdoc IVault
    function totalAtoms() external view returns (uint64) {
        return _state.total();
    }

    /// @inheritdoc IVault
    function ownerOf(uint24 account) external view returns (address) {
        return _accounts[account].a.owner();
    }

    /// @inheritdoc IVault
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
        )
    {
        (AccountA a, AccountB b) = (_accounts[account].a, _accounts[account].b);
        return (
            a.owner(),
            a.deposited(),
            a.depositedAt(),
            b.claimed(),
            b.ordersUntil(),
            b.asks(),
            b.askedAt()
        );
    }

    /// @inheritdoc IVault
    function keyOf(uint24 account, address key)
        external
        view
        returns (uint40 validFrom, uint40 validUntil)
    {
        KeyWord word = _keys[account][key];
        return (word.validFrom(), word.validUntil());
    }

    /// @inheritdoc IVault
    function claimable(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) external view returns (uint64) {
        _ownerOf(account);
        uint256 due = _due(account, header, leaf, path);
        return _less(due, _accounts[account].b.claimed()).toUint64();
    }

    // --- private: amounts

    /// Pays what is due and not paid yet. INV-S6: all that was ever paid is in `claimed`.
    function _claim(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path,
        address recipient
    ) private returns (uint64 paid) {
        uint256 due = _due(account, header, leaf, path);
        AccountB b = _accounts[account].b;
        uint256 amount = _less(due, b.claimed());
        if (amount == 0) return 0;
        VaultWord state = _state;
        uint64 total = state.total();
        require(amount <= total, TotalTooSmall(total, amount));

        paid = uint64(amount); // fits: it is at most the total
        uint64 claimed = due.toUint64();
        _state = state.setTotal(total - paid);
        _accounts[account].b = b.setClaimed(claimed);

        emit Claimed(account, recipient, paid, claimed);
        IERC20(token).safeTransfer(recipient, amount * tokenUnitsPerAtom);
    }

    /// All that an account may have taken out by this header, atoms. Of the frozen exchange's last
    /// state that is everything: what was let out, what is left at the worst, and what was never
    /// credited. It grows as expiries settle.
    function _due(
        uint24 account,
        Header calldata header,
        bytes32[] calldata leaf,
        Path calldata path
    ) private view returns (uint256) {
        (BatchStatus status,) = IBatchRegistry(registry).statusOf(header);
        require(status == BatchStatus.Final, HeaderNotFinal(status));
        LeafWord first = _requireLeaf(account, header.stateRoot, leaf, path);
        int256 due = int256(uint256(first.exited()));
        if (_state.frozen() && _isHead(header)) {
            int256 worst = Margin.worst(
                leaf,
                IMarkets(markets),
                ISettlementPrices(prices),
                block.timestamp + 1 // of this block too
            );
            due += worst > 0 ? worst : int256(0);
            due += int256(uint256(_accounts[account].a.deposited()));
            due -= int256(uint256(first.credited()));
        }
        return due > 0 ? uint256(due) : 0;
    }

    /// The state after taking in `amount`.
    function _grow(VaultWord state, uint56 amount) private pure returns (VaultWord) {
        uint256 total = uint256(state.total()) + amount;
        require(total <= _TOTAL_MAX, TotalTooLarge(total, _TOTAL_MAX));
        return state.setTotal(uint64(total));
    }

    /// Takes `amount` from the caller and makes sure that exactly so much has come.
    function _pull(uint56 amount) private {
        require(IBatchRegistry(registry).takesDeposits(), DepositsClosed());
        uint256 units = amount * tokenUnitsPerAtom;
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), units);
        uint256 received = _less(IERC20(token).balanceOf(address(this)), before);
        require(received == units, DepositNotExact(units, received));
    }

    /// `max(0, a - b)`.
    function _less(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }

    // --- private: the freeze

    /// Since when the leaf owes its owner something: an uncredited deposit or an unserved ask, of
    /// both the longer wait.
    function _waitingSince(uint24 account, LeafWord first) private view returns (uint256 since) {
        (AccountA a, AccountB b) = (_accounts[account].a, _accounts[account].b);
        since = type(uint256).max;
        if (first.credited() < a.deposited()) since = a.depositedAt();
        if (first.served() < b.asks() && b.askedAt() < since) since = b.askedAt();
        require(since != type(uint256).max, NothingOwed(first.credited(), first.served()));
    }

    /// Either the operator was given its time (T1) and the newest state still owes; or all patience
    /// is over (T2), whatever was reverted meanwhile, and the newest final state still owes. A
    /// newer header shields nobody: rule (i) takes any that was committed after T1, rule (ii) any
    /// that was the newest final one after T2.
    function _requireOverdue(
        uint256 since,
        Header calldata header,
        BatchStatus status,
        uint256 committedAt,
        Header calldata successor
    ) private view {
        (uint40 headId,,, uint40 lastRevertAt,,,) = IBatchRegistry(registry).head();
        bool isHead = header.info.id() == headId;
        bool isFinal = status == BatchStatus.Final;
        uint256 patience = (since > lastRevertAt ? since : lastRevertAt) + _freezeWindow;
        uint256 limit = since + 2 * (_freezeWindow + _finalAfter);

        bool first = isHead ? block.timestamp > patience : !isFinal && committedAt > patience;
        bool second = isFinal && block.timestamp > limit
            && (isHead || committedAt + _finalAfter > limit || _isPending(header, successor));
        require(first || second, NotOverdue(block.timestamp, patience, limit));
    }

    /// Whether `successor` is the batch after `header` and not final.
    function _isPending(Header calldata header, Header calldata successor)
        private
        view
        returns (bool)
    {
        if (successor.info.id() != uint256(header.info.id()) + 1) return false;
        // Both are in the ring and not reverted, so the one is built on the other.
        (BatchStatus status,) = IBatchRegistry(registry).statusOf(successor);
        return status == BatchStatus.Committed;
    }

    // --- private: guards

    function _isHead(Header calldata header) private view returns (bool) {
        (uint40 headId,,,,,,) = IBatchRegistry(registry).head();
        return header.info.id() == headId;
    }

    /// Word 0 of a leaf that stands in the tree at the account's index.
    function _requireLeaf(
        uint24 account,
        bytes32 stateRoot,
        bytes32[] calldata leaf,
        Path calldata path
    ) private pure returns (LeafWord first) {
        first = Leaf.check(leaf);
        bytes32 root = Merkle.rootFrom(Leaf.hash(leaf), account, Merkle.ACCOUNT_TREE_DEPTH, path);
        require(root == stateRoot, LeafNotInState(account, root, stateRoot));
    }

    function _ownerOf(uint24 account) private view returns (address owner) {
        owner = _accounts[account].a.owner();
        require(owner != address(0), AccountUnknown(account, _state.accountCount()));
    }

    function _requireOwner(uint24 account) private view {
        address owner = _accounts[account].a.owner();
        require(msg.sender == owner, NotAccountOwner(account, msg.sender, owner));
    }

    function _requireUsable(address owner) private view {
        require(owner != address(0) && owner != address(this), OwnerUnusable(owner));
    }

    function _requireNotice(uint40 until) private view {
        uint256 earliest = block.timestamp + _noticePeriod;
        require(until >= earliest, NoticeTooShort(until, earliest));
    }
}
