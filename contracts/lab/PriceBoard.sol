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

/// Words made on the stack and written once; each holds `_each()` prices, the first in its low bits.
abstract contract PackedByHand is IPriceBoard {
    uint256[256] private _words;

    function set(uint32[] calldata prices) external {
        (uint256 each, uint256 width) = (_each(), 256 / _each());
        uint256 n = prices.length;
        for (uint256 i = 0; i < n; i += each) {
            uint256 filled = n - i < each ? n - i : each;
            // What a word holds beyond the prices set stays.
            uint256 word = filled == each ? 0 : _words[i / each] >> (width * filled);
            for (uint256 j = i + filled; j > i;) {
                unchecked {
                    --j; // above i
                }
                word = word << width | prices[j];
            }
            _words[i / each] = word;
        }
    }

    function use(uint256 n) external {
        (uint256 each, uint256 width) = (_each(), 256 / _each());
        uint256 sum;
        for (uint256 i = 0; i < n; i += each) {
            uint256 word = _words[i / each];
            if (n - i < each) word &= (1 << (width * (n - i))) - 1;
            while (word != 0) {
                unchecked {
                    sum += uint32(word); // 256 prices of 32 bits at most
                }
                word >>= width;
            }
        }
        emit Sum(sum);
    }

    function get(uint256 index) external view returns (uint32) {
        return uint32(_words[index / _each()] >> (256 / _each() * (index % _each())));
    }

    function _each() internal pure virtual returns (uint256);
}

contract FourPerWord is PackedByHand {
    function _each() internal pure override returns (uint256) {
        return 4;
    }
}

contract EightPerWord is PackedByHand {
    function _each() internal pure override returns (uint256) {
        return 8;
    }
}
