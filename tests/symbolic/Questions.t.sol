// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchStatus} from "../../contracts/interfaces/IBatchRegistry.sol";
import {IUnauthorizedProver} from "../../contracts/interfaces/IUnauthorizedProver.sol";
import {UnauthorizedProver} from "../../contracts/provers/UnauthorizedProver.sol";
import {HeaderInfoLibrary} from "../../contracts/types/HeaderInfo.sol";
import {OpWord, OpWordLibrary, WithdrawOp} from "../../contracts/types/OpWord.sol";
import {Header} from "../../contracts/types/Proofs.sol";
import {Fault, Verdict} from "../../contracts/types/Verdict.sol";
import {CHEATS} from "./Cheats.sol";

/// Says of every header what it is told to.
contract ToldRegistry {
    uint40 public constant challengeWindow = 3 days;
    uint40 public constant answerWindow = 1 days;
    BatchStatus private _status;
    uint40 private _committedAt;

    function tell(BatchStatus status, uint40 committedAt) external {
        (_status, _committedAt) = (status, committedAt);
    }

    function statusOf(Header calldata) external view returns (BatchStatus, uint40) {
        return (_status, _committedAt);
    }
}

contract OneOwner {
    address public owner;

    function tell(address account) external {
        owner = account;
    }

    function ownerOf(uint24) external view returns (address) {
        return owner;
    }
}

