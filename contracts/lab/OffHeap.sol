// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SSTORE2} from "solady/utils/SSTORE2.sol";

/// @title Off-heap: where n words can live
///
/// Claim          Data that is written once is cheaper as code, as a log, as a blob, or as a hash.
/// Rule           A slot costs 22,100 for 32 bytes; code 200 a byte and 32,000 to create (EIP-170
///                limits it to 24,576); a log 8 a byte; a hash one slot, a blob's too. To bring the
///                data as calldata costs 16 a byte, or 40 where the floor of EIP-7623 binds.
/// Pays           Code from a few words on, and for its readers, who pay 2,600 and 3 a word;
///                a hash where the one who uses the data has it.
/// Does not pay   Data that changes word by word; a hash if the data is used often, or if the one
///                who needs it may not get it: nodes forget blobs after 18 days.
/// Readability    Code as data is a library call. A hash needs a story for who keeps the data.
interface IDataStore {
    event Used(uint256 sum);

    error WrongData(bytes32 found, bytes32 expected);

    /// Keeps the words, in place of what was kept.
    function write(bytes calldata words) external;

    /// Sums the words kept: a stand-in for any use. `words` is empty unless the chain needs it.
    function use(bytes calldata words) external returns (uint256 sum);

    /// keccak256 of all that is kept.
    function digest() external view returns (bytes32);
}

function sumOf(bytes memory words) pure returns (uint256 sum) {
    for (uint256 at = 32; at <= words.length; at += 32) {
        uint256 word;
        // word = uint256(bytes32(words[at - 32:at]))
        assembly ("memory-safe") {
            word := mload(add(words, at))
        }
        unchecked {
            sum += word; // modulo 2^256
        }
    }
}

/// A slot per word.
contract InStorage is IDataStore {
    uint256[] private _words;

    function write(bytes calldata words) external {
        uint256 n = words.length / 32;
        delete _words;
        for (uint256 i = 0; i < n; ++i) _words.push(uint256(bytes32(words[32 * i:])));
    }

    function use(bytes calldata) external returns (uint256 sum) {
        uint256 n = _words.length;
        for (uint256 i = 0; i < n; ++i) {
            unchecked {
                sum += _words[i]; // modulo 2^256
            }
        }
        emit Used(sum);
    }

    function digest() external view returns (bytes32) {
        return keccak256(abi.encodePacked(_words));
    }
}

/// The code of a contract made for it (SSTORE2).
contract InCode is IDataStore {
    address private _pointer;

    function write(bytes calldata words) external {
        _pointer = SSTORE2.write(words);
    }

    function use(bytes calldata) external returns (uint256 sum) {
        sum = sumOf(SSTORE2.read(_pointer));
        emit Used(sum);
    }

    function digest() external view returns (bytes32) {
        return keccak256(SSTORE2.read(_pointer));
    }
}

/// A log: no contract can read it, whoever follows the chain can.
contract InLog {
    event Written(bytes words);

    function write(bytes calldata words) external {
        emit Written(words);
    }
}

/// A blob (EIP-4844): the chain keeps the versioned hash of its commitment. Blobs have a market of
/// their own; what they cost there is no part of the gas.
contract InBlob {
    bytes32 public digest;

    function write() external {
        digest = blobhash(0);
    }
}

/// Its hash: whoever uses the data brings it.
contract AsHash is IDataStore {
    bytes32 public digest;

    function write(bytes calldata words) external {
        digest = keccak256(words);
    }

    function use(bytes calldata words) external returns (uint256 sum) {
        bytes32 found = keccak256(words);
        require(found == digest, WrongData(found, digest));
        sum = sumOf(words);
        emit Used(sum);
    }
}
