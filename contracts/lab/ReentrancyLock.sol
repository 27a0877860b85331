// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @title Reentrancy lock: where the bit lives
///
/// Claim          A lock costs next to nothing if its bit is transient, or in a word that is
///                written anyway.
/// Rule           EIP-2200 and EIP-3529: false, true, false creates and clears a slot, and what
///                that refunds is capped at a fifth of the transaction; EIP-1153: 100 to set, 100
///                to read, nothing to clean up. The draft of EIP-8037 takes no state gas for a slot
///                that is zero again in the end: there a bool costs little more than 1 and 2.
/// Pays           Always: the transient lock is as short as the others.
/// Does not pay   A compiler or a chain before Cancun (then a bit in the hot word).
/// Readability    The modifier is the same; a bit in the hot word must survive each write of it.
interface IDesk {
    error Locked();

    /// Adds to the caller's balance and calls it back.
    function deposit(uint96 amount) external;

    function balance(address account) external view returns (uint256);
}

interface ICustomer {
    function paid(uint96 amount) external;
}

/// Calls a desk n times and, if told to, tries to come in again from the callback.
contract Customer is ICustomer {
    bool private _isGreedy;

    function run(IDesk desk, uint256 n, bool isGreedy) external {
        if (isGreedy) _isGreedy = true;
        for (uint256 i = 0; i < n; ++i) desk.deposit(uint96(i + 1));
    }

    function paid(uint96 amount) external {
        if (_isGreedy && amount < 8) IDesk(msg.sender).deposit(amount + 1);
    }
}

/// No lock at all.
contract NoLock is IDesk {
    mapping(address account => uint256) public balance;

    function deposit(uint96 amount) external {
        balance[msg.sender] += amount;
        ICustomer(msg.sender).paid(amount);
    }
}

/// A bool: the slot is created and cleared by every call.
contract BoolLock is IDesk {
    mapping(address account => uint256) public balance;
    bool private _isLocked;

    function deposit(uint96 amount) external {
        require(!_isLocked, Locked());
        _isLocked = true;
        balance[msg.sender] += amount;
        ICustomer(msg.sender).paid(amount);
        _isLocked = false;
    }
}

/// OpenZeppelin's guard: 1 and 2, so the slot is never zero.
contract OneTwoLock is IDesk, ReentrancyGuard {
    mapping(address account => uint256) public balance;

    function deposit(uint96 amount) external nonReentrant {
        balance[msg.sender] += amount;
        ICustomer(msg.sender).paid(amount);
    }
}

/// The top bit of the word that holds the balance: it is read and written anyway.
/// The lock is the account's; what one account's call may disturb is its own word.
contract HotWordLock is IDesk {
    uint256 private constant _LOCK = 1 << 255;

    mapping(address account => uint256) private _words;

    function deposit(uint96 amount) external {
        uint256 word = _words[msg.sender];
        require(word & _LOCK == 0, Locked());
        _words[msg.sender] = (word + amount) | _LOCK;
        ICustomer(msg.sender).paid(amount);
        _words[msg.sender] = word + amount;
    }

    function balance(address account) external view returns (uint256) {
        return _words[account] & ~_LOCK;
    }
}

/// OpenZeppelin's transient guard.
contract TransientLock is IDesk, ReentrancyGuardTransient {
    mapping(address account => uint256) public balance;

    function deposit(uint96 amount) external nonReentrant {
        balance[msg.sender] += amount;
        ICustomer(msg.sender).paid(amount);
    }
}
