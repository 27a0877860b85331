// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header} from "../types/Proofs.sol";
import {IProver} from "./IProver.sol";

/// Who signed this? Signatures are not on chain, so this lie is proved by a question that nobody
/// answers (section 7). A question names one side of one op of a batch that stands, and dies with it.
///
///     side 0   the taker of a FILL; the account of a WITHDRAW; the sender of a TRANSFER
///     side 1   the maker of a FILL
interface IUnauthorizedProver is IProver {
    enum QuestionState {
        None,
        Open,
        Answered,
        Reclaimed
    }

    error BatchNotOpen(uint40 id, uint8 status);
    error TooLateToAsk(uint256 timestamp, uint256 until);
    error WrongBond(uint256 found, uint256 expected);
    /// Nobody signs such an op, or it has no such side.
    error NothingToSign(uint256 word, uint8 side);
    error AskedAlready(bytes32 question);
    /// `state` is a QuestionState.
    error QuestionNotOpen(bytes32 question, uint8 state);
    /// The batch stands and is not final: the bond waits for an answer, or the verdict.
    error QuestionAlive(bytes32 question);

    // --- what an answer may lack
    error SignerNotAllowed(uint24 account, address signer, uint40 builtAt);
    error MessageExpired(uint40 expiry, uint40 builtAt);
    /// Atoms per lot: what was paid or received, and the order's limit.
    error PriceOutsideLimit(uint256 price, uint64 limit, bool buys);
    error TakerIsPostOnly();
    /// The slot after the chunk is of another order.
    error GenerationMismatch(uint32 found, uint40 expected);
    error FilledAboveQuantity(uint32 filled, uint64 quantity);
    error FlagsUnknown(uint8 flags);
    error EncodingUnknown(uint8 encoding);

    event QuestionAsked(
        bytes32 indexed batchHash,
        bytes32 indexed question,
        uint40 id,
        uint16 chunk,
        uint8 place,
        uint8 side,
        uint256 word,
        address asker
    );
    event QuestionAnswered(bytes32 indexed question, address answerer, address signer);
    event QuestionReclaimed(bytes32 indexed question, address asker);

    /// Asks about side `side` of op `place` of chunk `chunk`, for `questionBond` wei exactly; while
    /// now <= committedAt + W. `opening` is the op word (docs/reference/witnesses.md).
    function ask(
        Header calldata header,
        uint16 chunk,
        uint8 place,
        uint8 side,
        bytes calldata opening
    ) external payable returns (bytes32 question);
    /// By anybody, until the batch is reverted or final: shows what was signed. The bond is the
    /// answerer's. `message` is packed (docs/reference/witnesses.md).
    function answer(
        Header calldata header,
        uint16 chunk,
        uint8 place,
        uint8 side,
        bytes calldata message
    ) external;
    /// Gives the bond of a question that died unanswered back to who asked: its batch was reverted,
    /// or is final.
    function reclaim(Header calldata header, uint16 chunk, uint8 place, uint8 side) external;

    function registry() external view returns (address);
    function vault() external view returns (address);
    function markets() external view returns (address);
    function questionBond() external view returns (uint256); // wei
    /// `askedAt` 0: never asked.
    function questionOf(bytes32 batchHash, uint16 chunk, uint8 place, uint8 side)
        external
        view
        returns (QuestionState state, address asker, uint40 askedAt, uint256 word);
}
