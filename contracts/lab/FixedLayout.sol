// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

// Orders of one fixed shape arrive as messages; a checksum of them is answered.
//
// Claim        If every message has its fields at known offsets, reading one is one load.
// Rule         The ABI spends a word each on the offset and the length of a dynamic element, pads
//              each field to a word, and its decoder checks all of them. CALLDATALOAD costs 3.
// Pays         Wherever messages have one shape: fewer bytes and no decoder, so both the execution
//              and the calldata floor fall.
// Does not     Where shapes must be able to change: a version then has to say which offsets hold.
// Readability  A drawn layout; the schema is no longer in the ABI, so wallets and explorers show
//              bytes.

struct Message {
    uint8 kind;
    uint32 market;
    uint64 price;
    uint64 quantity;
}

// A message as 21 bytes: `| kind:1 | market:4 | price:8 | quantity:8 |`.
uint256 constant MESSAGE_BYTES = 21;

error MessageLength(uint256 found, uint256 expected);

/// Next checksum: it depends on every field and on the order of the messages.
function fold(uint256 checksum, uint256 message) pure returns (uint256) {
    // A checksum may wrap.
    unchecked {
        return checksum * 31 + message;
    }
}

function packed(Message memory message) pure returns (uint256) {
    return uint256(message.kind) << 160 | uint256(message.market) << 128
        | uint256(message.price) << 64 | message.quantity;
}

interface NestedReader {
    function checksum(bytes[] calldata messages) external returns (uint256);
}

interface MessageReader {
    function checksum(Message[] calldata messages) external returns (uint256);
}

interface RecordReader {
    function checksum(bytes calldata messages) external returns (uint256);
}

/// Baseline: an array of byte strings, each the ABI encoding of a message.
contract NestedAbi is NestedReader {
    function checksum(bytes[] calldata messages) external pure returns (uint256 sum) {
        for (uint256 i; i < messages.length; ++i) {
            sum = fold(sum, packed(abi.decode(messages[i], (Message))));
        }
    }
}

/// An array of byte strings, each a packed message.
contract NestedPacked is NestedReader {
    function checksum(bytes[] calldata messages) external pure returns (uint256 sum) {
        for (uint256 i; i < messages.length; ++i) {
            bytes calldata message = messages[i];
            require(
                message.length == MESSAGE_BYTES, MessageLength(message.length, MESSAGE_BYTES)
            );
            sum = fold(sum, uint168(bytes21(message)));
        }
    }
}

/// An array of structs of static fields: no offsets, four words each.
contract StaticAbi is MessageReader {
    function checksum(Message[] calldata messages) external pure returns (uint256 sum) {
        for (uint256 i; i < messages.length; ++i) {
            sum = fold(sum, packed(messages[i]));
        }
    }
}

/// One byte string in which message i stands at 21 i, cut out by slices.
contract FixedBySlice is RecordReader {
    function checksum(bytes calldata messages) external pure returns (uint256 sum) {
        uint256 length = messages.length;
        require(length % MESSAGE_BYTES == 0, MessageLength(length, MESSAGE_BYTES));
        for (uint256 at; at < length; at += MESSAGE_BYTES) {
            sum = fold(sum, uint168(bytes21(messages[at:at + MESSAGE_BYTES])));
        }
    }
}

/// The same bytes, one load a message; plain equivalent: `FixedBySlice`.
contract FixedByWord is RecordReader {
    function checksum(bytes calldata messages) external pure returns (uint256 sum) {
        uint256 length = messages.length;
        require(length % MESSAGE_BYTES == 0, MessageLength(length, MESSAGE_BYTES));
        assembly ("memory-safe") {
            let end := add(messages.offset, length)
            for { let at := messages.offset } lt(at, end) { at := add(at, 21) } {
                sum := add(mul(sum, 31), shr(88, calldataload(at)))
            }
        }
    }
}
