// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {BatchStatus, IBatchRegistry} from "../interfaces/IBatchRegistry.sol";
import {IMarkets} from "../interfaces/IMarkets.sol";
import {IProver} from "../interfaces/IProver.sol";
import {IUnauthorizedProver} from "../interfaces/IUnauthorizedProver.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Headers} from "../libraries/Headers.sol";
import {Leaf} from "../libraries/Leaf.sol";
import {Messages} from "../libraries/Messages.sol";
import {Openings} from "../libraries/Openings.sol";
import {Spots} from "../libraries/Spots.sol";
import {
    FillOp,
    OP_FILL,
    OP_TRANSFER,
    OP_WITHDRAW,
    OpWord,
    TransferOp,
    WithdrawOp
} from "../types/OpWord.sol";
import {Header} from "../types/Proofs.sol";
import {Reader, ReaderLibrary} from "../types/Reader.sol";
import {Order, Transfer, Withdrawal} from "../types/Terms.sol";
import {Fault, Verdict} from "../types/Verdict.sol";
import {NativeOrder} from "./encodings/NativeOrder.sol";

/// @title UNAUTHORIZED: a question that must be answered with what was signed (section 7)
/// @notice Holds the bonds of questions. Ether leaves last, after everything is written, and by
/// force: a right answer counts, and a dead question's bond goes back, whoever is to take it.
contract UnauthorizedProver is IUnauthorizedProver {
    using Headers for Header;
    using Openings for Openings.Body;
    using SafeTransferLib for address;

    /// Two words.
    struct Question {
        address asker;
        uint40 askedAt;
        QuestionState state;
        OpWord word;
    }

    /// What comes first in every answer.
    struct Message {
        uint40 expiry;
        bytes signature;
    }

    uint8 private constant _KNOWN_FLAGS = 0x0f; // of an order: post-only, IOC, FOK, reduce-only
    uint8 private constant _POST_ONLY = 0x01;
    uint256 private constant _ORDER_SLOTS = 4096;

    address public immutable registry;
    address public immutable vault;
    address public immutable markets;
    uint256 public immutable questionBond;

    mapping(bytes32 question => Question) private _questions;

    constructor(address registry_, address vault_, address markets_, uint256 questionBond_) {
        registry = registry_;
        vault = vault_;
        markets = markets_;
        questionBond = questionBond_;
    }

    /// @inheritdoc IUnauthorizedProver
    function ask(
        Header calldata header,
        uint16 chunk,
        uint8 place,
        uint8 side,
        bytes calldata opening
    ) external payable returns (bytes32 question) {
        require(msg.value == questionBond, WrongBond(msg.value, questionBond));
        uint256 until = uint256(_requireCommitted(header))
            + IBatchRegistry(registry).challengeWindow();
        require(block.timestamp <= until, TooLateToAsk(block.timestamp, until));
        Reader memory reader = ReaderLibrary.over(opening);
        OpWord word = OpWord.wrap(Openings.begin(header, reader).word(reader, chunk, place));
        require(_isSigned(word, side), NothingToSign(OpWord.unwrap(word), side));
        bytes32 batchHash = header.hash();
        question = _idOf(batchHash, chunk, place, side);
        require(_questions[question].state == QuestionState.None, AskedAlready(question));

        _questions[question] =
            Question(msg.sender, uint40(block.timestamp), QuestionState.Open, word);

        emit QuestionAsked(
            batchHash,
            question,
            header.info.id(),
            chunk,
            place,
            side,
            OpWord.unwrap(word),
            msg.sender
        );
    }

    /// @inheritdoc IUnauthorizedProver
    function answer(
        Header calldata header,
        uint16 chunk,
        uint8 place,
        uint8 side,
        bytes calldata message
    ) external {
        (bytes32 question, Question storage found) = _open(header, chunk, place, side);
        _requireCommitted(header);
        OpWord word = found.word;
        address signer = word.kind() == OP_FILL
            ? _ordered(header, chunk, word.asFill(), side == 0, message)
            : _allowed(header, word, message);

        found.state = QuestionState.Answered;

        emit QuestionAnswered(question, msg.sender, signer);
        msg.sender.forceSafeTransferETH(questionBond);
    }

    /// @inheritdoc IProver
    function judge(Header calldata header, Header calldata, bytes calldata witness)
        external
        view
        returns (Verdict memory verdict)
    {
        Reader memory reader = ReaderLibrary.over(witness);
        (verdict.chunk, verdict.place) = (uint16(reader.number(2)), uint8(reader.number(1)));
        uint8 side = uint8(reader.number(1));
        Question storage found =
            _questions[_idOf(header.hash(), verdict.chunk, verdict.place, side)];
        uint256 until = uint256(found.askedAt) + IBatchRegistry(registry).answerWindow();
        if (found.state == QuestionState.Open && block.timestamp > until) {
            (verdict.fault, verdict.challenger) = (Fault.Unanswered, found.asker);
        }
    }

    /// @inheritdoc IUnauthorizedProver
    function reclaim(Header calldata header, uint16 chunk, uint8 place, uint8 side) external {
        (bytes32 question, Question storage found) = _open(header, chunk, place, side);
        (BatchStatus status,) = IBatchRegistry(registry).statusOf(header);
        require(status != BatchStatus.Committed, QuestionAlive(question));
        address asker = found.asker;

        found.state = QuestionState.Reclaimed;

        emit QuestionReclaimed(question, asker);
        asker.forceSafeTransferETH(questionBond);
    }

    /// @inheritdoc IUnauthorizedProver
    function questionOf(bytes32 batchHash, uint16 chunk, uint8 place, uint8 side)
        external
        view
        returns (QuestionState state, address asker, uint40 askedAt, uint256 word)
    {
        Question storage found = _questions[_idOf(batchHash, chunk, place, side)];
        return (found.state, found.asker, found.askedAt, OpWord.unwrap(found.word));
    }

    // --- private: what answers

    /// Who signed an order that allows this side of a fill.
    function _ordered(
        Header calldata header,
        uint16 chunk,
        FillOp memory fill,
        bool isTaker,
        bytes calldata answered
    ) private view returns (address signer) {
        (Reader memory reader, Openings.Body memory body, Message memory message) =
            _begin(header, answered);
        Order memory order;
        order.account = isTaker ? fill.taker : fill.maker;
        order.id = isTaker ? fill.takerOrder : fill.makerOrder;
        order.buy = (fill.flags & 1 == 0) == isTaker;
        order.instrument = IMarkets(markets).symbolOf(fill.instrument);
        order.expiry = message.expiry;
        bytes32 digest = _read(reader, order);
        signer = Messages.recover(digest, message.signature);
        uint40 builtAt = header.info.builtAt();
        require(
            _mayOrder(order.account, signer, builtAt),
            SignerNotAllowed(order.account, signer, builtAt)
        );
        _requireTerms(order, fill, isTaker);
        _requireFilled(reader, body.root(reader, chunk), order);
    }

    /// Completes an order by the terms in an answer, in whichever encoding; the digest signed.
    function _read(Reader memory reader, Order memory order) private view returns (bytes32) {
        uint8 encoding = uint8(reader.number(1));
        require(encoding == NativeOrder.ENCODING, EncodingUnknown(encoding));
        return NativeOrder.read(reader, order, _separator());
    }

    function _requireTerms(Order memory order, FillOp memory fill, bool isTaker) private view {
        require(order.flags & ~_KNOWN_FLAGS == 0, FlagsUnknown(order.flags));
        require(!isTaker || order.flags & _POST_ONLY == 0, TakerIsPostOnly());
        (uint8 market,,,) = IMarkets(markets).instrumentOf(fill.instrument);
        (, uint32 tickValue,) = IMarkets(markets).marketOf(market);
        uint256 price = uint256(fill.tick) * tickValue;
        require(
            order.buy ? price <= order.price : price >= order.price,
            PriceOutsideLimit(price, order.price, order.buy)
        );
    }

    /// The order's slot after the chunk is its own, and was not filled beyond its quantity.
    function _requireFilled(Reader memory reader, bytes32 root, Order memory order) private pure {
        (bytes32[] calldata leaf,) = Spots.account(reader, root, order.account);
        (uint256 word,) = Spots.slots(reader, Leaf.slotsRoot(leaf), order.id);
        uint64 slot = uint64(word >> 64 * (3 - order.id % 4));
        (uint32 generation, uint32 filled) = (uint32(slot >> 32), uint32(slot));
        uint40 expected = uint40(order.id / _ORDER_SLOTS);
        require(generation == expected, GenerationMismatch(generation, expected));
        require(filled <= order.quantity, FilledAboveQuantity(filled, order.quantity));
    }

    /// Who signed a WITHDRAW or TRANSFER: its owner.
    function _allowed(Header calldata header, OpWord word, bytes calldata answered)
        private
        view
        returns (address signer)
    {
        (,, Message memory message) = _begin(header, answered);
        uint24 account;
        bytes32 digest;
        if (word.kind() == OP_WITHDRAW) {
            WithdrawOp memory op = word.asWithdraw();
            account = op.account;
            digest = Messages.digest(
                Withdrawal(op.account, op.amount, op.order, message.expiry), _separator()
            );
        } else {
            TransferOp memory op = word.asTransfer();
            account = op.from;
            digest = Messages.digest(
                Transfer(op.from, op.to, op.amount, op.order, message.expiry), _separator()
            );
        }
        signer = Messages.recover(digest, message.signature);
        require(
            signer == IVault(vault).ownerOf(account),
            SignerNotAllowed(account, signer, header.info.builtAt())
        );
    }

    function _begin(Header calldata header, bytes calldata answered)
        private
        pure
        returns (Reader memory reader, Openings.Body memory body, Message memory message)
    {
        reader = ReaderLibrary.over(answered);
        body = Openings.begin(header, reader);
        message.expiry = uint40(reader.number(5));
        message.signature = reader.bytesOf(reader.number(1));
        uint40 builtAt = header.info.builtAt();
        require(message.expiry >= builtAt, MessageExpired(message.expiry, builtAt));
    }

    /// Whether orders of the account that this address signs may be filled in a batch built then.
    function _mayOrder(uint24 account, address signer, uint40 builtAt) private view returns (bool) {
        (address owner,,,, uint40 ordersUntil,,) = IVault(vault).accountOf(account);
        if (signer == owner && (ordersUntil == 0 || ordersUntil >= builtAt)) return true;
        (uint40 validFrom, uint40 validUntil) = IVault(vault).keyOf(account, signer);
        return validFrom <= builtAt && builtAt <= validUntil;
    }

    // --- private: questions

    /// A question that waits for an answer.
    function _open(Header calldata header, uint16 chunk, uint8 place, uint8 side)
        private
        view
        returns (bytes32 question, Question storage found)
    {
        question = _idOf(header.hash(), chunk, place, side);
        found = _questions[question];
        QuestionState state = found.state;
        require(state == QuestionState.Open, QuestionNotOpen(question, uint8(state)));
    }

    function _requireCommitted(Header calldata header) private view returns (uint40 committedAt) {
        BatchStatus status;
        (status, committedAt) = IBatchRegistry(registry).statusOf(header);
        require(
            status == BatchStatus.Committed, BatchNotOpen(header.info.id(), uint8(status))
        );
    }

    function _isSigned(OpWord word, uint8 side) private pure returns (bool) {
        uint8 kind = word.kind();
        return (kind == OP_FILL && side <= 1)
            || ((kind == OP_WITHDRAW || kind == OP_TRANSFER) && side == 0);
    }

    function _idOf(bytes32 batchHash, uint16 chunk, uint8 place, uint8 side)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(batchHash, chunk, place, side));
    }

    /// Of the one domain of everything that is signed (section 8).
    function _separator() private view returns (bytes32) {
        return Messages.domainSeparator(block.chainid, registry);
    }
}
