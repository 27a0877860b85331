// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Blobs} from "../libraries/Blobs.sol";
import {Openings} from "../libraries/Openings.sol";
import {Spots} from "../libraries/Spots.sol";
import {Header} from "../types/Proofs.sol";
import {Reader, ReaderLibrary} from "../types/Reader.sol";

/// What provers read witnesses with, as a contract. `used` is how many bytes of the witness were
/// read.
contract OpeningsHarness {
    using Openings for Openings.Body;
    using Spots for Spots.Spot;

    // --- Reader
    /// Numbers of these sizes, one after the other; size 0 is a word, above 32 a skip of size - 32.
    /// The bytes come last, so that nothing stands behind them.
    function read(uint256[] calldata sizes, bytes calldata data)
        external
        pure
        returns (uint256[] memory values, uint256 used)
    {
        Reader memory reader = ReaderLibrary.over(data);
        uint256 start = reader.at;
        values = new uint256[](sizes.length);
        for (uint256 i; i < sizes.length; ++i) {
            if (sizes[i] == 0) values[i] = reader.word();
            else if (sizes[i] <= 32) values[i] = reader.number(sizes[i]);
            else values[i] = reader.skip(sizes[i] - 32) - start;
        }
        used = reader.at - start;
    }

    function readLists(bytes calldata data, uint256 words, uint256 size)
        external
        pure
        returns (bytes32[] memory list, bytes memory rest, uint256 used)
    {
        Reader memory reader = ReaderLibrary.over(data);
        uint256 start = reader.at;
        list = reader.words(words);
        rest = reader.bytesOf(size);
        used = reader.at - start;
    }

    // --- Openings
    function openChunk(Header calldata header, bytes calldata witness, uint256 number)
        external
        view
        returns (uint256[] memory words, uint256 used)
    {
        Reader memory reader = ReaderLibrary.over(witness);
        uint256 start = reader.at;
        words = Openings.begin(header, reader).chunk(reader, number);
        used = reader.at - start;
    }

    function openRoot(Header calldata header, bytes calldata witness, uint256 number)
        external
        view
        returns (bytes32 root, uint256 used)
    {
        Reader memory reader = ReaderLibrary.over(witness);
        uint256 start = reader.at;
        root = Openings.begin(header, reader).root(reader, number);
        used = reader.at - start;
    }

    function openWord(
        Header calldata header,
        bytes calldata witness,
        uint256 number,
        uint256 place
    ) external view returns (uint256 value, uint256 used) {
        Reader memory reader = ReaderLibrary.over(witness);
        uint256 start = reader.at;
        value = Openings.begin(header, reader).word(reader, number, place);
        used = reader.at - start;
    }

    /// `opening` is commitment:48, word:32, proof:48.
    function requireElement(bytes32 versionedHash, uint256 element, bytes calldata opening)
        external
        view
    {
        Reader memory reader = ReaderLibrary.over(opening);
        uint256 commitmentAt = reader.skip(48);
        uint256 value = reader.word();
        Blobs.requireElement(versionedHash, element, value, commitmentAt, reader.at);
    }

    // --- Spots
    function openAccount(bytes calldata witness, bytes32 stateRoot, uint256 index, bytes32 leafHash)
        external
        pure
        returns (bytes32[] memory leaf, bytes32 rootWith, uint256 used)
    {
        Reader memory reader = ReaderLibrary.over(witness);
        uint256 start = reader.at;
        Spots.Spot memory spot;
        (leaf, spot) = Spots.account(reader, stateRoot, index);
        rootWith = spot.rootWith(leafHash);
        used = reader.at - start;
    }

    function openSlots(bytes calldata witness, bytes32 slotsRoot, uint256 order, bytes32 newWord)
        external
        pure
        returns (uint256 word, bytes32 rootWith, uint256 used)
    {
        Reader memory reader = ReaderLibrary.over(witness);
        uint256 start = reader.at;
        Spots.Spot memory spot;
        (word, spot) = Spots.slots(reader, slotsRoot, order);
        rootWith = spot.rootWith(newWord);
        used = reader.at - start;
    }
}
