// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ECDSA as OpenZeppelin} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ECDSA as Solady} from "solady/utils/ECDSA.sol";
import {MerkleProofLib} from "solady/utils/MerkleProofLib.sol";

struct Order {
    uint64 nonce;
    uint64 price;
    uint64 lots;
}

/// Experiment `signatures`: a trader signed n orders, and the chain fills them.
///
/// Claim          A signature is 3,000 gas and 65 bytes, which many orders can share.
/// Rule           ECRECOVER is 3,000; `bytes` of 65 takes five words of ABI, r and vs take two
///                (EIP-2098).
/// Pays           One per batch whenever orders come together; EIP-2098 always.
/// Does not pay   A signed root: beyond two levels a proof is longer than a signature.
/// Readability    A wallet shows a root, not an order, unless it knows the scheme.
abstract contract SignedOrders {
    mapping(address trader => uint256) public lotsOf;
    mapping(address trader => mapping(uint256 word => uint256)) private _used;

    error NonceUsed(address trader, uint256 nonce);

    /// Marks the nonce and books the lots.
    function _fill(address trader, Order calldata order) internal {
        uint256 bit = 1 << (order.nonce & 0xff);
        uint256 word = _used[trader][order.nonce >> 8];
        require(word & bit == 0, NonceUsed(trader, order.nonce));
        _used[trader][order.nonce >> 8] = word | bit;
        lotsOf[trader] += order.lots;
    }

    function isUsed(address trader, uint256 nonce) external view returns (bool) {
        return _used[trader][nonce >> 8] >> (nonce & 0xff) & 1 == 1;
    }

    function _hash(Order calldata order) internal view returns (bytes32) {
        return keccak256(abi.encode(address(this), order));
    }
}

/// `bytes` of 65 for each order, recovered by OpenZeppelin.
contract SignedEach is SignedOrders {
    function fill(Order[] calldata orders, bytes[] calldata signatures) external {
        for (uint256 i; i < orders.length; ++i) {
            _fill(OpenZeppelin.recover(_hash(orders[i]), signatures[i]), orders[i]);
        }
    }
}

/// The same, recovered by solady.
contract SignedEachAssembly is SignedOrders {
    function fill(Order[] calldata orders, bytes[] calldata signatures) external {
        for (uint256 i; i < orders.length; ++i) {
            _fill(Solady.recoverCalldata(_hash(orders[i]), signatures[i]), orders[i]);
        }
    }
}

/// Two words for each order (EIP-2098), and no offsets or lengths.
contract SignedEachCompact is SignedOrders {
    struct Compact {
        bytes32 r;
        bytes32 vs;
    }

    function fill(Order[] calldata orders, Compact[] calldata signatures) external {
        for (uint256 i; i < orders.length; ++i) {
            bytes32 hash = _hash(orders[i]);
            _fill(Solady.recover(hash, signatures[i].r, signatures[i].vs), orders[i]);
        }
    }
}

/// One signature over a root; each order brings its way to it, and can come alone.
contract SignedRoot is SignedOrders {
    error NotUnderRoot(uint256 order);

    function fill(
        Order[] calldata orders,
        bytes32[][] calldata proofs,
        bytes32 root,
        bytes32 r,
        bytes32 vs
    ) external {
        address trader = Solady.recover(root, r, vs);
        for (uint256 i; i < orders.length; ++i) {
            bytes32 leaf = _hash(orders[i]);
            require(MerkleProofLib.verifyCalldata(proofs[i], root, leaf), NotUnderRoot(i));
            _fill(trader, orders[i]);
        }
    }
}

/// One signature over all orders, which must come together.
contract SignedBatch is SignedOrders {
    function fill(Order[] calldata orders, bytes32 r, bytes32 vs) external {
        address trader = Solady.recover(keccak256(abi.encode(address(this), orders)), r, vs);
        for (uint256 i; i < orders.length; ++i) {
            _fill(trader, orders[i]);
        }
    }
}
