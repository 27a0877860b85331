// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Merkle} from "../libraries/Merkle.sol";

/// Experiment `macro`: the life of n fills, settled in six ways.
///
/// A fill in two words, each below 2^248, so that it is also two field elements of a blob:
///
///     | zero:8 | taker:32 | maker:32 | instrument:24 | time:40 | order:64 | zero:56 |
///     | zero:8 | price:64 | lots:64 | fee:64 | zero:56 |
///
/// Claim          The less of a fill the chain keeps, the less it costs, by three orders of
///                magnitude.
/// Rule           A new slot is 22,100, a byte of calldata 16 or 40; blobs have a market of their
///                own.
/// Pays           Always, if somebody keeps and serves what the chain does not.
/// Does not pay   For a contract that must read old fills without being shown them; and to show one
///                out of a blob takes a proof of 50,000 gas (EIP-4844), which is not measured here.
/// Readability    Each step takes the data further from whoever wants to read it.
struct Fill {
    uint256 taker;
    uint256 maker;
    uint256 instrument;
    uint256 time;
    uint256 order;
    uint256 price;
    uint256 lots;
    uint256 fee;
}

/// Eight slots for each fill.
contract FillsInStructs {
    Fill[] private _fills;

    function settle(Fill[] calldata fills) external {
        for (uint256 i; i < fills.length; ++i) {
            _fills.push(fills[i]);
        }
    }

    function count() external view returns (uint256) {
        return _fills.length;
    }

    function fillAt(uint256 index) external view returns (Fill memory) {
        return _fills[index];
    }
}

abstract contract FillsInWords {
    function _unpack(uint256 first, uint256 second) internal pure returns (Fill memory fill) {
        fill.taker = uint32(first >> 216);
        fill.maker = uint32(first >> 184);
        fill.instrument = uint24(first >> 160);
        fill.time = uint40(first >> 120);
        fill.order = uint64(first >> 56);
        fill.price = uint64(second >> 184);
        fill.lots = uint64(second >> 120);
        fill.fee = uint64(second >> 56);
    }
}

/// Two slots for each fill.
contract FillsPacked is FillsInWords {
    uint256[] private _words;

    function settle(uint256[] calldata words) external {
        for (uint256 i; i < words.length; ++i) {
            _words.push(words[i]);
        }
    }

    function count() external view returns (uint256) {
        return _words.length / 2;
    }

    function fillAt(uint256 index) external view returns (Fill memory) {
        return _unpack(_words[2 * index], _words[2 * index + 1]);
    }
}

/// One slot for each fill: its hash.
contract FillsHashed {
    bytes32[] private _hashes;

    function settle(uint256[] calldata words) external {
        for (uint256 i; i < words.length; i += 2) {
            _hashes.push(Merkle.node(bytes32(words[i]), bytes32(words[i + 1])));
        }
    }

    function count() external view returns (uint256) {
        return _hashes.length;
    }

    function has(uint256 index, uint256 first, uint256 second) external view returns (bool) {
        return _hashes[index] == Merkle.node(bytes32(first), bytes32(second));
    }
}

/// A slot for each account: what its fills come to. Accounts are numbered from 1; a transaction
/// says how many there are.
contract FillsNetted {
    struct Account {
        int128 cash;
        int128 lots;
    }

    uint256 public count;
    mapping(uint256 account => Account) public accountOf;

    function settle(uint256[] calldata words, uint256 accountCount) external {
        int256[] memory cash = new int256[](accountCount + 1);
        int256[] memory lots = new int256[](accountCount + 1);
        for (uint256 i; i < words.length; i += 2) {
            uint256 taker = uint32(words[i] >> 216);
            uint256 maker = uint32(words[i] >> 184);
            int256 size = int256(uint256(uint64(words[i + 1] >> 120)));
            int256 value = size * int256(uint256(uint64(words[i + 1] >> 184)));
            cash[taker] -= value;
            cash[maker] += value;
            lots[taker] += size;
            lots[maker] -= size;
        }
        for (uint256 account = 1; account <= accountCount; ++account) {
            if (cash[account] == 0 && lots[account] == 0) continue;
            Account memory before = accountOf[account];
            accountOf[account] = Account(
                int128(before.cash + cash[account]), int128(before.lots + lots[account])
            );
        }
        count += words.length / 2;
    }
}

/// A slot for each batch: the root over its words, which the chain builds from calldata.
contract FillsUnderRoot {
    uint128 public count;
    uint128 public batches;
    mapping(uint256 batch => bytes32) private _roots;

    function settle(uint256[] calldata words) external {
        _roots[batches] = Merkle.rootOfWords(words);
        ++batches;
        count += uint128(words.length / 2);
    }

    /// `siblings` lead from the node above the fill's two words to the root of its batch.
    function has(
        uint256 batch,
        uint256 index,
        uint256 first,
        uint256 second,
        bytes32[] calldata siblings
    ) external view returns (bool) {
        bytes32 node = Merkle.node(bytes32(first), bytes32(second));
        for (uint256 i; i < siblings.length; ++i) {
            node = index >> i & 1 == 1
                ? Merkle.node(siblings[i], node)
                : Merkle.node(node, siblings[i]);
        }
        return node == _roots[batch];
    }
}

/// A slot for each batch: the versioned hash of the blob that holds its words.
contract FillsInBlobs {
    uint128 public count;
    uint128 public batches;
    mapping(uint256 batch => bytes32) public blobOf;

    error NoBlob();

    function settle(uint256 fills) external {
        bytes32 hash = blobhash(0);
        require(hash != 0, NoBlob());
        blobOf[batches] = hash;
        ++batches;
        count += uint128(fills);
    }
}
