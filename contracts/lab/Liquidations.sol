// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Experiments `liquidations` (n accounts in one transaction) and `gas-cap` (as many as fit under
/// 2^24 gas, the most that one transaction may have from Osaka on).
///
/// Claim          What all share is read once, an account is one word, the keeper is paid once.
/// Rule           EIP-2929: a cold slot is 2,100, and warm ones are still 100 each time.
/// Pays           In a crash: the exchange that liquidates faster is the one that stays solvent.
/// Does not pay   If an account does not fit a word.
/// Readability    A packed struct and bounds on what its fields may hold.
interface ILiquidations {
    event Liquidated(uint256 indexed account, int256 cash);

    /// Closes each account that is below its margin; others are passed over.
    function liquidate(uint256[] calldata accounts) external returns (uint256 count);
    function open(uint256 first, uint256 count, int256 cash, int256 lots, uint256 price) external;
    function accountOf(uint256 account)
        external
        view
        returns (int256 cash, int256 lots, int256 cost);
    function rewards(address keeper) external view returns (uint256);
}

contract LiquidationOracle {
    uint256 public price;

    function set(uint256 price_) external {
        price = price_;
    }
}

abstract contract Liquidations is ILiquidations {
    uint256 internal constant FEE = 1000;
    uint256 internal constant PERCENT = 5; // of notional

    LiquidationOracle public immutable oracle;
    mapping(address keeper => uint256) public rewards;

    constructor(LiquidationOracle oracle_) {
        oracle = oracle_;
    }

    function _isBelow(int256 cash, int256 lots, int256 cost, uint256 price)
        internal
        pure
        returns (bool)
    {
        int256 notional = lots * int256(price);
        int256 requirement = (notional < 0 ? -notional : notional) * int256(PERCENT) / 100;
        return cash + notional - cost < requirement;
    }
}

/// A struct for each account; the oracle is called and the keeper paid for each.
contract LiquidationsByStruct is Liquidations {
    struct Account {
        int256 cash;
        int256 lots;
        int256 cost;
    }

    mapping(uint256 id => Account) public accountOf;

    constructor(LiquidationOracle oracle_) Liquidations(oracle_) {}

    function open(uint256 first, uint256 count, int256 cash, int256 lots, uint256 price) external {
        for (uint256 id = first; id < first + count; ++id) {
            accountOf[id] = Account(cash, lots, lots * int256(price));
        }
    }

    function liquidate(uint256[] calldata accounts) external returns (uint256 count) {
        for (uint256 i; i < accounts.length; ++i) {
            Account storage account = accountOf[accounts[i]];
            uint256 price = oracle.price();
            if (!_isBelow(account.cash, account.lots, account.cost, price)) continue;
            account.cash += account.lots * int256(price) - account.cost - int256(FEE);
            account.lots = 0;
            account.cost = 0;
            rewards[msg.sender] += FEE;
            emit Liquidated(accounts[i], account.cash);
            ++count;
        }
    }
}

/// A struct for each account, which is read once; the oracle is asked once.
contract LiquidationsCached is Liquidations {
    struct Account {
        int256 cash;
        int256 lots;
        int256 cost;
    }

    mapping(uint256 id => Account) public accountOf;

    constructor(LiquidationOracle oracle_) Liquidations(oracle_) {}

    function open(uint256 first, uint256 count, int256 cash, int256 lots, uint256 price) external {
        for (uint256 id = first; id < first + count; ++id) {
            accountOf[id] = Account(cash, lots, lots * int256(price));
        }
    }

    function liquidate(uint256[] calldata accounts) external returns (uint256 count) {
        uint256 price = oracle.price();
        for (uint256 i; i < accounts.length; ++i) {
            Account memory account = accountOf[accounts[i]];
            if (!_isBelow(account.cash, account.lots, account.cost, price)) continue;
            int256 cash = account.cash + account.lots * int256(price) - account.cost;
            accountOf[accounts[i]] = Account(cash - int256(FEE), 0, 0);
            emit Liquidated(accounts[i], cash - int256(FEE));
            ++count;
        }
        rewards[msg.sender] += count * FEE;
    }
}

/// An account in one word, ids in calldata of 4 bytes each.
contract LiquidationsByWord is Liquidations {
    struct Account {
        int80 cash;
        int64 lots;
        int112 cost;
    }

    mapping(uint256 id => Account) private _accounts;

    constructor(LiquidationOracle oracle_) Liquidations(oracle_) {}

    function open(uint256 first, uint256 count, int256 cash, int256 lots, uint256 price) external {
        for (uint256 id = first; id < first + count; ++id) {
            _accounts[id] = Account(int80(cash), int64(lots), int112(lots * int256(price)));
        }
    }

    function liquidate(uint256[] calldata accounts) external returns (uint256 count) {
        uint256 price = oracle.price();
        for (uint256 i; i < accounts.length; ++i) {
            count += _liquidate(accounts[i], price);
        }
        rewards[msg.sender] += count * FEE;
    }

    /// `ids` has 4 bytes for each account.
    function liquidatePacked(bytes calldata ids) external returns (uint256 count) {
        uint256 price = oracle.price();
        for (uint256 i; i < ids.length; i += 4) {
            count += _liquidate(uint32(bytes4(ids[i:i + 4])), price);
        }
        rewards[msg.sender] += count * FEE;
    }

    function accountOf(uint256 id) external view returns (int256, int256, int256) {
        return (_accounts[id].cash, _accounts[id].lots, _accounts[id].cost);
    }

    function _liquidate(uint256 id, uint256 price) private returns (uint256) {
        Account memory account = _accounts[id];
        if (!_isBelow(account.cash, account.lots, account.cost, price)) return 0;
        // An int80 and what an int64 of lots can make of a price of 112 bits.
        int256 cash = int256(account.cash) + int256(account.lots) * int256(price) - account.cost;
        cash -= int256(FEE);
        _accounts[id] = Account(int80(cash), 0, 0);
        emit Liquidated(id, cash);
        return 1;
    }
}
