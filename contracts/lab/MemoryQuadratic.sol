// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// n pages of a kilobyte are made and hashed into a chain, whose end is answered.
//
// Claim        A stream should be worked off in pieces: memory is paid for by its highest word.
// Rule         3 w + w^2 / 512 for w words, for each call frame apart. A frame's memory is gone
//              when it returns, so a call is the one way of giving memory back.
// Pays         From a few dozen kilobytes on: at 24 KB the next word costs twice what the first
//              did, at 48 KB the square is as much as the line. One transaction of 2^24 gas can
//              hold less than 3 MB, whatever it does with it.
// Does not     For a few kilobytes. A frame for each page is for pages that cannot be reused: it
//              pays a call where a second use of the same page pays nothing.
// Readability  A page that is reused is little harder to read; a frame needs a function of its own.

uint256 constant PAGE_WORDS = 32;

interface PageHasher {
    function chain(uint256 seed, uint256 pages) external returns (bytes32 last);
}

/// A page's words follow from its number: two are set, the others are zero.
function fill(uint256[] memory page, uint256 seed, uint256 number) pure {
    unchecked {
        page[0] = number;
        page[PAGE_WORDS - 1] = seed * (2 * number + 1);
    }
}

/// Baseline: all pages are made, then hashed; each encoding is a further kilobyte.
contract WholeEncoded is PageHasher {
    function chain(uint256 seed, uint256 pages) external pure returns (bytes32 last) {
        uint256[][] memory all = new uint256[][](pages);
        for (uint256 i; i < pages; ++i) {
            all[i] = new uint256[](PAGE_WORDS);
            fill(all[i], seed, i);
        }
        for (uint256 i; i < pages; ++i) {
            last = keccak256(abi.encodePacked(last, all[i]));
        }
    }
}

/// All pages are made, then hashed where they stand: the word of a page's length takes the last
/// hash. Plain equivalent: `WholeEncoded`.
contract WholeInPlace is PageHasher {
    function chain(uint256 seed, uint256 pages) external pure returns (bytes32 last) {
        uint256[][] memory all = new uint256[][](pages);
        for (uint256 i; i < pages; ++i) {
            all[i] = new uint256[](PAGE_WORDS);
            fill(all[i], seed, i);
        }
        for (uint256 i; i < pages; ++i) {
            uint256[] memory page = all[i];
            assembly ("memory-safe") {
                mstore(page, last)
                last := keccak256(page, 0x420)
                mstore(page, 32)
            }
        }
    }
}

/// One page, made and hashed n times; plain equivalent: `WholeEncoded`.
contract Chunked is PageHasher {
    function chain(uint256 seed, uint256 pages) external pure returns (bytes32 last) {
        uint256[] memory page = new uint256[](PAGE_WORDS);
        for (uint256 i; i < pages; ++i) {
            fill(page, seed, i);
            assembly ("memory-safe") {
                mstore(page, last)
                last := keccak256(page, 0x420)
                mstore(page, 32)
            }
        }
    }
}

/// A call frame for each page, whose memory starts from nothing; plain equivalent: `WholeEncoded`.
contract Frames is PageHasher {
    function chain(uint256 seed, uint256 pages) external view returns (bytes32 last) {
        for (uint256 i; i < pages; ++i) {
            last = this.link(last, seed, i);
        }
    }

    function link(bytes32 last, uint256 seed, uint256 number)
        external
        pure
        returns (bytes32 hash)
    {
        uint256[] memory page = new uint256[](PAGE_WORDS);
        fill(page, seed, number);
        assembly ("memory-safe") {
            mstore(page, last)
            hash := keccak256(page, 0x420)
        }
    }
}
