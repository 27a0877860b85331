// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Experiment `funding`: n holders pay or receive funding three times; then one of them trades.
///
/// Claim          One index says what a lot has paid; a holder remembers where the index stood.
/// Rule           EIP-2200: a changed slot is 5,000; n holders are n slots, an index is one.
/// Pays           From two holders on; it alone makes funding possible for thousands.
/// Does not pay   If everybody trades between two fundings.
/// Readability    A balance is no longer what storage says: readers must add what is pending.
interface IFunding {
    /// Each lot pays `rate`.
    function fund(int256 rate) external;
    function trade(uint256 holder, int256 lots) external;
    function accountOf(uint256 holder) external view returns (int256 lots, int256 balance);
}

/// Every holder is written at every funding.
contract FundingByHolder is IFunding {
    struct Holder {
        int256 lots;
        int256 balance;
    }

    Holder[] private _holders;

    constructor(int256[] memory lots, int256 balance) {
        for (uint256 i; i < lots.length; ++i) {
            _holders.push(Holder(lots[i], balance));
        }
    }

    function fund(int256 rate) external {
        for (uint256 i; i < _holders.length; ++i) {
            _holders[i].balance -= _holders[i].lots * rate;
        }
    }

    function trade(uint256 holder, int256 lots) external {
        _holders[holder].lots += lots;
    }

    function accountOf(uint256 holder) external view returns (int256 lots, int256 balance) {
        return (_holders[holder].lots, _holders[holder].balance);
    }
}

/// The same, with a holder in one word.
contract FundingByWord is IFunding {
    struct Holder {
        int64 lots;
        int192 balance;
    }

    Holder[] private _holders;

    constructor(int256[] memory lots, int256 balance) {
        for (uint256 i; i < lots.length; ++i) {
            _holders.push(Holder(int64(lots[i]), int192(balance)));
        }
    }

    function fund(int256 rate) external {
        for (uint256 i; i < _holders.length; ++i) {
            Holder memory holder = _holders[i];
            holder.balance -= int192(holder.lots * rate);
            _holders[i] = holder;
        }
    }

    function trade(uint256 holder, int256 lots) external {
        _holders[holder].lots += int64(lots);
    }

    function accountOf(uint256 holder) external view returns (int256 lots, int256 balance) {
        return (_holders[holder].lots, _holders[holder].balance);
    }
}

/// An index of what a lot has paid so far; a holder remembers where it stood.
contract FundingByIndex is IFunding {
    struct Holder {
        int64 lots;
        int64 index;
        int128 balance;
    }

    int64 private _index;
    Holder[] private _holders;

    constructor(int256[] memory lots, int256 balance) {
        for (uint256 i; i < lots.length; ++i) {
            _holders.push(Holder(int64(lots[i]), 0, int128(balance)));
        }
    }

    function fund(int256 rate) external {
        _index += int64(rate);
    }

    function trade(uint256 holder, int256 lots) external {
        Holder memory settled = _settled(holder, _index);
        settled.lots += int64(lots);
        _holders[holder] = settled;
    }

    /// Brings every holder up to date: what the index saves if nobody stays away.
    function settleAll() external {
        int64 index = _index;
        for (uint256 i; i < _holders.length; ++i) {
            _holders[i] = _settled(i, index);
        }
    }

    function accountOf(uint256 holder) external view returns (int256 lots, int256 balance) {
        Holder memory settled = _settled(holder, _index);
        return (settled.lots, settled.balance);
    }

    function _settled(uint256 place, int64 index) private view returns (Holder memory holder) {
        holder = _holders[place];
        holder.balance -= int128(holder.lots) * (index - holder.index);
        holder.index = index;
    }
}
