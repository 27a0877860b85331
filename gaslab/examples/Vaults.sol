// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Two vaults that behave alike: `python -m gaslab run gaslab/examples/vaults.toml`.
interface IVault {
    event Deposited(address indexed account, uint256 amount, uint256 nonce);

    error AmountOutOfRange(uint256 amount, uint256 allowed);

    function deposit(address account, uint256 amount) external returns (uint256 balance);

    function accountOf(address account)
        external
        view
        returns (uint256 balance, uint256 nonce, uint256 updated, bool active);
}

uint256 constant MOST = type(uint96).max;

/// Four words for each account, as one writes it first.
contract PlainVault is IVault {
    struct Account {
        uint256 balance;
        uint256 nonce;
        uint256 updated;
        bool active;
    }

    mapping(address => Account) private _accounts;

    function deposit(address account, uint256 amount) external returns (uint256 balance) {
        Account storage found = _accounts[account];
        balance = found.balance + amount;
        require(amount > 0 && balance <= MOST, AmountOutOfRange(amount, MOST - found.balance));
        found.balance = balance;
        found.nonce += 1;
        found.updated = block.timestamp;
        found.active = true;
        emit Deposited(account, amount, found.nonce);
    }

    function accountOf(address account)
        external
        view
        returns (uint256 balance, uint256 nonce, uint256 updated, bool active)
    {
        Account storage found = _accounts[account];
        return (found.balance, found.nonce, found.updated, found.active);
    }
}

/// The same in one word: narrower fields, written at once.
contract PackedVault is IVault {
    struct Account {
        uint96 balance;
        uint64 nonce;
        uint64 updated;
        bool active;
    }

    mapping(address => Account) private _accounts;

    function deposit(address account, uint256 amount) external returns (uint256 balance) {
        Account memory found = _accounts[account];
        balance = found.balance + amount;
        require(amount > 0 && balance <= MOST, AmountOutOfRange(amount, MOST - found.balance));
        _accounts[account] = Account(uint96(balance), found.nonce + 1, uint64(block.timestamp), true);
        emit Deposited(account, amount, found.nonce + 1);
    }

    function accountOf(address account)
        external
        view
        returns (uint256 balance, uint256 nonce, uint256 updated, bool active)
    {
        Account storage found = _accounts[account];
        return (found.balance, found.nonce, found.updated, found.active);
    }
}
