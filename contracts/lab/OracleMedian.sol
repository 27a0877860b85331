// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Experiment `oracle-median`: one of n price feeds reports, the median of all is the price.
///
/// Claim          Nine prices of 28 bits are one word, and a median needs no sorted list.
/// Rule           EIP-2929: a cold slot is 2,100 to read; a network has no branch that a price
///                decides.
/// Pays           From three feeds on.
/// Does not pay   When a price needs more than 28 bits: nine are then two words.
/// Readability    Shifts, and a list of exchanges that only a proof over zeros and ones explains.
interface IOracleMedian {
    /// Records the feed's price, and returns the median of all.
    function report(uint256 feed, uint256 price) external returns (uint256 median);
    function priceOf(uint256 feed) external view returns (uint256);
}

/// A slot for each feed, insertion sort in memory.
contract OracleMedianSlots is IOracleMedian {
    uint256[] private _prices;

    constructor(uint256[] memory prices) {
        _prices = prices;
    }

    function report(uint256 feed, uint256 price) external returns (uint256) {
        _prices[feed] = price;
        return MedianByInsertion.median(_prices);
    }

    function priceOf(uint256 feed) external view returns (uint256) {
        return _prices[feed];
    }
}

/// All prices in one word, insertion sort in memory.
contract OracleMedianPacked is IOracleMedian {
    uint256 private immutable _count;
    uint256 private _word; // price i in bits [28 i, 28 i + 28)

    constructor(uint256[] memory prices) {
        _count = prices.length;
        _word = PriceWord28.pack(prices);
    }

    function report(uint256 feed, uint256 price) external returns (uint256) {
        uint256 word = PriceWord28.set(_word, feed, price);
        _word = word;
        uint256[] memory prices = new uint256[](_count);
        for (uint256 i; i < prices.length; ++i) {
            prices[i] = PriceWord28.priceAt(word, i);
        }
        return MedianByInsertion.median(prices);
    }

    function priceOf(uint256 feed) external view returns (uint256) {
        return PriceWord28.priceAt(_word, feed);
    }
}

/// All prices in one word, a network that leaves the median in the middle.
contract OracleMedianNetwork is IOracleMedian {
    uint256 private immutable _count;
    uint256 private _word;

    error FeedCount(uint256 found);

    constructor(uint256[] memory prices) {
        _count = prices.length;
        _word = PriceWord28.pack(prices);
    }

    function report(uint256 feed, uint256 price) external returns (uint256) {
        uint256 word = PriceWord28.set(_word, feed, price);
        _word = word;
        if (_count == 3) return MedianNetwork.median3(word);
        if (_count == 5) return MedianNetwork.median5(word);
        if (_count == 7) return MedianNetwork.median7(word);
        require(_count == 9, FeedCount(_count));
        return MedianNetwork.median9(word);
    }

    function priceOf(uint256 feed) external view returns (uint256) {
        return PriceWord28.priceAt(_word, feed);
    }
}

library PriceWord28 {
    uint256 private constant _MASK = (1 << 28) - 1;

    error PriceTooHigh(uint256 price);

    function pack(uint256[] memory prices) internal pure returns (uint256 word) {
        for (uint256 i; i < prices.length; ++i) {
            word = set(word, i, prices[i]);
        }
    }

    function priceAt(uint256 word, uint256 i) internal pure returns (uint256) {
        return word >> 28 * i & _MASK;
    }

    function set(uint256 word, uint256 i, uint256 price) internal pure returns (uint256) {
        require(price <= _MASK, PriceTooHigh(price));
        return word & ~(_MASK << 28 * i) | price << 28 * i;
    }
}

library MedianByInsertion {
    function median(uint256[] memory prices) internal pure returns (uint256) {
        for (uint256 i = 1; i < prices.length; ++i) {
            uint256 price = prices[i];
            uint256 place = i;
            for (; place != 0 && prices[place - 1] > price; --place) {
                prices[place] = prices[place - 1];
            }
            prices[place] = price;
        }
        return prices[prices.length / 2];
    }
}

/// Paeth's and Smith's selection networks. Each line exchanges two places so that the lower price
/// comes first; only those that the middle depends on are there.
library MedianNetwork {
    function median3(uint256 word) internal pure returns (uint256) {
        (uint256 a, uint256 b, uint256 c) = _three(word);
        (a, b) = _order(a, b);
        (b, c) = _order(b, c);
        (a, b) = _order(a, b);
        return b;
    }

    function median5(uint256 word) internal pure returns (uint256) {
        (uint256 a, uint256 b, uint256 c) = _three(word);
        (uint256 d, uint256 e,) = _three(word >> 84);
        (a, b) = _order(a, b);
        (d, e) = _order(d, e);
        (a, d) = _order(a, d);
        (b, e) = _order(b, e);
        (b, c) = _order(b, c);
        (c, d) = _order(c, d);
        (b, c) = _order(b, c);
        return c;
    }

    function median7(uint256 word) internal pure returns (uint256) {
        (uint256 a, uint256 b, uint256 c) = _three(word);
        (uint256 d, uint256 e, uint256 f) = _three(word >> 84);
        uint256 g = PriceWord28.priceAt(word, 6);
        (a, f) = _order(a, f);
        (a, d) = _order(a, d);
        (b, g) = _order(b, g);
        (c, e) = _order(c, e);
        (a, b) = _order(a, b);
        (d, f) = _order(d, f);
        (c, g) = _order(c, g);
        (c, d) = _order(c, d);
        (d, g) = _order(d, g);
        (e, f) = _order(e, f);
        (b, e) = _order(b, e);
        (b, d) = _order(b, d);
        (d, e) = _order(d, e);
        return d;
    }

    /// Each third is sorted; the median is that of the highest low, the middle of the middles and
    /// the lowest high.
    function median9(uint256 word) internal pure returns (uint256) {
        (uint256 a, uint256 b, uint256 c) = _sorted(word);
        (uint256 d, uint256 e, uint256 f) = _sorted(word >> 84);
        (uint256 g, uint256 h, uint256 i) = _sorted(word >> 168);
        (, a) = _order(a, d);
        (, a) = _order(a, g);
        (c,) = _order(c, f);
        (c,) = _order(c, i);
        (b, e) = _order(b, e);
        (e,) = _order(e, h);
        (, b) = _order(b, e);
        (a, b) = _order(a, b);
        (b, c) = _order(b, c);
        (, b) = _order(a, b);
        return b;
    }

    function _sorted(uint256 word) private pure returns (uint256 a, uint256 b, uint256 c) {
        (a, b, c) = _three(word);
        (a, b) = _order(a, b);
        (b, c) = _order(b, c);
        (a, b) = _order(a, b);
    }

    function _three(uint256 word) private pure returns (uint256, uint256, uint256) {
        uint256 mask = (1 << 28) - 1;
        return (word & mask, word >> 28 & mask, word >> 56 & mask);
    }

    function _order(uint256 a, uint256 b) private pure returns (uint256 low, uint256 high) {
        // (low, high) = a > b ? (b, a) : (a, b);
        // without a branch.
        assembly ("memory-safe") {
            let change := mul(xor(a, b), gt(a, b))
            low := xor(a, change)
            high := xor(b, change)
        }
    }
}
