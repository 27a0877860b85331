// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// Experiment `settlement`: n payments among few traders.
///
/// Claim          Balances inside replace calls to the token; netting writes each trader once.
/// Rule           EIP-2200: a slot's first change is 5,000, each further one in the transaction
///                100.
/// Pays           Balances inside at once; netting when payments outnumber traders twice.
/// Does not pay   For one payment: the list of traders is calldata for nothing.
/// Readability    The exchange holds everyone's tokens: deposits, withdrawals and an invariant.
struct Payment {
    address payer;
    address payee;
    uint256 amount;
}

error TransferRefused(address payer, address payee, uint256 amount);

contract SettlementToken is ERC20 {
    constructor(address[] memory holders, uint256 amount) ERC20("Token", "TKN") {
        for (uint256 i; i < holders.length; ++i) {
            _mint(holders[i], amount);
        }
    }
}

/// A transfer of tokens for each payment.
contract SettlementByTransfers {
    ERC20 public immutable token;

    constructor(ERC20 token_) {
        token = token_;
    }

    function settle(Payment[] calldata payments) external {
        for (uint256 i; i < payments.length; ++i) {
            Payment calldata payment = payments[i];
            bool moved = token.transferFrom(payment.payer, payment.payee, payment.amount);
            require(moved, TransferRefused(payment.payer, payment.payee, payment.amount));
        }
    }

    function balanceOf(address trader) external view returns (uint256) {
        return token.balanceOf(trader);
    }
}

abstract contract SettlementInside {
    ERC20 public immutable token;
    mapping(address trader => uint256) public balanceOf;

    error BalanceTooLow(address trader, uint256 balance, uint256 needed);

    constructor(ERC20 token_) {
        token = token_;
    }

    function deposit(uint256 amount) external {
        balanceOf[msg.sender] += amount;
        bool moved = token.transferFrom(msg.sender, address(this), amount);
        require(moved, TransferRefused(msg.sender, address(this), amount));
    }

    function _take(address trader, uint256 amount) internal {
        uint256 balance = balanceOf[trader];
        require(balance >= amount, BalanceTooLow(trader, balance, amount));
        balanceOf[trader] = balance - amount;
    }

    function _apply(address trader, int256 net) internal {
        if (net < 0) _take(trader, uint256(-net));
        else balanceOf[trader] += uint256(net);
    }
}

/// Balances of the exchange's own, changed payment by payment.
contract SettlementByBalances is SettlementInside {
    constructor(ERC20 token_) SettlementInside(token_) {}

    function settle(Payment[] calldata payments) external {
        for (uint256 i; i < payments.length; ++i) {
            _take(payments[i].payer, payments[i].amount);
            balanceOf[payments[i].payee] += payments[i].amount;
        }
    }
}

/// Payments name traders by their place in a list; nets are summed in memory and written once.
contract SettlementByNetting is SettlementInside {
    struct Indexed {
        uint256 payer;
        uint256 payee;
        uint256 amount;
    }

    constructor(ERC20 token_) SettlementInside(token_) {}

    function settle(address[] calldata traders, Indexed[] calldata payments) external {
        int256[] memory nets = new int256[](traders.length);
        for (uint256 i; i < payments.length; ++i) {
            nets[payments[i].payer] -= int256(payments[i].amount);
            nets[payments[i].payee] += int256(payments[i].amount);
        }
        for (uint256 i; i < nets.length; ++i) {
            if (nets[i] != 0) _apply(traders[i], nets[i]);
        }
    }
}

/// The nets come from outside; the chain sees that they sum to zero, not what they are made of.
contract SettlementOfNets is SettlementInside {
    error NotBalanced(int256 sum);

    constructor(ERC20 token_) SettlementInside(token_) {}

    function settle(address[] calldata traders, int256[] calldata nets) external {
        int256 sum;
        for (uint256 i; i < traders.length; ++i) {
            sum += nets[i];
            _apply(traders[i], nets[i]);
        }
        require(sum == 0, NotBalanced(sum));
    }
}
