// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// n rounds each need a ladder of price levels, use a few of them and throw the ladder away. A
// checksum of what the ladders held is answered.
//
// Claim        Memory that is given back, or taken once before the loop, does not grow.
// Rule         Memory costs 3 w + w^2 / 512 for its highest word w, and `new` zeroes what it takes:
//              CALLDATACOPY from beyond the end, 3 a word.
// Pays         From kilobytes on: the square outgrows the rest.
// Does not     For a few small arrays: the reset is then as dear as what it saves. A pool of which
//              little is used should not be cleared entry by entry: zeroing all of it costs less.
// Readability  A pool must be cleared by who reuses it: a level of the last round may still stand.
//              A reset is worse, since any reference that outlives it points into reused memory.

uint256 constant LEVELS = 64;

interface LadderUser {
    function run(uint256 seed, uint256 rounds) external returns (uint256 checksum);
}

/// Four levels of the ladder are set and read again, at places and by values that the round
/// decides.
function useLadder(uint256[] memory ladder, uint256 seed) pure returns (uint256 sum) {
    // A checksum may wrap, and an index modulo LEVELS stays within the ladder.
    unchecked {
        for (uint256 i; i < 4; ++i) {
            ladder[(seed >> 8 * i) % LEVELS] = seed >> i;
        }
        for (uint256 i; i < 4; ++i) {
            uint256 place = seed >> 8 * i;
            sum = sum * 31 + ladder[place % LEVELS] + ladder[(place >> 3) % LEVELS];
        }
    }
}

/// Levels that a round set are zero again.
function clearLadder(uint256[] memory ladder, uint256 seed) pure {
    unchecked {
        for (uint256 i; i < 4; ++i) {
            ladder[(seed >> 8 * i) % LEVELS] = 0;
        }
    }
}

/// A seed for the next round that depends on the last, so that no round can be left out.
function next(uint256 seed, uint256 sum) pure returns (uint256) {
    unchecked {
        return seed * 0x5851f42d4c957f2d + sum + 1;
    }
}

/// Baseline: a new ladder each round; the last ones are garbage.
contract GrowingGarbage is LadderUser {
    function run(uint256 seed, uint256 rounds) external pure returns (uint256 checksum) {
        for (uint256 round; round < rounds; ++round) {
            checksum ^= useLadder(new uint256[](LEVELS), seed);
            seed = next(seed, checksum);
        }
    }
}

/// A new ladder each round in the place of the last; plain equivalent: `GrowingGarbage`.
contract PointerReset is LadderUser {
    function run(uint256 seed, uint256 rounds) external pure returns (uint256 checksum) {
        for (uint256 round; round < rounds; ++round) {
            uint256 free;
            assembly ("memory-safe") {
                free := mload(0x40)
            }
            checksum ^= useLadder(new uint256[](LEVELS), seed);
            // Nothing that was taken since is referred to any more.
            assembly ("memory-safe") {
                mstore(0x40, free)
            }
            seed = next(seed, checksum);
        }
    }
}

/// One ladder for all rounds, cleared where it was used.
contract Pool is LadderUser {
    function run(uint256 seed, uint256 rounds) external pure returns (uint256 checksum) {
        uint256[] memory ladder = new uint256[](LEVELS);
        for (uint256 round; round < rounds; ++round) {
            checksum ^= useLadder(ladder, seed);
            clearLadder(ladder, seed);
            seed = next(seed, checksum);
        }
    }
}
