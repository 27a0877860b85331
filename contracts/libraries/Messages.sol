// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Order, Report, Transfer, Withdrawal} from "../types/Terms.sol";

/// EIP-712 digests of what traders and reporters sign, and who signed (sections 8 and 10).
/// One domain for all: name Quoin, version 1, this chain, BatchRegistry.
library Messages {
    string internal constant DOMAIN_NAME = "Quoin";
    string internal constant DOMAIN_VERSION = "1";

    bytes32 private constant DOMAIN_TYPE = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant ORDER_TYPE = keccak256(
        "Order(uint24 account,string instrument,bool buy,uint64 price,uint64 quantity,uint48 id,"
        "uint40 expiry,uint8 flags)"
    );
    bytes32 private constant WITHDRAWAL_TYPE =
        keccak256("Withdrawal(uint24 account,uint64 amount,uint48 id,uint40 expiry)");
    bytes32 private constant TRANSFER_TYPE =
        keccak256("Transfer(uint24 from,uint24 to,uint64 amount,uint48 id,uint40 expiry)");
    bytes32 private constant REPORT_TYPE =
        keccak256("Report(uint8 market,uint24 expiry,uint64 price)");

    /// 65 bytes `r, s, v`, or 64 bytes of EIP-2098.
    error SignatureLength(uint256 found);
    /// v is 27 or 28.
    error SignatureV(uint8 found);
    /// s lies in the upper half of the curve's order, where every signature has a second spelling.
    error SignatureHighS(bytes32 s);
    /// No key can have made it.
    error SignatureOfNobody(bytes32 digest);

    function domainSeparator(uint256 chainId, address registry) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DOMAIN_TYPE,
                keccak256(bytes(DOMAIN_NAME)),
                keccak256(bytes(DOMAIN_VERSION)),
                chainId,
                registry
            )
        );
    }

    function digest(Order memory order, bytes32 separator) internal pure returns (bytes32) {
        return _digest(
            separator,
            keccak256(
                abi.encode(
                    ORDER_TYPE,
                    order.account,
                    keccak256(bytes(order.instrument)),
                    order.buy,
                    order.price,
                    order.quantity,
                    order.id,
                    order.expiry,
                    order.flags
                )
            )
        );
    }

    function digest(Withdrawal memory withdrawal, bytes32 separator)
        internal
        pure
        returns (bytes32)
    {
        return _digest(separator, keccak256(abi.encode(WITHDRAWAL_TYPE, withdrawal)));
    }

    function digest(Transfer memory transfer, bytes32 separator) internal pure returns (bytes32) {
        return _digest(separator, keccak256(abi.encode(TRANSFER_TYPE, transfer)));
    }

    function digest(Report memory report, bytes32 separator) internal pure returns (bytes32) {
        return _digest(separator, keccak256(abi.encode(REPORT_TYPE, report)));
    }

    /// Who signed a digest; never the zero address.
    function recover(bytes32 digest_, bytes memory signature)
        internal
        pure
        returns (address signer)
    {
        (bytes32 r, bytes32 s, uint8 v) = _split(signature);
        ECDSA.RecoverError fault;
        (signer, fault,) = ECDSA.tryRecover(digest_, v, r, s);
        require(fault != ECDSA.RecoverError.InvalidSignatureS, SignatureHighS(s));
        require(fault == ECDSA.RecoverError.NoError, SignatureOfNobody(digest_));
    }

    function _digest(bytes32 separator, bytes32 structHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function _split(bytes memory signature) private pure returns (bytes32 r, bytes32 s, uint8 v) {
        require(
            signature.length == 65 || signature.length == 64, SignatureLength(signature.length)
        );
        // (r, s) = abi.decode(signature[:64], (bytes32, bytes32)): its first two words in memory.
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
        }
        if (signature.length == 65) {
            v = uint8(signature[64]);
            require(v == 27 || v == 28, SignatureV(v));
        } else {
            // EIP-2098: the parity stands in the highest bit of s.
            v = 27 + uint8(uint256(s) >> 255);
            s = s << 1 >> 1;
        }
    }
}
