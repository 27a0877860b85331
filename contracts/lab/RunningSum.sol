// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Running sum: what nested calls accumulate before they settle
///
/// Claim          A sum that lives for one transaction belongs in transient storage.
/// Rule           EIP-1153: 100 to write, 100 to read, nothing left behind. A storage slot that
///                goes from zero back to zero costs 22,100 and refunds 19,900, but a transaction
///                gets back a fifth of its gas at most. A slot written before in the transaction
///                costs 100 to write too: what is saved is saved once, not with each leg.
/// Pays           Flash accounting, deltas between contracts, callbacks: several calls, one result.
/// Does not pay   One contract that can loop in memory: that is cheaper still. And where each leg
///                may write the result itself: dirty writes are as cheap.
/// Readability    Transient state outlives the call: whoever forgets to settle leaves it to the
///                next call of the transaction.
interface ILedger {
    event Leg(int256 amount);

    /// Books one leg, in a call of its own.
    function leg(int256 amount) external;

    /// Adds the net of all legs to the balance.
    function settle() external;

    function balance() external view returns (int256);
}

/// Whoever trades: calls the ledger for each leg, then settles.
contract Router {
    function run(ILedger ledger, int256[] calldata amounts) external {
        for (uint256 i = 0; i < amounts.length; ++i) ledger.leg(amounts[i]);
        ledger.settle();
    }

    /// For a ledger that takes all legs in one call.
    function runBatch(MemoryLedger ledger, int256[] calldata amounts) external {
        ledger.book(amounts);
    }
}

/// A slot that is zero between transactions.
contract StorageLedger is ILedger {
    int256 public balance;
    int256 private _net;

    function leg(int256 amount) external {
        emit Leg(amount);
        _net += amount;
    }

    function settle() external {
        balance += _net;
        _net = 0;
    }
}

/// Each leg to the balance itself, whose slot is never zero: dirty after the first. The balance is
/// seen on its way, and there is nothing left to settle.
contract DirectLedger is ILedger {
    int256 public balance;

    function leg(int256 amount) external {
        emit Leg(amount);
        balance += amount;
    }

    function settle() external {}
}

/// A transient slot.
contract TransientLedger is ILedger {
    int256 public balance;
    int256 private transient _net;

    function leg(int256 amount) external {
        emit Leg(amount);
        _net += amount;
    }

    function settle() external {
        balance += _net;
        _net = 0;
    }
}

/// One call with all legs: the sum stays on the stack.
contract MemoryLedger {
    event Leg(int256 amount);

    int256 public balance;

    function book(int256[] calldata amounts) external {
        int256 net;
        for (uint256 i = 0; i < amounts.length; ++i) {
            emit Leg(amounts[i]);
            net += amounts[i];
        }
        balance += net;
    }
}
