// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Fee lanes: one accumulator of fees, or many that are swept later
///
/// Claim          Fees can be collected without a slot that every trade writes.
/// Rule           As for sharding: no common slot, no conflict. A sweep reads and resets each lane
///                once, 5,000 each, whatever went through it.
/// Pays           Blocks executed in parallel; many trades between sweeps.
/// Does not pay   One trade per lane and sweep: the sweep is then as dear as the trade's own write.
/// Readability    A sweep that someone must call, and a balance that is a sum until then.
interface IFees {
    /// Books the trade's notional for the account and collects a fee of 1/1000.
    function trade(uint256 account, uint256 market, uint128 notional) external;

    /// Moves what was collected to the treasury. The lanes are 0 to `lanes - 1`.
    function sweep(uint256 lanes) external;

    function treasury() external view returns (uint256);

    function booked(uint256 account) external view returns (uint256);
}

abstract contract Fees is IFees {
    uint256 public treasury = 1;
    mapping(uint256 account => uint256) public booked;
    /// Kept one above what is owed, so that a lane is never created anew.
    mapping(uint256 lane => uint256) private _lanes;

    function trade(uint256 account, uint256 market, uint128 notional) external {
        booked[account] += notional;
        uint256 collected = _lanes[_laneOf(account, market)];
        _lanes[_laneOf(account, market)] = (collected == 0 ? 1 : collected) + notional / 1000;
    }

    function sweep(uint256 lanes) external {
        uint256 sum;
        for (uint256 i = 0; i < lanes; ++i) {
            uint256 collected = _lanes[i];
            if (collected > 1) {
                sum += collected - 1;
                _lanes[i] = 1;
            }
        }
        treasury += sum;
    }

    function _laneOf(uint256 account, uint256 market) internal pure virtual returns (uint256);
}

/// One accumulator: every trade waits for the one before.
contract SingleLane is Fees {
    function _laneOf(uint256, uint256) internal pure override returns (uint256) {
        return 0;
    }
}

/// An accumulator per market: trades in one market wait for each other.
contract LanePerMarket is Fees {
    function _laneOf(uint256, uint256 market) internal pure override returns (uint256) {
        return market;
    }
}

/// Sixteen accumulators, chosen by the account: a hot market is no queue either.
contract LanePerAccount is Fees {
    function _laneOf(uint256 account, uint256) internal pure override returns (uint256) {
        return account % 16;
    }
}