/// Questions about one side of a WITHDRAW, from any state in which a question can be (section 7).
/// INV-S9: None to Open, Open to Answered or Reclaimed, and never back; while it is open its bond is
/// held, and then it is paid once. ecrecover gives any address for any signature.
contract QuestionsTest {
    uint256 private constant _NOW = 1_800_000_000;
    uint256 private constant _BOND = 0.1 ether;
    uint256 private constant _QUESTIONS_SLOT = 0;
    uint16 private constant _CHUNK = 0;
    uint8 private constant _PLACE = 3;
    address private constant _SENDER = address(0x5e4de5);
    address private constant _ASKER = address(0xa5ce5);

    ToldRegistry private _registry;
    OneOwner private _vault;
    UnauthorizedProver private _prover;

    struct Before {
        BatchStatus status;
        uint40 committedAt;
        uint8 state;
        uint40 askedAt;
        uint8 side;
    }

    function setUp() public {
        CHEATS.warp(_NOW);
        _registry = new ToldRegistry();
        _vault = new OneOwner();
        _prover = new UnauthorizedProver(address(_registry), address(_vault), address(2), _BOND);
    }

    function check_inv_s9_question_is_asked_once_and_in_time(
        Before memory before,
        OpWord word,
        uint96 value
    ) public {
        (Header memory header, bytes32 slot) = _given(before, word);
        CHEATS.deal(_SENDER, value);
        CHEATS.prank(_SENDER);
        _prover.ask{value: value}(
            header, _CHUNK, _PLACE, before.side, abi.encodePacked(OpWord.unwrap(word), uint24(0))
        );

        assert(before.state == 0 && value == _BOND);
        assert(before.status == BatchStatus.Committed);
        assert(_NOW <= uint256(before.committedAt) + 3 days);
        uint8 kind = word.kind();
        assert(
            (kind == 1 && before.side <= 1) || ((kind == 3 || kind == 5) && before.side == 0)
        );
        uint256 expected = uint256(1) << 200 | _NOW << 160 | uint160(_SENDER);
        assert(uint256(CHEATS.load(address(_prover), slot)) == expected);
        assert(_second(slot) == OpWord.unwrap(word));
        assert(address(_prover).balance == 2 * _BOND);
    }

    function check_inv_s9_answer_ends_an_open_question_and_takes_its_bond(
        Before memory before,
        WithdrawOp memory op,
        address owner,
        uint40 expiry,
        bytes32 r,
        bytes32 s,
        uint8 v
    ) public {
        OpWord word = OpWordLibrary.fromWithdraw(op);
        (Header memory header, bytes32 slot) = _given(before, word);
        _vault.tell(owner);
        uint256 first = uint256(CHEATS.load(address(_prover), slot));
        CHEATS.prank(_SENDER);
        _prover.answer(
            header, _CHUNK, _PLACE, before.side, abi.encodePacked(expiry, uint8(65), r, s, v)
        );

        assert(before.state == 1 && before.status == BatchStatus.Committed);
        assert(expiry >= header.info.builtAt() && owner != address(0));
        assert(uint256(CHEATS.load(address(_prover), slot)) == (first ^ uint256(3) << 200));
        assert(_second(slot) == OpWord.unwrap(word));
        assert(_SENDER.balance == _BOND && address(_prover).balance == 0);
    }

    function check_inv_s9_reclaim_ends_a_dead_question_and_pays_the_asker(
        Before memory before,
        OpWord word
    ) public {
        (Header memory header, bytes32 slot) = _given(before, word);
        uint256 first = uint256(CHEATS.load(address(_prover), slot));
        CHEATS.prank(_SENDER);
        _prover.reclaim(header, _CHUNK, _PLACE, before.side);

        assert(before.state == 1 && before.status != BatchStatus.Committed);
        assert(uint256(CHEATS.load(address(_prover), slot)) == (first ^ uint256(2) << 200));
        assert(_second(slot) == OpWord.unwrap(word));
        assert(_ASKER.balance == _BOND && address(_prover).balance == 0);
    }

    /// Guilty iff the question is open and A is over; the asker is paid. Nothing is written.
    function check_inv_s9_silence_convicts_iff_the_time_is_over(Before memory before, OpWord word)
        public
    {
        (Header memory header,) = _given(before, word);
        Header memory previous;
        Verdict memory verdict = _prover.judge(
            header, previous, abi.encodePacked(_CHUNK, _PLACE, before.side)
        );
        bool guilty = before.state == 1 && _NOW > uint256(before.askedAt) + 1 days;
        assert(verdict.fault == (guilty ? Fault.Unanswered : Fault.None));
        assert(verdict.challenger == (guilty ? _ASKER : address(0)));
        assert(verdict.chunk == _CHUNK && verdict.place == _PLACE);
    }

    /// What is asked of one side, place, chunk or batch is not asked of another.
    function check_inv_s9_no_two_questions_share_a_place(
        Before memory before,
        bytes32 batchHash,
        uint16 chunk,
        uint8 place,
        uint8 side
    ) public {
        before.state = 1;
        (Header memory header,) = _given(before, OpWord.wrap(7));
        (IUnauthorizedProver.QuestionState state, address asker, uint40 askedAt, uint256 word) =
            _prover.questionOf(batchHash, chunk, place, side);
        bool same = batchHash == keccak256(abi.encode(header)) && chunk == _CHUNK
            && place == _PLACE && side == before.side;
        assert(uint8(state) == (same ? 1 : 0) && asker == (same ? _ASKER : address(0)));
        assert(askedAt == (same ? before.askedAt : 0) && word == (same ? 7 : 0));
    }

    /// A question as it stands in storage; the contract holds its bond.
    function _given(Before memory before, OpWord word)
        private
        returns (Header memory header, bytes32 slot)
    {
        require(before.state < 4 && before.side < 2);
        header.info = HeaderInfoLibrary.make(1, 1, 0, 7, uint40(_NOW - 60), 1);
        header.chunksRoot = _rootOf(OpWord.unwrap(word));
        _registry.tell(before.status, before.committedAt);
        bytes32 id =
            keccak256(abi.encode(keccak256(abi.encode(header)), _CHUNK, _PLACE, before.side));
        slot = keccak256(abi.encode(id, _QUESTIONS_SLOT));
        uint256 first = uint256(before.state) << 200 | uint256(before.askedAt) << 160
            | uint160(_ASKER);
        CHEATS.store(address(_prover), slot, bytes32(first));
        CHEATS.store(address(_prover), bytes32(uint256(slot) + 1), bytes32(OpWord.unwrap(word)));
        CHEATS.deal(address(_prover), _BOND);
        CHEATS.deal(_SENDER, 0);
        CHEATS.deal(_ASKER, 0);
    }

    function _second(bytes32 slot) private view returns (uint256) {
        return uint256(CHEATS.load(address(_prover), bytes32(uint256(slot) + 1)));
    }

    /// Of a chunk with this word at the place, and else zeros.
    function _rootOf(uint256 word) private pure returns (bytes32 root) {
        if (word == 0) return 0;
        root = bytes32(word);
        for (uint256 level; level < 5; ++level) {
            root = _PLACE >> level & 1 == 1
                ? keccak256(abi.encode(bytes32(0), root))
                : keccak256(abi.encode(root, bytes32(0)));
        }
    }
}
