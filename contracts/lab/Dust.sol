// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Dust: balances that go to zero, or to one
///
/// Claim          An account that empties and fills again is cheaper if its slot is never zero.
/// Rule           EIP-2200: zero to non-zero 20,000, a change 2,900; clearing refunds 4,800.
/// Pays           Balances, allowances, locks that go to zero and come back.
/// Does not pay   Accounts that leave for good: the slot stays, and the refund is not taken.
/// Readability    What is stored is one more than what is meant; a value type should hide it.
interface IBalances {
    error TooLittle(uint256 found, uint256 asked);

    function deposit(uint256 amount) external;

    function withdraw(uint256 amount) external;

    function balanceOf(address account) external view returns (uint256);
}

/// The balance itself: emptied, its slot is cleared.
contract Exact is IBalances {
    mapping(address account => uint256) public balanceOf;

    function deposit(uint256 amount) external {
        balanceOf[msg.sender] += amount;
    }

    function withdraw(uint256 amount) external {
        uint256 found = balanceOf[msg.sender];
        require(found >= amount, TooLittle(found, amount));
        balanceOf[msg.sender] = found - amount;
    }
}

/// One more than the balance, from the first deposit on.
contract OffByOne is IBalances {
    mapping(address account => uint256) private _words;

    function deposit(uint256 amount) external {
        uint256 word = _words[msg.sender];
        _words[msg.sender] = (word == 0 ? 1 : word) + amount;
    }

    function withdraw(uint256 amount) external {
        uint256 found = balanceOf(msg.sender);
        require(found >= amount, TooLittle(found, amount));
        _words[msg.sender] = found - amount + 1;
    }

    function balanceOf(address account) public view returns (uint256) {
        uint256 word = _words[account];
        return word == 0 ? 0 : word - 1;
    }
}
