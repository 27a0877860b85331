// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IMarkets} from "../interfaces/IMarkets.sol";
import {ISettlementPrices} from "../interfaces/ISettlementPrices.sol";
import {Headers} from "../libraries/Headers.sol";
import {Leaf} from "../libraries/Leaf.sol";
import {Margin} from "../libraries/Margin.sol";
import {Merkle} from "../libraries/Merkle.sol";
import {Messages} from "../libraries/Messages.sol";
import {Symbol} from "../libraries/Symbol.sol";
import {Position} from "../types/LeafWord.sol";
import {Header, Path} from "../types/Proofs.sol";
import {Order, Report, Transfer, Withdrawal} from "../types/Terms.sol";

/// The libraries as a contract, so that tests reach them from outside. Adds nothing of its own.
contract LibraryHarness {
    // --- Merkle
    function node(bytes32 left, bytes32 right) external pure returns (bytes32) {
        return Merkle.node(left, right);
    }

    function rootFrom(bytes32 leaf, uint256 index, uint256 depth, Path calldata path)
        external
        pure
        returns (bytes32)
    {
        return Merkle.rootFrom(leaf, index, depth, path);
    }

    function verify(
        bytes32 root,
        bytes32 leaf,
        uint256 index,
        uint256 depth,
        Path calldata path
    ) external pure returns (bool) {
        return Merkle.verify(root, leaf, index, depth, path);
    }

    function wordsDepth(uint256 chunkCount) external pure returns (uint256) {
        return Merkle.wordsDepth(chunkCount);
    }

    function rootOfWords(uint256[] calldata words) external pure returns (bytes32) {
        return Merkle.rootOfWords(words);
    }

    /// The same after memory was used and left behind: what stands there must not matter.
    function rootOfWordsInDirtyMemory(uint256[] calldata words) external pure returns (bytes32) {
        assembly ("memory-safe") {
            let start := mload(0x40)
            for { let i := 0 } lt(i, add(words.length, 8)) { i := add(i, 1) } {
                mstore(add(start, shl(5, i)), not(i))
            }
        }
        return Merkle.rootOfWords(words);
    }

    // --- Headers
    function headerHash(Header calldata header) external pure returns (bytes32) {
        return Headers.hash(header);
    }

    function headerHashMemory(Header memory header) external pure returns (bytes32) {
        return Headers.hashMemory(header);
    }

    // --- Leaf
    function leafHash(bytes32[] calldata words) external pure returns (bytes32) {
        return Leaf.hash(words);
    }

    function checkLeaf(bytes32[] calldata words) external pure {
        Leaf.check(words);
    }

    function positions(bytes32[] calldata words)
        external
        pure
        returns (uint24[] memory instruments, int40[] memory lots)
    {
        Leaf.check(words);
        Position[] memory list = Leaf.positions(words);
        instruments = new uint24[](list.length);
        lots = new int40[](list.length);
        for (uint256 i; i < list.length; ++i) {
            (instruments[i], lots[i]) = (list[i].instrument(), list[i].lots());
        }
    }

    // --- Margin
    function payoff(bool isCall, uint256 strike, uint256 price, uint256 cap)
        external
        pure
        returns (uint256)
    {
        return Margin.payoff(isCall, strike, price, cap);
    }

    function worst(
        bytes32[] calldata leaf,
        IMarkets markets,
        ISettlementPrices prices,
        uint256 before
    ) external view returns (int256) {
        return Margin.worst(leaf, markets, prices, before);
    }

    // --- Symbol
    function symbol(string calldata name, uint8 kind, uint24 expiry, uint24 strike)
        external
        pure
        returns (string memory)
    {
        return Symbol.derive(name, kind, expiry, strike);
    }

    // --- Messages
    function domainSeparator(uint256 chainId, address registry) external pure returns (bytes32) {
        return Messages.domainSeparator(chainId, registry);
    }

    function orderDigest(Order calldata order, bytes32 separator) external pure returns (bytes32) {
        return Messages.digest(order, separator);
    }

    function withdrawalDigest(Withdrawal calldata withdrawal, bytes32 separator)
        external
        pure
        returns (bytes32)
    {
        return Messages.digest(withdrawal, separator);
    }

    function transferDigest(Transfer calldata transfer, bytes32 separator)
        external
        pure
        returns (bytes32)
    {
        return Messages.digest(transfer, separator);
    }

    function reportDigest(Report calldata report, bytes32 separator)
        external
        pure
        returns (bytes32)
    {
        return Messages.digest(report, separator);
    }

    function recover(bytes32 digest, bytes calldata signature) external pure returns (address) {
        return Messages.recover(digest, signature);
    }
}
