// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// Words of a blob, opened by the point-evaluation precompile of EIP-4844 (section 6).
///
/// A blob is a polynomial, given by its values at the 4096th roots of unity in bit-reversed order:
/// element i is its value at `ROOT_OF_UNITY ** reversed(i)`. One opening costs 50,000 gas.
library Blobs {
    uint256 internal constant ELEMENTS = 4096;
    uint256 internal constant COMMITMENT_BYTES = 48;
    uint256 internal constant PROOF_BYTES = 48;

    uint256 private constant MODULUS =
        0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001;
    /// 7 ** ((MODULUS - 1) / 4096) % MODULUS: 7 generates the field's multiplicative group.
    uint256 private constant ROOT_OF_UNITY =
        0x564c0a11a0f704f4fc3e8acfe0f8245f0ad1347b378fbf96e206da11a5d36306;
    /// ROOT_OF_UNITY ** (15 * 128): place 30 of a chunk, 0b11110, reversed.
    uint256 private constant POINT_OF_30 =
        0x1579b9c6e6797777851425ea12dcacdae7452d43f6d5756f51cb57e0e3035d15;
    uint256 private constant CHUNKS = 128;
    address private constant POINT_EVALUATION = address(0x0A);
    /// keccak256(abi.encode(ELEMENTS, MODULUS)): what the precompile returns. One constant more costs
    /// less than the modulus, which the compiler would fetch from code if it were used once more.
    bytes32 private constant ANSWER =
        0xb2157d3a40131b14c4c675335465dffde802f0ce5218ad012284d7f275d1b37c;

    /// `found` counts only as far as is needed to know.
    error BlobCount(uint256 found, uint256 allowed);
    /// No polynomial committed to under this hash has this value there.
    error WordNotInBlob(bytes32 versionedHash, uint256 element, uint256 value);

    /// Versioned hashes of the transaction's blobs, which must be `count`. One more is refused, too:
    /// nobody would ever read it, and it is paid for.
    function ofTransaction(uint256 count) internal view returns (bytes32[] memory versionedHashes) {
        versionedHashes = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            bytes32 versionedHash = blobhash(i); // 0 iff there is none
            require(versionedHash != 0, BlobCount(i, count));
            versionedHashes[i] = versionedHash;
        }
        require(blobhash(count) == 0, BlobCount(count + 1, count));
    }

    /// `blobsHash` of a header.
    function hashOf(bytes32[] memory versionedHashes) internal pure returns (bytes32 result) {
        // keccak256(abi.encodePacked(versionedHashes)), where they stand
        assembly ("memory-safe") {
            result := keccak256(add(versionedHashes, 0x20), shl(5, mload(versionedHashes)))
        }
    }

    /// Reverts unless element `element` of the blob is `value`. `commitmentAt` and `proofAt` are
    /// positions in calldata.
    function requireElement(
        bytes32 versionedHash,
        uint256 element,
        uint256 value,
        uint256 commitmentAt,
        uint256 proofAt
    ) internal view {
        uint256 z = _times(1, element, ELEMENTS);
        bool holds = _evaluates(versionedHash, z, value, commitmentAt, proofAt);
        require(holds, WordNotInBlob(versionedHash, element, value));
    }

    /// The same for words 30 and 31 of the blob's chunk `number`: elements 32 * number + 30 and 31,
    /// at less gas for their points. The first is what 30 and the chunk contribute to the exponent;
    /// the other differs in its highest bit, so it is the negative of the first.
    function requireRoot(
        bytes32 versionedHash,
        uint256 number,
        uint256 high,
        uint256 low,
        uint256 commitmentAt,
        uint256 highProofAt,
        uint256 lowProofAt
    ) internal view {
        uint256 z = _times(POINT_OF_30, number, CHUNKS);
        uint256 element = ELEMENTS / CHUNKS * number + 30;
        bool holds = _evaluates(versionedHash, z, high, commitmentAt, highProofAt);
        require(holds, WordNotInBlob(versionedHash, element, high));
        holds = _evaluates(versionedHash, MODULUS - z, low, commitmentAt, lowProofAt);
        require(holds, WordNotInBlob(versionedHash, element + 1, low));
    }

    /// Whether the blob's polynomial is `value` at `z`. On a chain without the precompile the call
    /// succeeds, too, and returns nothing: only what it must return says that it looked.
    function _evaluates(
        bytes32 versionedHash,
        uint256 z,
        uint256 value,
        uint256 commitmentAt,
        uint256 proofAt
    ) private view returns (bool holds) {
        address precompile = POINT_EVALUATION;
        // (bool success, bytes memory answer) = POINT_EVALUATION.staticcall(
        //     abi.encodePacked(versionedHash, z, value, commitment, proof)
        // );
        // holds = success && answer.length == 64 && keccak256(answer) == ANSWER;
        // in memory beyond the free pointer, and the answer in scratch space.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, versionedHash)
            mstore(add(start, 0x20), z)
            mstore(add(start, 0x40), value)
            calldatacopy(add(start, 0x60), commitmentAt, COMMITMENT_BYTES)
            calldatacopy(add(start, 0x90), proofAt, PROOF_BYTES)
            holds := staticcall(gas(), precompile, start, 0xc0, 0, 0x40)
            let isWhole := eq(returndatasize(), 0x40)
            holds := and(holds, and(isWhole, eq(keccak256(0, 0x40), ANSWER)))
        }
    }

    /// `z * ROOT_OF_UNITY ** reversed(i)`, where `i < size`, a power of two. With z = 1 and all 4096
    /// it is where element i is evaluated.
    function _times(uint256 z, uint256 i, uint256 size) private pure returns (uint256 result) {
        // uint256 power = ROOT_OF_UNITY;
        // for (uint256 bit = size / 2; bit != 0; bit /= 2) {
        //     if (i & bit != 0) z = mulmod(z, power, MODULUS);
        //     power = mulmod(power, power, MODULUS);
        // }
        // result = z;
        // The highest bit of i is the lowest of the exponent. Memory at 0x60 is always zero, which
        // the compiler does not know: else it would fetch the constant in every round.
        assembly ("memory-safe") {
            let modulus := or(MODULUS, mload(0x60))
            let power := ROOT_OF_UNITY
            result := z
            for { let bit := shr(1, size) } bit { bit := shr(1, bit) } {
                if and(i, bit) { result := mulmod(result, power, modulus) }
                power := mulmod(power, power, modulus)
            }
        }
    }
}
