// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// What a position's result follows from.
struct Entry {
    int64 lots;
    uint64 opened; // price
}

/// Experiment `optimistic`: the profit of n positions at one price becomes the day's result.
///
/// Claim          Whoever is honest pays for two writes; only a lie makes the chain compute.
/// Rule           Calldata and computation grow with n; a commitment does not.
/// Pays           With a bond and a window of days, from some dozens of positions on.
/// Does not pay   When the result is needed at once, or n is small: three transactions for one.
/// Readability    Three entry points, a clock and a bond in place of one loop.
event Settled(int256 profit);

error TooEarly(uint256 now_, uint256 opens);
error TooLate(uint256 now_, uint256 closed);
error InputMismatch(bytes32 found, bytes32 expected);
error NotFalse(int256 profit);
error NoProposal();
error AlreadySettled();
error AlreadyProposed(uint256 proposedAt);

library Profit {
    function profit(Entry[] calldata entries, uint256 price) internal pure returns (int256 sum) {
        for (uint256 i; i < entries.length; ++i) {
            sum += int256(entries[i].lots) * (int256(price) - int64(entries[i].opened));
        }
    }
}

/// Computed on chain.
contract ResultEager {
    int256 public result;
    bool public settled;

    function settle(Entry[] calldata entries, uint256 price) external {
        require(!settled, AlreadySettled());
        settled = true;
        result = Profit.profit(entries, price);
        emit Settled(result);
    }
}

/// Stated with a hash of what it follows from; computed only if someone objects.
contract ResultOptimistic {
    uint256 public constant WINDOW = 1 days;

    int256 public result;
    bool public settled;

    bytes32 private _inputs;
    int128 private _proposed;
    uint40 private _proposedAt;

    function propose(bytes32 inputs, int128 profit) external {
        require(_proposedAt == 0, AlreadyProposed(_proposedAt));
        _inputs = inputs;
        _proposed = profit;
        _proposedAt = uint40(block.timestamp);
    }

    /// Replaces a false result by the true one.
    function challenge(Entry[] calldata entries, uint256 price) external {
        uint256 closes = _proposedAt + WINDOW;
        require(block.timestamp < closes, TooLate(block.timestamp, closes));
        bytes32 inputs = keccak256(abi.encode(entries, price));
        require(inputs == _inputs, InputMismatch(inputs, _inputs));
        int256 profit = Profit.profit(entries, price);
        require(profit != _proposed, NotFalse(profit));
        _proposed = int128(profit);
    }

    function finalize() external {
        require(_proposedAt != 0, NoProposal());
        uint256 opens = _proposedAt + WINDOW;
        require(block.timestamp >= opens, TooEarly(block.timestamp, opens));
        require(!settled, AlreadySettled());
        settled = true;
        result = _proposed;
        emit Settled(result);
    }
}
