// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {LibClone} from "solady/utils/LibClone.sol";

// A factory makes an escrow for a pair of parties, and it is then used in n transactions.
//
// Claim        Ten contracts of the same code need the code once.
// Rule         A byte of code costs 200 gas (the draft of Amsterdam charges it as state). EIP-1167:
//              a proxy of some 45 bytes that delegates each call, 2,600 for the implementation's
//              address in each transaction and some 150 for the call. Immutable arguments stand
//              behind the proxy's code and are read by EXTCODECOPY or CODECOPY instead of SLOAD.
// Pays         For contracts that are made often and used seldom.
// Does not     For contracts that are used often: each transaction pays the detour.
// Readability  An initializer in place of a constructor, with its own guard; arguments by offset.

interface Escrow {
    function buyer() external returns (address);
    function seller() external returns (address);

    /// Adds to what was paid; the new sum.
    function pay(uint64 amount) external returns (uint256);
}

interface Factory {
    event Opened(address escrow);

    function open(address buyer, address seller, uint64 limit) external returns (address);
}

/// What an escrow does, wherever its terms are kept.
abstract contract Payments is Escrow {
    uint256 internal paid;

    error OverLimit(uint256 paid, uint256 limit);
    error Stranger(address caller, address buyer, address seller);

    function terms() internal view virtual returns (address buyer, address seller, uint64 limit);

    function buyer() external view returns (address who) {
        (who,,) = terms();
    }

    function seller() external view returns (address who) {
        (, who,) = terms();
    }

    function pay(uint64 amount) external returns (uint256 sum) {
        (address buyer_, address seller_, uint64 limit) = terms();
        require(
            msg.sender == buyer_ || msg.sender == seller_, Stranger(msg.sender, buyer_, seller_)
        );
        sum = paid + amount;
        require(sum <= limit, OverLimit(sum, limit));
        paid = sum;
    }
}

/// Terms in the code, by the constructor.
contract FullEscrow is Payments {
    address private immutable BUYER;
    address private immutable SELLER;
    uint64 private immutable LIMIT;

    constructor(address buyer_, address seller_, uint64 limit) {
        (BUYER, SELLER, LIMIT) = (buyer_, seller_, limit);
    }

    function terms() internal view override returns (address, address, uint64) {
        return (BUYER, SELLER, LIMIT);
    }
}

/// Terms in storage, set once.
contract InitializedEscrow is Payments {
    address private buyer_;
    uint64 private limit_;
    address private seller_;

    error InitializedBefore(address buyer);

    function initialize(address buyer__, address seller__, uint64 limit__) external {
        require(buyer_ == address(0), InitializedBefore(buyer_));
        (buyer_, seller_, limit_) = (buyer__, seller__, limit__);
    }

    function terms() internal view override returns (address, address, uint64) {
        return (buyer_, seller_, limit_);
    }
}

/// Terms behind the proxy's code: `| buyer:20 | seller:20 | limit:8 |`.
contract ArgumentsEscrow is Payments {
    function terms() internal view override returns (address, address, uint64) {
        bytes memory packed = LibClone.argsOnClone(address(this));
        bytes32 first;
        bytes32 second;
        // (buyer, seller, limit) = three slices, which Solidity does not have for memory.
        assembly ("memory-safe") {
            first := mload(add(packed, 0x20))
            second := mload(add(packed, 0x34))
        }
        uint64 limit = uint64(uint256(second) >> 32);
        return (address(bytes20(first)), address(bytes20(second)), limit);
    }
}

/// Baseline: each escrow is deployed in full.
contract DeployInFull is Factory {
    function open(address buyer, address seller, uint64 limit) external returns (address escrow) {
        escrow = address(new FullEscrow(buyer, seller, limit));
        emit Opened(escrow);
    }
}

/// EIP-1167 proxies, initialized.
contract CloneAndInitialize is Factory {
    InitializedEscrow private immutable IMPLEMENTATION = new InitializedEscrow();

    function open(address buyer, address seller, uint64 limit) external returns (address escrow) {
        escrow = LibClone.clone(address(IMPLEMENTATION));
        InitializedEscrow(escrow).initialize(buyer, seller, limit);
        emit Opened(escrow);
    }
}

/// Proxies that carry their terms.
contract CloneWithArguments is Factory {
    address private immutable IMPLEMENTATION = address(new ArgumentsEscrow());

    function open(address buyer, address seller, uint64 limit) external returns (address escrow) {
        escrow = LibClone.clone(IMPLEMENTATION, abi.encodePacked(buyer, seller, limit));
        emit Opened(escrow);
    }
}
