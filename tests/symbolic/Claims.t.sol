// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Vault} from "../../contracts/Vault.sol";
import {BatchStatus} from "../../contracts/interfaces/IBatchRegistry.sol";
import {AccountA, AccountB} from "../../contracts/types/AccountWords.sol";
import {HeaderInfoLibrary} from "../../contracts/types/HeaderInfo.sol";
import {LeafWord} from "../../contracts/types/LeafWord.sol";
import {Header, Path} from "../../contracts/types/Proofs.sol";
import {VaultWord} from "../../contracts/types/VaultWord.sol";
import {CHEATS} from "./Cheats.sol";

/// Every header that is asked about is final; the head is the one that the test names.
contract FinalRegistry {
    uint40 public constant finalAfter = 5 days;
    uint40 public constant freezeWindow = 3 days;
    uint40 public constant noticePeriod = 2 hours;
    uint40 private _headId;

    function setHead(uint40 id) external {
        _headId = id;
    }

    function statusOf(Header calldata) external pure returns (BatchStatus, uint40) {
        return (BatchStatus.Final, 1);
    }

    function head() external view returns (uint40, uint40, uint40, uint40, uint16, bool, bool) {
        return (_headId, 0, _headId, 0, 0, false, false);
    }

    function takesDeposits() external pure returns (bool) {
        return true;
    }
}

/// Counts what it moves.
contract CountingToken {
    uint8 public constant decimals = 8;
    mapping(address => uint256) public balanceOf;
    uint256 public paid;

    function transfer(address to, uint256 amount) external returns (bool) {
        balanceOf[to] += amount;
        paid += amount;
        return true;
    }

    function transferFrom(address, address to, uint256 amount) external returns (bool) {
        balanceOf[to] += amount;
        return true;
    }
}

