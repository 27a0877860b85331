// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Price board: n prices, one, four or eight to a word
///
/// Claim          Prices that are set and read together cost a slot per word, not per price.
/// Rule           EIP-2929 and EIP-2200: a slot is 2,100 to read and 5,000 to change, whatever is
///                in it.
/// Pays           From the second price on, for the writer and for every reader.
/// Does not pay   Prices set one by one by different writers: each write reads the word again and
///                makes transactions conflict.
/// Readability    A narrow range to state and check (here ticks of 32 bits), a shift, a mask.
interface IPriceBoard {
    event Sum(uint256 sum);

    /// Sets the prices 0 to n - 1. `prices.length` is at most 256.
    function set(uint32[] calldata prices) external;

    /// Reads the prices 0 to n - 1, as a settlement or a margin check does.
    function use(uint256 n) external;

    function get(uint256 index) external view returns (uint32);
}

/// A slot per price.
contract PricePerSlot is IPriceBoard {
    uint256[256] private _prices;

    function set(uint32[] calldata prices) external {
        for (uint256 i = 0; i < prices.length; ++i) _prices[i] = prices[i];
    }

    function use(uint256 n) external {
        uint256 sum;
        for (uint256 i = 0; i < n; ++i) sum += _prices[i];
        emit Sum(sum);
    }

    function get(uint256 index) external view returns (uint32) {
        return uint32(_prices[index]);
    }
}

/// solc packs uint32[256] eight to a slot, and reads, masks and writes the slot for each of them.
contract PackedBySolc is IPriceBoard {
    uint32[256] private _prices;

    function set(uint32[] calldata prices) external {
        for (uint256 i = 0; i < prices.length; ++i) _prices[i] = prices[i];
    }

    function use(uint256 n) external {
        uint256 sum;
        for (uint256 i = 0; i < n; ++i) sum += _prices[i];
        emit Sum(sum);
    }

    function get(uint256 index) external view returns (uint32) {
        return _prices[index];
    }
}

/// Words made in the stack and written once; `_EACH` prices in each.
abstract contract PackedByHand is IPriceBoard {
    uint256[256] private _words;

    uint256 private immutable _EACH;

    constructor(uint256 each) {
        _EACH = each;
    }

    function set(uint32[] calldata prices) external {
        uint256 each = _EACH;
        uint256 width = 256 / each;
        for (uint256 i = 0; i < prices.length; i += each) {
            uint256 filled = prices.length - i;
            if (filled > each) filled = each;
            // What the word holds beyond the prices set stays.
            uint256 word = filled == each ? 0 : _words[i / each] >> (width * filled);
            for (uint256 j = filled; j > 0; --j) word = word << width | prices[i + j - 1];
            _words[i / each] = word;
        }
    }

    function use(uint256 n) external {
        uint256 each = _EACH;
        uint256 width = 256 / each;
        uint256 sum;
        for (uint256 i = 0; i < n; i += each) {
            uint256 word = _words[i / each];
            for (uint256 j = i; j < n && j < i + each; ++j) {
                sum += uint32(word);
                word >>= width;
            }
        }
        emit Sum(sum);
    }

    function get(uint256 index) external view returns (uint32) {
        uint256 each = _EACH;
        return uint32(_words[index / each] >> (256 / each * (index % each)));
    }
}

contract FourPerWord is PackedByHand(4) {}

contract EightPerWord is PackedByHand(8) {}
