// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibSort} from "solady/utils/LibSort.sol";

/// Experiment `sorting`: n numbers in ascending order, in memory.
///
/// Claim          Checking an order takes n comparisons; finding it n log n, or n squared.
/// Rule           MLOAD and MSTORE 3, a jump 8; a checked index costs more than both.
/// Pays           The caller's order from a score of values on; assembly always.
/// Does not pay   The network for many values: it makes all its comparisons even if sorted.
/// Readability    A check that an order is a permutation; a network that nobody sees to sort.
interface ISorting {
    function sort(uint256[] calldata values) external view returns (uint256[] memory sorted);
}

contract SortingByInsertion is ISorting {
    function sort(uint256[] calldata values) external pure returns (uint256[] memory sorted) {
        sorted = values;
        for (uint256 i = 1; i < sorted.length; ++i) {
            uint256 value = sorted[i];
            uint256 place = i;
            for (; place != 0 && sorted[place - 1] > value; --place) {
                sorted[place] = sorted[place - 1];
            }
            sorted[place] = value;
        }
    }
}

contract SortingByPartition is ISorting {
    function sort(uint256[] calldata values) external pure returns (uint256[] memory sorted) {
        sorted = values;
        if (sorted.length > 1) _sort(sorted, 0, sorted.length - 1);
    }

    /// Hoare's quicksort of places first to last.
    function _sort(uint256[] memory values, uint256 first, uint256 last) private pure {
        uint256 pivot = values[(first + last) / 2];
        uint256 low = first;
        uint256 high = last;
        while (low <= high) {
            while (values[low] < pivot) ++low;
            while (values[high] > pivot) --high;
            if (low > high) break;
            (values[low], values[high]) = (values[high], values[low]);
            ++low;
            if (high == 0) break;
            --high;
        }
        if (first < high) _sort(values, first, high);
        if (low < last) _sort(values, low, last);
    }
}

/// Batcher's merge exchange: the same comparisons whatever the values.
contract SortingByNetwork is ISorting {
    function sort(uint256[] calldata values) external pure returns (uint256[] memory sorted) {
        sorted = values;
        // for (uint256 p = top; p > 0; p /= 2) {
        //     uint256 r;
        //     uint256 d = p;
        //     for (uint256 q = top; ; q /= 2) {
        //         for (uint256 i; i < length - d; ++i) if (i & p == r) order(i, i + d);
        //         if (q == p) break;
        //         (d, r) = (q - p, p);
        //     }
        // }
        // (Knuth 5.2.2 M) with all indices times 32. It sorts any number of items; `top` is the
        // highest power of two below it.
        assembly ("memory-safe") {
            let start := add(sorted, 0x20)
            let size := shl(5, mload(sorted))
            let top := 0x20
            for {} lt(shl(1, top), size) {} { top := shl(1, top) }
            for { let p := top } gt(p, 0x10) { p := shr(1, p) } {
                let r := 0
                let d := p
                let q := top
                for {} 1 {} {
                    let end := mul(sub(size, d), gt(size, d))
                    for { let i := 0 } lt(i, end) { i := add(i, 0x20) } {
                        if eq(and(i, p), r) {
                            let a := mload(add(start, i))
                            let far := add(add(start, i), d)
                            let b := mload(far)
                            let change := mul(xor(a, b), gt(a, b))
                            mstore(add(start, i), xor(a, change))
                            mstore(far, xor(b, change))
                        }
                    }
                    if eq(q, p) { break }
                    d := sub(q, p)
                    r := p
                    q := shr(1, q)
                }
            }
        }
    }
}

/// solady: quicksort that ends in insertion sort, in assembly.
contract SortingByLibrary is ISorting {
    function sort(uint256[] calldata values) external pure returns (uint256[] memory sorted) {
        sorted = values;
        LibSort.sort(sorted);
    }
}

/// The caller hands in the order; the chain applies it and sees that it is one.
contract SortingByCaller {
    error NotAscending(uint256 place, uint256 previous, uint256 value);
    error NotAPermutation(uint256 index);

    /// `order` has a byte for each place: the index of the value that belongs there.
    function sort(uint256[] calldata values, bytes calldata order)
        external
        pure
        returns (uint256[] memory sorted)
    {
        sorted = new uint256[](values.length);
        uint256 seen; // a bit for each index, which is below 256
        uint256 previous;
        for (uint256 i; i < sorted.length; ++i) {
            uint256 index = uint8(order[i]);
            uint256 value = values[index];
            require(value >= previous, NotAscending(i, previous, value));
            require(seen >> index & 1 == 0, NotAPermutation(index));
            seen |= 1 << index;
            previous = value;
            sorted[i] = value;
        }
    }
}
