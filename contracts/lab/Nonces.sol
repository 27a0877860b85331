// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title Nonces: what was used, as a slot each, as bits, or as one mask
///
/// Claim          Used or not is one bit; 256 of them share a slot, and n of them one write.
/// Rule           EIP-2200 and EIP-2929: 22,100 for each new slot; a second write to a slot in the
///                same transaction costs 100.
/// Pays           Signed orders, withdrawals, claims: from the second nonce of an owner on.
/// Does not pay   Nonces that are random words, which share no slot: there a bitmap costs the same.
/// Readability    Word and bit of a nonce; a mask shifts the work to the caller.
interface INonces {
    error Used(uint256 nonce);

    /// Uses each nonce, or reverts if one is used.
    function consume(uint256[] calldata nonces) external;

    function isUsed(address owner, uint256 nonce) external view returns (bool);
}

/// A slot per nonce.
contract BoolNonces is INonces {
    mapping(address owner => mapping(uint256 nonce => bool)) private _used;

    function consume(uint256[] calldata nonces) external {
        for (uint256 i = 0; i < nonces.length; ++i) {
            require(!_used[msg.sender][nonces[i]], Used(nonces[i]));
            _used[msg.sender][nonces[i]] = true;
        }
    }

    function isUsed(address owner, uint256 nonce) external view returns (bool) {
        return _used[owner][nonce];
    }
}

/// A bit per nonce, set one by one.
contract Bitmap is INonces {
    mapping(address owner => mapping(uint256 place => uint256 bits)) internal _bits;

    function consume(uint256[] calldata nonces) external {
        for (uint256 i = 0; i < nonces.length; ++i) {
            uint256 nonce = nonces[i];
            uint256 bits = _bits[msg.sender][nonce / 256];
            uint256 bit = 1 << (nonce % 256);
            require(bits & bit == 0, Used(nonce));
            _bits[msg.sender][nonce / 256] = bits | bit;
        }
    }

    function isUsed(address owner, uint256 nonce) public view returns (bool) {
        return _bits[owner][nonce / 256] >> (nonce % 256) & 1 == 1;
    }
}

/// The same bits, set by a mask: one word of calldata, one read, one write.
contract Mask is Bitmap {
    /// Uses the nonces `256 place + i` of all bits i of the mask.
    function consumeMask(uint256 place, uint256 mask) external {
        uint256 bits = _bits[msg.sender][place];
        uint256 twice = bits & mask;
        if (twice != 0) {
            uint256 first;
            while (twice >> first & 1 == 0) ++first;
            revert Used(256 * place + first);
        }
        _bits[msg.sender][place] = bits | mask;
    }
}

/// A counter: nonces must come in order, so a caller can't have two orders of which either may
/// come first, nor cancel one of them alone.
contract Sequential is INonces {
    mapping(address owner => uint256) private _next;

    function consume(uint256[] calldata nonces) external {
        uint256 next = _next[msg.sender];
        for (uint256 i = 0; i < nonces.length; ++i) {
            require(nonces[i] == next, Used(nonces[i]));
            ++next;
        }
        _next[msg.sender] = next;
    }

    function isUsed(address owner, uint256 nonce) external view returns (bool) {
        return nonce < _next[owner];
    }
}
