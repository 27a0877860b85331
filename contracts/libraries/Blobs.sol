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
    uint256 private constant ELEMENT_BITS = 12;
    address private constant POINT_EVALUATION = address(0x0A);

    /// No polynomial committed to under this hash has this value there.
    error WordNotInBlob(bytes32 versionedHash, uint256 element, uint256 value);

    /// Reverts unless element `element` of the blob is `value`. `commitmentAt` and `proofAt` are
    /// positions in calldata.
    function requireElement(
        bytes32 versionedHash,
        uint256 element,
        uint256 value,
        uint256 commitmentAt,
        uint256 proofAt
    ) internal view {
        uint256 z = _point(element);
        address precompile = POINT_EVALUATION;
        bool holds;
        // (holds,) = POINT_EVALUATION.staticcall(
        //     abi.encodePacked(versionedHash, z, value, commitment, proof)
        // ) in scratch memory beyond the free pointer. What it returns are constants.
        assembly ("memory-safe") {
            let start := mload(0x40)
            mstore(start, versionedHash)
            mstore(add(start, 0x20), z)
            mstore(add(start, 0x40), value)
            calldatacopy(add(start, 0x60), commitmentAt, COMMITMENT_BYTES)
            calldatacopy(add(start, 0x90), proofAt, PROOF_BYTES)
            holds := staticcall(gas(), precompile, start, 0xc0, 0, 0)
        }
        require(holds, WordNotInBlob(versionedHash, element, value));
    }

    /// Where element i of a blob is evaluated.
    function _point(uint256 element) private pure returns (uint256 z) {
        z = 1;
        uint256 power = ROOT_OF_UNITY;
        // The highest of the 12 bits of i is the lowest of the exponent.
        for (uint256 bit = ELEMENT_BITS; bit != 0; --bit) {
            if (element >> (bit - 1) & 1 == 1) z = mulmod(z, power, MODULUS);
            power = mulmod(power, power, MODULUS);
        }
    }
}
