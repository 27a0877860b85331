// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MODE_BLOB} from "../types/HeaderInfo.sol";
import {CHUNK_WORDS, OP_ROOT_HI, OP_ROOT_LO, OpWord} from "../types/OpWord.sol";
import {Header} from "../types/Proofs.sol";
import {Reader} from "../types/Reader.sol";
import {Blobs} from "./Blobs.sol";
import {Merkle} from "./Merkle.sol";

/// Words of a committed batch, opened against its header (section 6), in either mode.
///
///                     calldata mode                             blob mode
///     (once, first)   -                                         versioned hash:32, one per blob
///     chunk           32 words, present:2, siblings             commitment:48, 32 x (word:32 proof:48)
///     root            hi:32 lo:32, present:3, siblings          commitment:48, hi:32 proof:48 lo:32 proof:48
///     word            word:32, present:3, siblings              commitment:48, word:32 proof:48
///
/// A chunk is an aligned subtree of the tree over all raw words, and words 30 and 31 are another:
/// their path begins above their root. Bit i of `present`: there is a sibling at level i of it.
library Openings {
    uint256 private constant BLOB_CHUNKS = 128;
    uint256 private constant CHUNK_DEPTH = 5;
    uint256 private constant HIGH_PLACE = 30; // of ROOT_HI in a chunk

    error ChunkUnknown(uint256 chunk, uint256 chunkCount);
    error BlobsMismatch(bytes32 found, bytes32 blobsHash);
    /// The words lead to another root than the header's.
    error WordsNotInBatch(bytes32 found, bytes32 chunksRoot);
    /// The two words that should state a root do not: the chunk is malformed, which TRANSITION
    /// convicts.
    error RootMissing(uint256 high, uint256 low);

    /// What words are opened against.
    struct Body {
        uint256 chunkCount;
        bool inBlobs;
        bytes32 chunksRoot;
        uint256 depth; // of the tree over all raw words
        bytes32[] versionedHashes; // one per blob
    }

    /// Reads what comes first in a witness.
    function begin(Header calldata header, Reader memory reader)
        internal
        pure
        returns (Body memory body)
    {
        body.chunkCount = header.info.chunkCount();
        body.inBlobs = header.info.mode() == MODE_BLOB;
        if (body.inBlobs) {
            body.versionedHashes = reader.words((body.chunkCount + BLOB_CHUNKS - 1) / BLOB_CHUNKS);
            bytes32 found = keccak256(abi.encodePacked(body.versionedHashes));
            require(found == header.blobsHash, BlobsMismatch(found, header.blobsHash));
        } else {
            body.chunksRoot = header.chunksRoot;
            body.depth = Merkle.wordsDepth(body.chunkCount);
        }
    }

    /// All words of a chunk, as they were committed.
    function chunk(Body memory body, Reader memory reader, uint256 number)
        internal
        view
        returns (uint256[] memory words)
    {
        _requireChunk(body, number);
        words = new uint256[](CHUNK_WORDS);
        if (body.inBlobs) {
            uint256 commitmentAt = reader.skip(Blobs.COMMITMENT_BYTES);
            for (uint256 i; i < CHUNK_WORDS; ++i) {
                words[i] = _element(body, reader, number, i, commitmentAt);
            }
            return words;
        }
        bytes32[] calldata given = reader.words(CHUNK_WORDS);
        for (uint256 i; i < CHUNK_WORDS; ++i) {
            words[i] = uint256(given[i]);
        }
        _requireNode(body, reader, Merkle.rootOfWords(_asNumbers(given)), number, CHUNK_DEPTH, 2);
    }

    /// The state root that a chunk states.
    function root(Body memory body, Reader memory reader, uint256 number)
        internal
        view
        returns (bytes32)
    {
        _requireChunk(body, number);
        uint256 high;
        uint256 low;
        if (body.inBlobs) {
            uint256 commitmentAt = reader.skip(Blobs.COMMITMENT_BYTES);
            high = _element(body, reader, number, HIGH_PLACE, commitmentAt);
            low = _element(body, reader, number, HIGH_PLACE + 1, commitmentAt);
        } else {
            (high, low) = (reader.word(), reader.word());
            bytes32 node = Merkle.node(bytes32(high), bytes32(low));
            _requireNode(body, reader, node, (CHUNK_WORDS * number + HIGH_PLACE) / 2, 1, 3);
        }
        return statedBy(high, low);
    }

    /// One word of a chunk.
    function word(Body memory body, Reader memory reader, uint256 number, uint256 place)
        internal
        view
        returns (uint256 value)
    {
        _requireChunk(body, number);
        require(place < CHUNK_WORDS, ChunkUnknown(number, body.chunkCount));
        if (body.inBlobs) {
            uint256 commitmentAt = reader.skip(Blobs.COMMITMENT_BYTES);
            return _element(body, reader, number, place, commitmentAt);
        }
        value = reader.word();
        _requireNode(body, reader, bytes32(value), CHUNK_WORDS * number + place, 0, 3);
    }

    /// The state root in a chunk's last two words.
    function statedBy(uint256 high, uint256 low) internal pure returns (bytes32) {
        (OpWord first, OpWord second) = (OpWord.wrap(high), OpWord.wrap(low));
        require(
            first.kind() == OP_ROOT_HI && first.isWellFormed() && second.kind() == OP_ROOT_LO
                && second.isWellFormed(),
            RootMissing(high, low)
        );
        return bytes32(uint256(first.half()) << 128 | second.half());
    }

    // --- private

    /// The next word and its proof, at a place of a chunk in a blob.
    function _element(
        Body memory body,
        Reader memory reader,
        uint256 number,
        uint256 place,
        uint256 commitmentAt
    ) private view returns (uint256 value) {
        value = reader.word();
        Blobs.requireElement(
            body.versionedHashes[number / BLOB_CHUNKS],
            CHUNK_WORDS * (number % BLOB_CHUNKS) + place,
            value,
            commitmentAt,
            reader.skip(Blobs.PROOF_BYTES)
        );
    }

    /// Reads a path and requires that it leads from a node at `level` to the batch's root.
    function _requireNode(
        Body memory body,
        Reader memory reader,
        bytes32 node,
        uint256 index,
        uint256 level,
        uint256 presentBytes
    ) private pure {
        uint256 present = reader.number(presentBytes);
        bytes32 found;
        (found, reader.at) = Merkle.climb(node, index, body.depth - level, present, reader.at);
        require(found == body.chunksRoot, WordsNotInBatch(found, body.chunksRoot));
    }

    function _requireChunk(Body memory body, uint256 number) private pure {
        require(number < body.chunkCount, ChunkUnknown(number, body.chunkCount));
    }

    function _asNumbers(bytes32[] calldata words) private pure returns (uint256[] calldata same) {
        // same = words, read as numbers
        assembly ("memory-safe") {
            same.offset := words.offset
            same.length := words.length
        }
    }
}
