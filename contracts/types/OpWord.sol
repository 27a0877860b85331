// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// One op (section 5): 248 bits, right-aligned. Fields fill from bit 247 down; what is left below is
/// reserved and zero.
///
///     | zero:8 | kind:8 | fields, highest first, then reserved:240 |
///     ^ 255      247      239                                      0
///
///     0x00 NOP       -
///     0x01 FILL      flags:8 taker:24 maker:24 instrument:24 tick:32 lots:32 takerOrder:48 makerOrder:48
///     0x02 CREDIT    account:24 amount:64
///     0x03 WITHDRAW  account:24 amount:64 order:48
///     0x04 SETTLE    account:24 market:8 expiry:24
///     0x05 TRANSFER  from:24 to:24 amount:64 order:48
///     0x06 RELEASE   account:24 amount:64 served:24
///     0xFE ROOT_HI   half:128, the first 128 bits of the state root
///     0xFF ROOT_LO   half:128, the others
type OpWord is uint256;

using OpWordLibrary for OpWord global;

uint8 constant OP_NOP = 0x00;
uint8 constant OP_FILL = 0x01;
uint8 constant OP_CREDIT = 0x02;
uint8 constant OP_WITHDRAW = 0x03;
uint8 constant OP_SETTLE = 0x04;
uint8 constant OP_TRANSFER = 0x05;
uint8 constant OP_RELEASE = 0x06;
uint8 constant OP_ROOT_HI = 0xFE;
uint8 constant OP_ROOT_LO = 0xFF;

uint256 constant CHUNK_WORDS = 32;
uint256 constant CHUNK_OPS = 30;

struct FillOp {
    uint8 flags; // bit 0: the taker sells
    uint24 taker;
    uint24 maker;
    uint24 instrument;
    uint32 tick;
    uint32 lots;
    uint48 takerOrder;
    uint48 makerOrder;
}

struct CreditOp {
    uint24 account;
    uint64 amount; // atoms
}

struct WithdrawOp {
    uint24 account;
    uint64 amount; // atoms
    uint48 order;
}

struct SettleOp {
    uint24 account;
    uint8 market;
    uint24 expiry; // hours since the epoch
}

struct TransferOp {
    uint24 from;
    uint24 to;
    uint64 amount; // atoms
    uint48 order;
}

struct ReleaseOp {
    uint24 account;
    uint64 amount; // atoms
    uint24 served; // asks served, all ever
}