/// Claims and deposits at the Vault (section 9), from any state of its storage. INV-S6: `claimed`
/// only grows, by what is paid, and nothing is paid twice. INV-S1: the counted total falls by
/// exactly what is paid and grows by exactly what came.
/// The leaf has no positions and stands alone in its tree; the token takes and gives what it is told.
contract ClaimsTest {
    uint24 private constant _ACCOUNT = 5;
    uint40 private constant _ID = 9;
    uint256 private constant _UNITS = 100; // of the token to an atom

    Vault private _vault;
    FinalRegistry private _registry;
    CountingToken private _token;

    function setUp() public {
        CHEATS.warp(1_800_000_000);
        _registry = new FinalRegistry();
        _token = new CountingToken();
        _vault = new Vault(
            address(_token), address(_registry), address(1), address(2), address(0xfee)
        );
    }

    /// Once: as much as is due beyond what was paid. Again: nothing.
    function check_inv_s6_claim_pays_what_is_due_and_only_once(
        VaultWord state,
        AccountA a,
        AccountB b,
        bytes32 first,
        bytes32 slotsRoot,
        uint40 headId
    ) public {
        _registry.setHead(headId);
        _store(state, a, b);
        bytes32[] memory leaf = _leaf(first, slotsRoot);
        uint256 due = _due(state.frozen() && headId == _ID, a, LeafWord.wrap(leaf[0]));

        uint64 paid = _claim(leaf);

        assert(paid == (due > b.claimed() ? due - b.claimed() : 0));
        _requirePaid(state, a, b, paid);
        assert(_token.paid() == paid * _UNITS);
        assert(_claim(leaf) == 0);
        _requirePaid(state, a, b, paid);
        assert(_token.paid() == paid * _UNITS);
    }

    /// Two final headers, in whichever order: the larger is paid, not the sum.
    function check_inv_s6_two_headers_pay_the_larger(
        VaultWord state,
        AccountA a,
        AccountB b,
        bytes32 first,
        bytes32 second
    ) public {
        if (state.frozen()) return;
        _store(state, a, b);
        bytes32[] memory one = _leaf(first, 0);
        bytes32[] memory other = _leaf(second, 0);

        uint256 paid = uint256(_claim(one)) + _claim(other);

        uint256 most = b.claimed();
        if (LeafWord.wrap(one[0]).exited() > most) most = LeafWord.wrap(one[0]).exited();
        if (LeafWord.wrap(other[0]).exited() > most) most = LeafWord.wrap(other[0]).exited();
        assert(paid == most - b.claimed());
        _requirePaid(state, a, b, uint64(paid));
    }

    function check_inv_s1_deposit_counts_what_came(
        VaultWord state,
        AccountA a,
        AccountB b,
        uint56 amount
    ) public {
        _store(state, a, b);

        CHEATS.prank(a.owner());
        _vault.deposit(_ACCOUNT, amount);

        uint256 next = uint256(CHEATS.load(address(_vault), 0));
        uint256 total = uint256(state.total()) + amount;
        assert(VaultWord.wrap(next).total() == total && total <= 1 << 61 && amount != 0);
        assert(next << 64 == VaultWord.unwrap(state) << 64);
        AccountA after_ = AccountA.wrap(uint256(CHEATS.load(address(_vault), _slotOf(0))));
        assert(after_.owner() == a.owner() && after_.depositedAt() == block.timestamp);
        assert(after_.deposited() == uint256(a.deposited()) + amount);
        assert(uint256(CHEATS.load(address(_vault), _slotOf(1))) == AccountB.unwrap(b));
        assert(_token.balanceOf(address(_vault)) == uint256(amount) * _UNITS);
    }

    function _claim(bytes32[] memory leaf) private returns (uint64) {
        Header memory header;
        header.info = HeaderInfoLibrary.make(1, 1, 0, _ID, 1, 1);
        header.stateRoot = _root(leaf);
        return _vault.claim(_ACCOUNT, header, leaf, Path(0, new bytes32[](0)));
    }

    /// Section 9, in plain numbers.
    function _due(bool isLast, AccountA a, LeafWord leaf) private pure returns (uint256) {
        int256 due = int256(uint256(leaf.exited()));
        if (isLast) {
            if (leaf.cash() > 0) due += leaf.cash();
            due += int256(uint256(a.deposited())) - int256(uint256(leaf.credited()));
        }
        return due > 0 ? uint256(due) : 0;
    }

    /// What was paid left the total, stands in `claimed`, and nothing else changed.
    function _requirePaid(VaultWord state, AccountA a, AccountB b, uint64 paid) private view {
        uint256 next = uint256(CHEATS.load(address(_vault), 0));
        assert(uint256(next >> 192) + paid == state.total());
        assert(next << 64 == VaultWord.unwrap(state) << 64);
        assert(uint256(CHEATS.load(address(_vault), _slotOf(0))) == AccountA.unwrap(a));
        uint256 second = uint256(CHEATS.load(address(_vault), _slotOf(1)));
        assert(uint256(second >> 192) == uint256(b.claimed()) + paid);
        assert(second << 64 == AccountB.unwrap(b) << 64);
    }

    function _store(VaultWord state, AccountA a, AccountB b) private {
        CHEATS.store(address(_vault), 0, bytes32(VaultWord.unwrap(state)));
        CHEATS.store(address(_vault), _slotOf(0), bytes32(AccountA.unwrap(a)));
        CHEATS.store(address(_vault), _slotOf(1), bytes32(AccountB.unwrap(b)));
    }

    /// Slot of the account's first or second word.
    function _slotOf(uint256 word) private pure returns (bytes32) {
        return bytes32(uint256(keccak256(abi.encode(_ACCOUNT, uint256(1)))) + word);
    }

    /// A leaf without positions, rule and epoch zero.
    function _leaf(bytes32 first, bytes32 slotsRoot) private pure returns (bytes32[] memory leaf) {
        leaf = new bytes32[](2);
        leaf[0] = first >> 48 << 48;
        leaf[1] = slotsRoot;
    }

    /// Of the tree in which it stands alone.
    function _root(bytes32[] memory leaf) private pure returns (bytes32 root) {
        if (leaf[0] == 0 && leaf[1] == 0) return 0;
        root = keccak256(abi.encodePacked(bytes1(0), leaf[0], leaf[1]));
        for (uint256 level; level < 24; ++level) {
            root = _ACCOUNT >> level & 1 == 1
                ? keccak256(abi.encode(bytes32(0), root))
                : keccak256(abi.encode(root, bytes32(0)));
        }
    }
}
