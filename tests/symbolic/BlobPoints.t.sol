// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Blobs} from "../../contracts/libraries/Blobs.sol";
import {CHEATS} from "./Cheats.sol";

/// Where the elements of a blob are evaluated (section 6), each of the 4096, by forge. INV-S9: the
/// word that is opened is the one that stands there. The precompile answers to one input alone, in
/// which the point is computed from the field's generator.
contract BlobPointsTest {
    uint256 private constant _MODULUS =
        52435875175126190479447740508185965837690552500527637822603658699938581184513;
    uint256 private constant _GENERATOR = 7;
    address private constant _POINT_EVALUATION = address(0x0A);
    bytes32 private constant _HASH = keccak256("versioned hash");
    uint256 private constant _VALUE = 41;

    /// ROOT_OF_UNITY ** i.
    uint256[4096] private _powers;

    function setUp() public {
        uint256 root = 1;
        uint256 base = _GENERATOR;
        for (uint256 exponent = (_MODULUS - 1) / 4096; exponent != 0; exponent /= 2) {
            if (exponent % 2 == 1) root = mulmod(root, base, _MODULUS);
            base = mulmod(base, base, _MODULUS);
        }
        uint256 power = 1;
        for (uint256 i; i < 4096; ++i) {
            _powers[i] = power;
            power = mulmod(power, root, _MODULUS);
        }
        require(power == 1 && _powers[2048] == _MODULUS - 1, "not a root of unity");
    }

    function test_inv_s9_every_element_is_opened_at_its_point() public {
        bytes memory commitment = new bytes(48);
        bytes memory proof = new bytes(48);
        for (uint256 element; element < 4096; ++element) {
            _expect(_powers[_reversed(element)], _VALUE + element, commitment, proof);
            this.requireElement(element, _VALUE + element, commitment, proof);
        }
    }

    function test_inv_s9_no_element_is_opened_at_its_neighbours_point() public {
        bytes memory empty = new bytes(48);
        for (uint256 element; element < 4095; ++element) {
            _expect(_powers[_reversed(element + 1)], _VALUE, empty, empty);
            try this.requireElement{gas: 100_000}(element, _VALUE, empty, empty) {
                revert("opened");
            } catch {}
        }
    }

    function test_inv_s9_every_chunks_root_is_opened_at_its_points() public {
        bytes memory commitment = new bytes(48);
        bytes memory proof = new bytes(48);
        for (uint256 number; number < 128; ++number) {
            CHEATS.clearMockedCalls();
            _answer(_powers[_reversed(32 * number + 30)], _VALUE, commitment, proof);
            _answer(_powers[_reversed(32 * number + 31)], _VALUE + 1, commitment, proof);
            this.requireRoot(number, _VALUE, _VALUE + 1, commitment, proof);
        }
    }

    function requireElement(
        uint256 element,
        uint256 value,
        bytes calldata commitment,
        bytes calldata proof
    ) external view {
        Blobs.requireElement(_HASH, element, value, _at(commitment), _at(proof));
    }

    function requireRoot(
        uint256 number,
        uint256 high,
        uint256 low,
        bytes calldata commitment,
        bytes calldata proof
    ) external view {
        Blobs.requireRoot(_HASH, number, high, low, _at(commitment), _at(proof), _at(proof));
    }

    /// From now on the precompile takes this and nothing else.
    function _expect(uint256 z, uint256 value, bytes memory commitment, bytes memory proof) private {
        CHEATS.clearMockedCalls();
        _answer(z, value, commitment, proof);
    }

    function _answer(uint256 z, uint256 value, bytes memory commitment, bytes memory proof) private {
        CHEATS.mockCall(
            _POINT_EVALUATION,
            abi.encodePacked(_HASH, z, value, commitment, proof),
            abi.encode(uint256(4096), _MODULUS)
        );
    }

    function _reversed(uint256 i) private pure returns (uint256 result) {
        for (uint256 bit; bit < 12; ++bit) {
            result = result * 2 + (i >> bit) % 2;
        }
    }

    function _at(bytes calldata data) private pure returns (uint256 at) {
        assembly ("memory-safe") {
            at := data.offset
        }
    }
}
