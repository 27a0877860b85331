// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {MODE_BLOB} from "../types/HeaderInfo.sol";
import {CHUNK_WORDS, OP_ROOT_HI, OP_ROOT_LO} from "../types/OpWord.sol";
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
    uint256 private constant ROOT_BYTES = 208; // of a root in blob mode

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
            body.versionedHashes = reader.words(blobCount(body.chunkCount));
            bytes32 found = Blobs.hashOf(body.versionedHashes);
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
        if (body.inBlobs) {
            bytes32 versionedHash = body.versionedHashes[number / BLOB_CHUNKS];
            return rootInBlob(versionedHash, number, reader.bytesOf(ROOT_BYTES));
        }
        (uint256 high, uint256 low) = (reader.word(), reader.word());
        bytes32 node = Merkle.node(bytes32(high), bytes32(low));
        _requireNode(body, reader, node, (CHUNK_WORDS * number + HIGH_PLACE) / 2, 1, 3);
        return statedBy(high, low);
    }

    /// The state root that a chunk states, in the blob that holds it.
    function rootInBlob(bytes32 versionedHash, uint256 number, bytes calldata opening)
        internal
        view
        returns (bytes32)
    {
        uint256 at;
        uint256 high;
        uint256 low;
        // high = uint256(bytes32(opening[48:80]));
        // low = uint256(bytes32(opening[128:160]));
        // and the position of opening[0] in calldata. What lies behind the end is no proof.
        assembly ("memory-safe") {
            at := opening.offset
            high := calldataload(add(at, 48))
            low := calldataload(add(at, 128))
        }
        Blobs.requireRoot(versionedHash, number % BLOB_CHUNKS, high, low, at, at + 80, at + 160);
        return statedBy(high, low);
    }

    /// How many blobs so many chunks fill.
    function blobCount(uint256 chunkCount) internal pure returns (uint256) {
        return (chunkCount + BLOB_CHUNKS - 1) / BLOB_CHUNKS;
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

    /// The state root in a chunk's last two words, which must be well-formed.
    function statedBy(uint256 high, uint256 low) internal pure returns (bytes32) {
        // zero:8 kind:8 half:128 reserved:112, the last of which is zero
        require(
            high >> 240 == OP_ROOT_HI && low >> 240 == OP_ROOT_LO && uint112(high | low) == 0,
            RootMissing(high, low)
        );
        return bytes32(uint256(uint128(high >> 112)) << 128 | uint128(low >> 112));
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
