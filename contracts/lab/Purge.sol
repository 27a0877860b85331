// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Purge: what becomes of records that are done
///
/// Claim          A record that nobody needs can be marked, cleared, overwritten or left behind.
/// Rule           EIP-3529: clearing refunds 4,800 a slot, all refunds at most a fifth of the
///                transaction; EIP-2200: a slot that stays non-zero is changed for 2,900.
/// Pays           Clearing gives state back, and gas if the transaction is dear enough for its
///                refund; the epoch purges everything at the price of one slot.
/// Does not pay   Clearing what the next round writes again: it is created anew, at 20,000 a slot.
/// Readability    A mark or a sentinel is a state of its own that every reader must know.
interface ITickets {
    error NotOpen(uint256 id);

    /// Opens the tickets 0 to n - 1 of the next round, once all of the last one are closed.
    function open(uint256 n, uint128 stake) external;

    /// Closes the tickets 0 to n - 1 of this round.
    function close(uint256 n) external;

    function isOpen(uint256 id) external view returns (bool);

    function stakeOf(uint256 id) external view returns (uint256);
}

/// A mark in the record; the next round has records of its own. All are kept for good.
contract Keep is ITickets {
    struct Ticket {
        uint128 stake;
        bool isClosed;
    }

    uint256 private _round;
    mapping(uint256 round => mapping(uint256 id => Ticket)) private _tickets;

    function open(uint256 n, uint128 stake) external {
        uint256 round = ++_round;
        for (uint256 i = 0; i < n; ++i) _tickets[round][i].stake = stake;
    }

    function close(uint256 n) external {
        uint256 round = _round;
        for (uint256 i = 0; i < n; ++i) {
            require(isOpen(i), NotOpen(i));
            _tickets[round][i].isClosed = true;
        }
    }

    function isOpen(uint256 id) public view returns (bool) {
        Ticket storage ticket = _tickets[_round][id];
        return ticket.stake != 0 && !ticket.isClosed;
    }

    function stakeOf(uint256 id) external view returns (uint256) {
        return isOpen(id) ? _tickets[_round][id].stake : 0;
    }
}

/// The record is cleared, and created again by the next round.
contract Delete is ITickets {
    mapping(uint256 id => uint256) public stakeOf;

    function open(uint256 n, uint128 stake) external {
        for (uint256 i = 0; i < n; ++i) stakeOf[i] = stake;
    }

    function close(uint256 n) external {
        for (uint256 i = 0; i < n; ++i) {
            require(isOpen(i), NotOpen(i));
            delete stakeOf[i];
        }
    }

    function isOpen(uint256 id) public view returns (bool) {
        return stakeOf[id] != 0;
    }
}

/// The record is overwritten with 1, which is no stake; the next round overwrites that.
contract Sentinel is ITickets {
    uint256 private constant _CLOSED = 1;

    mapping(uint256 id => uint256) private _stakes; // two times the stake, or _CLOSED

    function open(uint256 n, uint128 stake) external {
        for (uint256 i = 0; i < n; ++i) _stakes[i] = uint256(stake) << 1;
    }

    function close(uint256 n) external {
        for (uint256 i = 0; i < n; ++i) {
            require(isOpen(i), NotOpen(i));
            _stakes[i] = _CLOSED;
        }
    }

    function isOpen(uint256 id) public view returns (bool) {
        return _stakes[id] > _CLOSED;
    }

    function stakeOf(uint256 id) external view returns (uint256) {
        return _stakes[id] >> 1;
    }
}

/// A record says of which round it is. To close a whole round is to count the round on; its records
/// stay as they are until the next one overwrites them.
contract Epoch is ITickets {
    struct Ticket {
        uint128 stake;
        uint128 round;
    }

    uint128 private _round = 1;
    uint128 private _size;
    mapping(uint256 id => Ticket) private _tickets;

    function open(uint256 n, uint128 stake) external {
        uint128 round = _round;
        for (uint256 i = 0; i < n; ++i) _tickets[i] = Ticket(stake, round);
        _size = uint128(n);
    }

    /// Only all of them at once.
    function close(uint256 n) external {
        require(n == _size, NotOpen(n));
        (_round, _size) = (_round + 1, 0);
    }

    function isOpen(uint256 id) public view returns (bool) {
        return _tickets[id].round == _round && _tickets[id].stake != 0;
    }

    function stakeOf(uint256 id) external view returns (uint256) {
        return isOpen(id) ? _tickets[id].stake : 0;
    }
}
