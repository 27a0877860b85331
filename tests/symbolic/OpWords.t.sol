// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import "../../contracts/types/OpWord.sol";

/// Op words (section 5), for all 2^256 words and all fields. INV-S8: what is packed is what is read,
/// and no op has a second spelling.
contract OpWordsTest {
    // --- what is packed is read

    function check_inv_s8_fill_is_read_as_packed(FillOp memory op) public pure {
        FillOp memory found = OpWordLibrary.fromFill(op).asFill();
        assert(OpWordLibrary.fromFill(op).kind() == OP_FILL);
        assert(found.flags == op.flags && found.taker == op.taker && found.maker == op.maker);
        assert(found.instrument == op.instrument && found.tick == op.tick && found.lots == op.lots);
        assert(found.takerOrder == op.takerOrder && found.makerOrder == op.makerOrder);
    }

    function check_inv_s8_credit_is_read_as_packed(CreditOp memory op) public pure {
        OpWord word = OpWordLibrary.fromCredit(op);
        CreditOp memory found = word.asCredit();
        assert(word.kind() == OP_CREDIT && word.isWellFormed());
        assert(found.account == op.account && found.amount == op.amount);
    }

    function check_inv_s8_withdraw_is_read_as_packed(WithdrawOp memory op) public pure {
        OpWord word = OpWordLibrary.fromWithdraw(op);
        WithdrawOp memory found = word.asWithdraw();
        assert(word.kind() == OP_WITHDRAW && word.isWellFormed());
        assert(found.account == op.account && found.amount == op.amount && found.order == op.order);
    }

    function check_inv_s8_settle_is_read_as_packed(SettleOp memory op) public pure {
        OpWord word = OpWordLibrary.fromSettle(op);
        SettleOp memory found = word.asSettle();
        assert(word.kind() == OP_SETTLE && word.isWellFormed());
        assert(found.account == op.account && found.market == op.market);
        assert(found.expiry == op.expiry);
    }

    function check_inv_s8_transfer_is_read_as_packed(TransferOp memory op) public pure {
        OpWord word = OpWordLibrary.fromTransfer(op);
        TransferOp memory found = word.asTransfer();
        assert(word.kind() == OP_TRANSFER && word.isWellFormed());
        assert(found.from == op.from && found.to == op.to);
        assert(found.amount == op.amount && found.order == op.order);
    }

    function check_inv_s8_release_is_read_as_packed(ReleaseOp memory op) public pure {
        OpWord word = OpWordLibrary.fromRelease(op);
        ReleaseOp memory found = word.asRelease();
        assert(word.kind() == OP_RELEASE && word.isWellFormed());
        assert(found.account == op.account && found.amount == op.amount);
        assert(found.served == op.served);
    }

    function check_inv_s8_root_is_read_as_packed(bytes32 root) public pure {
        (OpWord high, OpWord low) = OpWordLibrary.fromRoot(root);
        assert(high.kind() == OP_ROOT_HI && high.isWellFormed());
        assert(low.kind() == OP_ROOT_LO && low.isWellFormed());
        assert(bytes32(uint256(high.half()) << 128 | low.half()) == root);
    }

    // --- a word is well-formed iff it is what packing its own fields gives

    function check_inv_s8_word_is_well_formed_iff_packed_so(uint256 raw) public pure {
        OpWord word = OpWord.wrap(raw);
        assert(word.isWellFormed() == _isSpelledSo(word));
    }

    /// The same said the other way round: by the packing and not by masks.
    function _isSpelledSo(OpWord word) private pure returns (bool) {
        uint256 raw = OpWord.unwrap(word);
        uint256 kind = raw >> 240; // the bits above 247 with it
        if (kind == OP_NOP) return raw == 0;
        if (kind == OP_FILL) return _is(OpWordLibrary.fromFill(word.asFill()), raw) && _flags(raw);
        if (kind == OP_CREDIT) return _is(OpWordLibrary.fromCredit(word.asCredit()), raw);
        if (kind == OP_WITHDRAW) return _is(OpWordLibrary.fromWithdraw(word.asWithdraw()), raw);
        if (kind == OP_SETTLE) return _is(OpWordLibrary.fromSettle(word.asSettle()), raw);
        if (kind == OP_TRANSFER) return _is(OpWordLibrary.fromTransfer(word.asTransfer()), raw);
        if (kind == OP_RELEASE) return _is(OpWordLibrary.fromRelease(word.asRelease()), raw);
        (OpWord high,) = OpWordLibrary.fromRoot(bytes32(uint256(word.half()) << 128));
        (, OpWord low) = OpWordLibrary.fromRoot(bytes32(uint256(word.half())));
        if (kind == OP_ROOT_HI) return _is(high, raw);
        if (kind == OP_ROOT_LO) return _is(low, raw);
        return false;
    }

    function _is(OpWord word, uint256 raw) private pure returns (bool) {
        return OpWord.unwrap(word) == raw;
    }

    /// Bit 0 alone means something.
    function _flags(uint256 raw) private pure returns (bool) {
        return uint8(raw >> 232) < 2;
    }
}
