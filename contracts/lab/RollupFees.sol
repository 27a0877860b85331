// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibZip} from "solady/utils/LibZip.sol";

struct Trade {
    address buyer;
    address seller;
    uint256 price;
    uint256 lots;
}

/// Experiment `l2-fees`: the same n trades among few accounts, in four encodings. What counts on a
/// rollup is the bytes that are left of a transaction after its sequencer's compression.
///
/// Claim          Zeros and repetitions compress; what costs is bytes that look random.
/// Rule           OP Stack (Fjord) charges by the FastLZ size, Arbitrum by the brotli size.
/// Pays           Accounts stored under an index, always; a dictionary once its accounts recur.
/// Does not pay   Packing, nearly so much: of what it takes out, compression had taken out most.
///                Zipping by hand: fewer bytes, and twice the execution.
/// Readability    A format of one's own, with a decoder, in place of the ABI.
abstract contract RollupFees {
    mapping(address account => int256) public balanceOf;

    function _settle(address buyer, address seller, uint256 price, uint256 lots) internal {
        int256 amount = int256(price * lots);
        balanceOf[buyer] -= amount;
        balanceOf[seller] += amount;
    }
}

contract RollupFeesAbi is RollupFees {
    function settle(Trade[] calldata trades) external {
        for (uint256 i; i < trades.length; ++i) {
            _settle(trades[i].buyer, trades[i].seller, trades[i].price, trades[i].lots);
        }
    }
}

/// Calldata of the ABI with runs of zeros shortened: one byte 0, one byte of how many.
contract RollupFeesZipped is RollupFeesAbi {
    fallback() external {
        LibZip.cdFallback();
    }
}

/// Records of 48 bytes: buyer:160 | seller:160 | price:32 | lots:32.
contract RollupFeesPacked is RollupFees {
    error LengthInvalid(uint256 length);

    function settle(bytes calldata records) external {
        require(records.length % 48 == 0, LengthInvalid(records.length));
        for (uint256 i; i < records.length; i += 48) {
            _settle(
                address(bytes20(records[i:i + 20])),
                address(bytes20(records[i + 20:i + 40])),
                uint32(bytes4(records[i + 40:i + 44])),
                uint32(bytes4(records[i + 44:i + 48]))
            );
        }
    }
}

/// Accounts once, then records of 10 bytes: buyer:8 | seller:8 | price:32 | lots:32.
contract RollupFeesDictionary is RollupFees {
    error LengthInvalid(uint256 length);

    function settle(address[] calldata accounts, bytes calldata records) external {
        require(records.length % 10 == 0, LengthInvalid(records.length));
        for (uint256 i; i < records.length; i += 10) {
            _settle(
                accounts[uint8(records[i])],
                accounts[uint8(records[i + 1])],
                uint32(bytes4(records[i + 2:i + 6])),
                uint32(bytes4(records[i + 6:i + 10]))
            );
        }
    }
}

/// The same, with the accounts written to storage at some time before, under an index.
contract RollupFeesRegistry is RollupFees {
    address[] private _accounts;

    error LengthInvalid(uint256 length);

    function register(address[] calldata accounts) external {
        for (uint256 i; i < accounts.length; ++i) {
            _accounts.push(accounts[i]);
        }
    }

    function settle(bytes calldata records) external {
        require(records.length % 10 == 0, LengthInvalid(records.length));
        for (uint256 i; i < records.length; i += 10) {
            _settle(
                _accounts[uint8(records[i])],
                _accounts[uint8(records[i + 1])],
                uint32(bytes4(records[i + 2:i + 6])),
                uint32(bytes4(records[i + 6:i + 10]))
            );
        }
    }
}
