// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Experiment `margin`: an account with n futures on one index trades one of them and withdraws;
/// both need its margin at the index of the moment.
///
/// Claim          Equity and requirement are linear in the index, so three sums replace the walk.
/// Rule           EIP-2929: each position is 2,100 a slot to read, cold in every transaction.
/// Pays           From a few positions on; most of all for checks without a trade.
/// Does not pay   For options: their payoffs are not linear, and no sum stands for them.
/// Readability    An invariant, that the sums are what the walk would find, and a test of it.
interface IDynamicMargin {
    event Margin(int256 equity, uint256 requirement);

    error MarginTooLow(int256 equity, uint256 requirement);

    function setIndex(uint256 index) external;
    function trade(uint256 place, int256 lots, uint256 price) external;
    function withdraw(uint256 amount) external;
    function positionAt(uint256 place) external view returns (int256 lots, int256 cost);
}

abstract contract DynamicMargin is IDynamicMargin {
    uint256 private constant _RATE = 5; // percent of notional

    uint256 internal _index;
    int256 internal _cash;

    function setIndex(uint256 index) external {
        _index = index;
    }

    function trade(uint256 place, int256 lots, uint256 price) external {
        _change(place, lots, lots * int256(price));
        _require();
    }

    function withdraw(uint256 amount) external {
        _cash -= int256(amount);
        _require();
    }

    function _change(uint256 place, int256 lots, int256 cost) internal virtual;

    /// Sum of lots, of their magnitudes, and of what was paid for them.
    function _sums() internal view virtual returns (int256 net, uint256 gross, int256 cost);

    function _require() private {
        (int256 net, uint256 gross, int256 cost) = _sums();
        uint256 index = _index;
        int256 equity = _cash + net * int256(index) - cost;
        uint256 requirement = gross * index * _RATE / 100;
        require(equity >= int256(requirement), MarginTooLow(equity, requirement));
        emit Margin(equity, requirement);
    }

    function _magnitude(int256 lots) internal pure returns (uint256) {
        return uint256(lots < 0 ? -lots : lots);
    }
}

/// Two slots for a position; the margin walks over all.
contract MarginByStructs is DynamicMargin {
    struct Position {
        int256 lots;
        int256 cost;
    }

    Position[] private _positions;

    constructor(int256[] memory lots, uint256 price, int256 cash) {
        _cash = cash;
        _index = price;
        for (uint256 i; i < lots.length; ++i) {
            _positions.push(Position(lots[i], lots[i] * int256(price)));
        }
    }

    function positionAt(uint256 place) external view returns (int256 lots, int256 cost) {
        return (_positions[place].lots, _positions[place].cost);
    }

    function _change(uint256 place, int256 lots, int256 cost) internal override {
        _positions[place].lots += lots;
        _positions[place].cost += cost;
    }

    function _sums() internal view override returns (int256 net, uint256 gross, int256 cost) {
        for (uint256 i; i < _positions.length; ++i) {
            net += _positions[i].lots;
            gross += _magnitude(_positions[i].lots);
            cost += _positions[i].cost;
        }
    }
}

abstract contract MarginPacked is DynamicMargin {
    struct Position {
        int64 lots;
        int192 cost;
    }

    Position[] internal _positions;

    constructor(int256[] memory lots, uint256 price, int256 cash) {
        _cash = cash;
        _index = price;
        for (uint256 i; i < lots.length; ++i) {
            _positions.push(Position(int64(lots[i]), int192(lots[i] * int256(price))));
        }
    }

    function positionAt(uint256 place) external view returns (int256 lots, int256 cost) {
        return (_positions[place].lots, _positions[place].cost);
    }
}

/// One slot for a position; the margin still walks over all.
contract MarginByWords is MarginPacked {
    constructor(int256[] memory lots, uint256 price, int256 cash)
        MarginPacked(lots, price, cash)
    {}

    function _change(uint256 place, int256 lots, int256 cost) internal override {
        Position memory position = _positions[place];
        _positions[place] =
            Position(int64(position.lots + lots), int192(position.cost + cost));
    }

    function _sums() internal view override returns (int256 net, uint256 gross, int256 cost) {
        for (uint256 i; i < _positions.length; ++i) {
            Position memory position = _positions[i];
            net += position.lots;
            gross += _magnitude(position.lots);
            cost += position.cost;
        }
    }
}

/// One slot for a position and one for the sums, which each trade keeps up to date.
contract MarginBySums is MarginPacked {
    struct Sums {
        int64 net;
        uint64 gross;
        int128 cost;
    }

    Sums private _kept;

    constructor(int256[] memory lots, uint256 price, int256 cash)
        MarginPacked(lots, price, cash)
    {
        (int256 net, uint256 gross) = (int256(0), uint256(0));
        for (uint256 i; i < lots.length; ++i) {
            net += lots[i];
            gross += _magnitude(lots[i]);
        }
        _kept = Sums(int64(net), uint64(gross), int128(net * int256(price)));
    }

    function _change(uint256 place, int256 lots, int256 cost) internal override {
        Position memory position = _positions[place];
        int256 changed = position.lots + lots;
        _positions[place] = Position(int64(changed), int192(position.cost + cost));
        Sums memory kept = _kept;
        uint256 gross = kept.gross - _magnitude(position.lots) + _magnitude(changed);
        _kept = Sums(int64(kept.net + lots), uint64(gross), int128(kept.cost + cost));
    }

    function _sums() internal view override returns (int256, uint256, int256) {
        Sums memory kept = _kept;
        return (kept.net, kept.gross, kept.cost);
    }
}
