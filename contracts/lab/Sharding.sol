// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Sharding: counters that all transactions share, or that few share
///
/// Claim          Transactions that write no common slot can run side by side; a global counter
///                makes every block a queue.
/// Rule           A transaction waits for each earlier one that wrote what it reads or writes, as
///                in any optimistic scheduler (Block-STM); sums are derived when they are read.
/// Pays           Chains that execute in parallel; and everywhere, since each shared slot that is
///                dropped is 5,000 gas less.
/// Does not pay   The sum is needed on chain by each transaction (a cap on open interest).
/// Readability    Totals become sums over shards, for views and indexers.
interface ITape {
    /// Records a trade of an account in a market.
    function trade(uint256 account, uint256 market, uint128 volume) external;

    /// Trades and volume of all markets below `markets` and accounts below `accounts`.
    function totals(uint256 accounts, uint256 markets) external view returns (uint256, uint256);

    function volumeOfMarket(uint256 market, uint256 accounts) external view returns (uint256);

    function volumeOfAccount(uint256 account, uint256 markets) external view returns (uint256);
}

struct Tally {
    uint128 trades;
    uint128 volume;
}

function bump(Tally storage tally, uint128 volume) {
    (tally.trades, tally.volume) = (tally.trades + 1, tally.volume + volume);
}

/// A global tally, one per market and one per account: every trade writes the first.
contract GlobalCounters is ITape {
    Tally private _all;
    mapping(uint256 market => Tally) private _markets;
    mapping(uint256 account => Tally) private _accounts;

    function trade(uint256 account, uint256 market, uint128 volume) external {
        bump(_all, volume);
        bump(_markets[market], volume);
        bump(_accounts[account], volume);
    }

    function totals(uint256, uint256) external view returns (uint256, uint256) {
        return (_all.trades, _all.volume);
    }

    function volumeOfMarket(uint256 market, uint256) external view returns (uint256) {
        return _markets[market].volume;
    }

    function volumeOfAccount(uint256 account, uint256) external view returns (uint256) {
        return _accounts[account].volume;
    }
}

/// A tally per market and per account; the global one is their sum.
contract PerMarket is ITape {
    mapping(uint256 market => Tally) private _markets;
    mapping(uint256 account => Tally) private _accounts;

    function trade(uint256 account, uint256 market, uint128 volume) external {
        bump(_markets[market], volume);
        bump(_accounts[account], volume);
    }

    function totals(uint256, uint256 markets)
        external
        view
        returns (uint256 trades, uint256 volume)
    {
        for (uint256 i = 0; i < markets; ++i) {
            trades += _markets[i].trades;
            volume += _markets[i].volume;
        }
    }

    function volumeOfMarket(uint256 market, uint256) external view returns (uint256) {
        return _markets[market].volume;
    }

    function volumeOfAccount(uint256 account, uint256) external view returns (uint256) {
        return _accounts[account].volume;
    }
}

/// A tally per account and market: two accounts never meet.
contract PerAccount is ITape {
    mapping(uint256 account => mapping(uint256 market => Tally)) private _tallies;

    function trade(uint256 account, uint256 market, uint128 volume) external {
        bump(_tallies[account][market], volume);
    }

    function totals(uint256 accounts, uint256 markets)
        external
        view
        returns (uint256 trades, uint256 volume)
    {
        for (uint256 i = 0; i < accounts; ++i) {
            for (uint256 j = 0; j < markets; ++j) {
                trades += _tallies[i][j].trades;
                volume += _tallies[i][j].volume;
            }
        }
    }

    function volumeOfMarket(uint256 market, uint256 accounts) external view returns (uint256 sum) {
        for (uint256 i = 0; i < accounts; ++i) sum += _tallies[i][market].volume;
    }

    function volumeOfAccount(uint256 account, uint256 markets) external view returns (uint256 sum) {
        for (uint256 i = 0; i < markets; ++i) sum += _tallies[account][i].volume;
    }
}
