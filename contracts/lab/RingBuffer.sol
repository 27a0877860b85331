// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Ring buffer: the last prices of a feed
///
/// Claim          A history that is bounded anyway costs one update per push, not one new slot.
/// Rule           EIP-2200, EIP-2929: zero to non-zero 20,000 + 2,100, a change 2,900 + 2,100.
/// Pays           Feeds, checkpoints, batch roots: whenever only the newest `WINDOW` are asked for.
/// Does not pay   Someone must still read old entries; or the ring never fills once.
/// Readability    An index modulo the window; packed, a shift and a mask more.
interface IPriceHistory {
    error OutsideWindow(uint256 back, uint256 allowed);

    function push(uint64 price) external;

    /// How many prices were ever pushed.
    function count() external view returns (uint256);

    /// The price pushed `back` pushes before the newest; the newest `WINDOW` are kept by all.
    function at(uint256 back) external view returns (uint64);
}

uint256 constant WINDOW = 12;

/// A slot and the array's length for each price. Nothing is ever given back.
contract GrowingArray is IPriceHistory {
    uint256[] private _prices;

    function push(uint64 price) external {
        _prices.push(price);
    }

    function count() external view returns (uint256) {
        return _prices.length;
    }

    function at(uint256 back) external view returns (uint64) {
        require(back < WINDOW && back < _prices.length, OutsideWindow(back, WINDOW));
        return uint64(_prices[_prices.length - 1 - back]);
    }
}

/// A slot of the ring and a cursor for each price.
contract Ring is IPriceHistory {
    uint256 public count;
    uint256[WINDOW] private _prices;

    function push(uint64 price) external {
        uint256 index = count;
        _prices[index % WINDOW] = price;
        count = index + 1;
    }

    function at(uint256 back) external view returns (uint64) {
        require(back < WINDOW && back < count, OutsideWindow(back, WINDOW));
        return uint64(_prices[(count - 1 - back) % WINDOW]);
    }
}

/// Four prices share a word of the ring; the cursor is a slot of its own.
contract PackedRing is IPriceHistory {
    uint256 public count;
    uint256[WINDOW / 4] private _words;

    function push(uint64 price) external {
        uint256 index = count;
        uint256 place = index % WINDOW;
        uint256 shift = 64 * (place % 4);
        uint256 word = _words[place / 4];
        uint256 others = word & ~(uint256(type(uint64).max) << shift);
        _words[place / 4] = others | uint256(price) << shift;
        count = index + 1;
    }

    function at(uint256 back) external view returns (uint64) {
        require(back < WINDOW && back < count, OutsideWindow(back, WINDOW));
        uint256 place = (count - 1 - back) % WINDOW;
        return uint64(_words[place / 4] >> (64 * (place % 4)));
    }
}

/// The cursor and the newest prices share one word, which goes to the ring whenever it is full:
///
///     | third:64 | second:64 | first:64 | count:64 |
///     ^ 255                              63        0
///
/// So two pushes of three touch a single slot.
contract HeadRing is IPriceHistory {
    uint256 private _head;
    uint256[WINDOW / 3] private _words;

    function push(uint64 price) external {
        uint256 head = _head;
        uint256 index = uint64(head);
        uint256 place = index % 3;
        if (place == 0 && index != 0) {
            _words[(index / 3 - 1) % (WINDOW / 3)] = head;
            head = 0;
        }
        uint256 prices = head >> 64 << 64;
        _head = prices | uint256(price) << (64 * (place + 1)) | (index + 1);
    }

    function count() public view returns (uint256) {
        return uint64(_head);
    }

    function at(uint256 back) external view returns (uint64) {
        uint256 pushed = count();
        require(back < WINDOW && back < pushed, OutsideWindow(back, WINDOW));
        uint256 index = pushed - 1 - back;
        uint256 group = index / 3;
        bool isHead = group == (pushed - 1) / 3;
        uint256 word = isHead ? _head : _words[group % (WINDOW / 3)];
        return uint64(word >> (64 * (index % 3 + 1)));
    }
}