/// `as...` reads the fields of a word whose kind the caller knows; it does not look at the kind.
library OpWordLibrary {
    uint256 private constant FILL_FLAGS = 1; // those that mean something

    function kind(OpWord self) internal pure returns (uint8) {
        return uint8(OpWord.unwrap(self) >> 240);
    }

    /// No bit above 247, a known kind, no reserved bit, no payload in a NOP. Whether the word may
    /// stand where it stands is not asked here.
    function isWellFormed(OpWord self) internal pure returns (bool) {
        uint256 raw = OpWord.unwrap(self);
        if (raw >> 248 != 0) return false;
        uint8 kind_ = kind(self);
        if (kind_ == OP_FILL) return asFill(self).flags & ~uint8(FILL_FLAGS) == 0;
        uint256 reserved; // bits at the low end
        if (kind_ == OP_NOP) reserved = 240;
        else if (kind_ == OP_CREDIT) reserved = 152;
        else if (kind_ == OP_WITHDRAW) reserved = 104;
        else if (kind_ == OP_SETTLE) reserved = 184;
        else if (kind_ == OP_TRANSFER) reserved = 80;
        else if (kind_ == OP_RELEASE) reserved = 128;
        else if (kind_ == OP_ROOT_HI || kind_ == OP_ROOT_LO) reserved = 112;
        else return false;
        return raw & (1 << reserved) - 1 == 0;
    }

    function asFill(OpWord self) internal pure returns (FillOp memory) {
        uint256 raw = OpWord.unwrap(self);
        return FillOp({
            flags: uint8(raw >> 232),
            taker: uint24(raw >> 208),
            maker: uint24(raw >> 184),
            instrument: uint24(raw >> 160),
            tick: uint32(raw >> 128),
            lots: uint32(raw >> 96),
            takerOrder: uint48(raw >> 48),
            makerOrder: uint48(raw)
        });
    }

    function asCredit(OpWord self) internal pure returns (CreditOp memory) {
        uint256 raw = OpWord.unwrap(self);
        return CreditOp({account: uint24(raw >> 216), amount: uint64(raw >> 152)});
    }

    function asWithdraw(OpWord self) internal pure returns (WithdrawOp memory) {
        uint256 raw = OpWord.unwrap(self);
        return WithdrawOp({
            account: uint24(raw >> 216), amount: uint64(raw >> 152), order: uint48(raw >> 104)
        });
    }

    function asSettle(OpWord self) internal pure returns (SettleOp memory) {
        uint256 raw = OpWord.unwrap(self);
        return SettleOp({
            account: uint24(raw >> 216), market: uint8(raw >> 208), expiry: uint24(raw >> 184)
        });
    }

    function asTransfer(OpWord self) internal pure returns (TransferOp memory) {
        uint256 raw = OpWord.unwrap(self);
        return TransferOp({
            from: uint24(raw >> 216),
            to: uint24(raw >> 192),
            amount: uint64(raw >> 128),
            order: uint48(raw >> 80)
        });
    }

    function asRelease(OpWord self) internal pure returns (ReleaseOp memory) {
        uint256 raw = OpWord.unwrap(self);
        return ReleaseOp({
            account: uint24(raw >> 216), amount: uint64(raw >> 152), served: uint24(raw >> 128)
        });
    }

    /// The half of a state root in a ROOT word.
    function half(OpWord self) internal pure returns (uint128) {
        return uint128(OpWord.unwrap(self) >> 112);
    }

    function fromFill(FillOp memory op) internal pure returns (OpWord) {
        return OpWord.wrap(
            uint256(OP_FILL) << 240 | uint256(op.flags) << 232 | uint256(op.taker) << 208
                | uint256(op.maker) << 184 | uint256(op.instrument) << 160
                | uint256(op.tick) << 128 | uint256(op.lots) << 96 | uint256(op.takerOrder) << 48
                | op.makerOrder
        );
    }

    function fromCredit(CreditOp memory op) internal pure returns (OpWord) {
        return OpWord.wrap(
            uint256(OP_CREDIT) << 240 | uint256(op.account) << 216 | uint256(op.amount) << 152
        );
    }

    function fromWithdraw(WithdrawOp memory op) internal pure returns (OpWord) {
        return OpWord.wrap(
            uint256(OP_WITHDRAW) << 240 | uint256(op.account) << 216 | uint256(op.amount) << 152
                | uint256(op.order) << 104
        );
    }

    function fromSettle(SettleOp memory op) internal pure returns (OpWord) {
        return OpWord.wrap(
            uint256(OP_SETTLE) << 240 | uint256(op.account) << 216 | uint256(op.market) << 208
                | uint256(op.expiry) << 184
        );
    }

    function fromTransfer(TransferOp memory op) internal pure returns (OpWord) {
        return OpWord.wrap(
            uint256(OP_TRANSFER) << 240 | uint256(op.from) << 216 | uint256(op.to) << 192
                | uint256(op.amount) << 128 | uint256(op.order) << 80
        );
    }

    function fromRelease(ReleaseOp memory op) internal pure returns (OpWord) {
        return OpWord.wrap(
            uint256(OP_RELEASE) << 240 | uint256(op.account) << 216 | uint256(op.amount) << 152
                | uint256(op.served) << 128
        );
    }

    /// The two words that end a chunk and state the root after it.
    function fromRoot(bytes32 root) internal pure returns (OpWord high, OpWord low) {
        high = OpWord.wrap(uint256(OP_ROOT_HI) << 240 | uint256(root) >> 128 << 112);
        low = OpWord.wrap(uint256(OP_ROOT_LO) << 240 | uint256(uint128(uint256(root))) << 112);
    }
}
