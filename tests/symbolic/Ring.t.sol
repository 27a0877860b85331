// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {BatchRegistry} from "../../contracts/BatchRegistry.sol";
import {IProver} from "../../contracts/interfaces/IProver.sol";
import {Provers, Windows} from "../../contracts/interfaces/IBatchRegistry.sol";
import {HeadWord} from "../../contracts/types/HeadWord.sol";
import {HeaderInfoLibrary} from "../../contracts/types/HeaderInfo.sol";
import {OpWord, OpWordLibrary} from "../../contracts/types/OpWord.sol";
import {Header} from "../../contracts/types/Proofs.sol";
import {RingWord} from "../../contracts/types/RingWord.sol";
import {Fault, Verdict} from "../../contracts/types/Verdict.sol";
import {CHEATS} from "./Cheats.sol";

/// Says what it is told to.
contract ToldProver is IProver {
    Verdict private _verdict;

    function tell(Verdict calldata verdict) external {
        _verdict = verdict;
    }

    function judge(Header calldata, Header calldata, bytes calldata)
        external
        view
        returns (Verdict memory)
    {
        return _verdict;
    }
}

/// The ring and the head (section 6), from any state in which they can be: head and top are set
/// before and behind a turn of the ring, everything else is free. INV-S9.
contract RingTest {
    uint256 private constant _RING = 1 << 14;
    uint256 private constant _NOW = 1_800_000_000;
    uint256 private constant _FINAL_AFTER = 5 days;
    uint256 private constant _HEAD_SLOT = 2;
    uint256 private constant _OPERATORS_SLOT = 3;
    uint256 private constant _RING_SLOT = 4;
    uint256 private constant _REWARD_CAP = 2 ether;
    uint16 private constant _INDEX = 1;
    address private constant _OPERATOR = address(0x09e8a704);
    address private constant _CHALLENGER = address(0xc4a11e);

    BatchRegistry private _registry;
    ToldProver private _prover;

    function setUp() public {
        CHEATS.warp(_NOW);
        _prover = new ToldProver();
        _registry = new BatchRegistry(
            address(this),
            address(1),
            Provers(address(_prover), address(2), address(3)),
            Windows(3 days, 1 days, 3 days, 2 hours, 30 minutes),
            1 ether,
            _REWARD_CAP
        );
        _registry.addOperator(_OPERATOR);
        _registry.addOperator(address(0x0ff1ce));
    }

    // --- commit

    function check_inv_s9_commit_on_top_overwrites_what_is_final(
        HeadWord head,
        bytes32 atHead,
        bytes32 own,
        bytes32 behind,
        uint96 bond,
        uint40 builtAt,
        bytes32 stateRoot
    ) public {
        head = head.setId(uint40(_RING - 1)).setTop(uint40(_RING - 1)); // the next one has place 0
        // What the commit before made sure of, see the last assertion.
        if (!_isEmptyOrFinal(own)) return;
        _commit(head, atHead, own, behind, bond, builtAt, stateRoot);
        assert(_isEmptyOrFinal(behind));
    }

    function check_inv_s9_commit_below_top_overwrites_what_was_reverted(
        HeadWord head,
        bytes32 atHead,
        bytes32 own,
        bytes32 behind,
        uint96 bond,
        uint40 builtAt,
        bytes32 stateRoot
    ) public {
        head = head.setId(uint40(_RING + 7)).setTop(uint40(_RING + 9)); // two were reverted
        _commit(head, atHead, own, behind, bond, builtAt, stateRoot);
    }

    function _commit(
        HeadWord head,
        bytes32 atHead,
        bytes32 own,
        bytes32 behind,
        uint96 bond,
        uint40 builtAt,
        bytes32 stateRoot
    ) private {
        uint40 id = head.id() + 1;
        _storeHead(head.setOperator(_INDEX));
        _storeRing(id - 1, atHead);
        _storeRing(id, own);
        _storeRing(id + 1, behind);
        _storeOperator(_INDEX, _OPERATOR, bond, 0, false);
        head = HeadWord.wrap(uint256(CHEATS.load(address(_registry), bytes32(_HEAD_SLOT))));

        uint256[] memory words = new uint256[](32);
        (OpWord high, OpWord low) = OpWordLibrary.fromRoot(stateRoot);
        (words[30], words[31]) = (OpWord.unwrap(high), OpWord.unwrap(low));
        bytes32 parent = RingWord.wrap(atHead).parent();
        CHEATS.prank(_OPERATOR);
        uint40 got = _registry.commit(
            builtAt, parent, block.number - 1, blockhash(block.number - 1), bytes32(0), words
        );

        assert(got == id);
        HeadWord next = HeadWord.wrap(uint256(CHEATS.load(address(_registry), bytes32(_HEAD_SLOT))));
        uint40 top = id > head.top() ? id : head.top();
        HeadWord expected = head.setId(id).setTop(top).setBuiltAt(builtAt);
        assert(HeadWord.unwrap(next) == HeadWord.unwrap(expected));
        assert(!head.paused() && !head.frozen() && bond >= 1 ether);
        assert(builtAt >= head.builtAt() && builtAt < _NOW && builtAt + 30 minutes >= _NOW);
        RingWord written = RingWord.wrap(_ring(id));
        assert(written.committedAt() == _NOW);
        assert(_ring(id - 1) == atHead && _ring(id + 1) == behind);
    }

    /// Two commits of one batch: the second is refused, for the head is not its parent any more.
    function check_inv_s9_commit_sent_twice_is_taken_once(bytes32 atHead, bytes32 stateRoot) public {
        _storeHead(HeadWord.wrap(0).setId(20).setTop(20).setOperator(_INDEX));
        _storeRing(20, atHead);
        _storeOperator(_INDEX, _OPERATOR, 1 ether, 0, false);
        uint256[] memory words = new uint256[](32);
        (OpWord high, OpWord low) = OpWordLibrary.fromRoot(stateRoot);
        (words[30], words[31]) = (OpWord.unwrap(high), OpWord.unwrap(low));
        bytes32 parent = RingWord.wrap(atHead).parent();
        bytes32 anchor = blockhash(block.number - 1);
        CHEATS.prank(_OPERATOR);
        _registry.commit(uint40(_NOW - 1), parent, block.number - 1, anchor, 0, words);
        if (RingWord.wrap(_ring(21)).parent() == parent) return; // 216 bits of a hash met again
        CHEATS.prank(_OPERATOR);
        try _registry.commit(uint40(_NOW - 1), parent, block.number - 1, anchor, 0, words) {
            assert(false);
        } catch {}
    }

    // --- convict

    /// A verdict of guilty goes back to the batch before, and takes the liar's bond, once; nothing
    /// else moves. Convicted is only what stands and is not final, with the header before it.
    function check_inv_s9_convict_goes_back_and_slashes_the_liar_alone(
        HeadWord head,
        uint40 headId,
        bytes32 own,
        bytes32 before,
        uint16 current,
        uint96 bond,
        bool retired,
        uint40 builtAt,
        uint40 previousBuiltAt,
        Verdict memory verdict
    ) public {
        if (current > 2) return;
        uint40 id = uint40(_RING); // and the one before it at the other end
        head = head.setId(headId).setOperator(current);
        _storeHead(head);
        _storeRing(id, own);
        _storeRing(id - 1, before);
        _storeOperator(_INDEX, _OPERATOR, bond, 0, retired);
        CHEATS.deal(address(_registry), bond);
        CHEATS.deal(_CHALLENGER, 0);
        verdict.challenger = _CHALLENGER;
        _prover.tell(verdict);
        Header memory header;
        header.info = HeaderInfoLibrary.make(1, _INDEX, 0, id, builtAt, 1);
        Header memory previous;
        previous.info = HeaderInfoLibrary.make(1, _INDEX, 0, id - 1, previousBuiltAt, 1);

        _registry.convict(address(_prover), header, previous, "");

        assert(verdict.fault != Fault.None);
        assert(headId >= id);
        assert(_NOW < uint256(RingWord.wrap(own).committedAt()) + _FINAL_AFTER);
        assert(RingWord.wrap(own).binds(keccak256(abi.encode(header))));
        assert(RingWord.wrap(before).binds(keccak256(abi.encode(previous))));
        assert(_ring(id) == own && _ring(id - 1) == before);
        HeadWord expected = head.setId(id - 1).setBuiltAt(previousBuiltAt);
        expected = expected.setLastRevertAt(uint40(_NOW));
        if (current == _INDEX) expected = expected.setOperator(0);
        assert(
            CHEATS.load(address(_registry), bytes32(_HEAD_SLOT))
                == bytes32(HeadWord.unwrap(expected))
        );
        (address account, uint96 left,, bool isRetired) = _registry.operators(_INDEX);
        assert(account == _OPERATOR && isRetired);
        // INV-S6: the reward is at most half and at most the cap, all else is burned.
        uint256 reward = bond / 2 < _REWARD_CAP ? bond / 2 : _REWARD_CAP;
        assert(_CHALLENGER.balance == (retired ? 0 : reward));
        assert(address(_registry).balance == (retired ? bond : 0));
        assert(left == (retired ? bond : 0));
    }

    // --- storage, as tests/layout/snapshots/BatchRegistry.json has it

    function _storeHead(HeadWord head) private {
        CHEATS.store(address(_registry), bytes32(_HEAD_SLOT), bytes32(HeadWord.unwrap(head)));
    }

    function _storeRing(uint40 id, bytes32 word) private {
        CHEATS.store(address(_registry), bytes32(_RING_SLOT + id % _RING), word);
    }

    function _ring(uint40 id) private view returns (bytes32) {
        return _registry.ringWord(id);
    }

    function _storeOperator(uint16 index, address account, uint96 bond, uint40 leftAt, bool retired)
        private
    {
        bytes32 slot = keccak256(abi.encode(index, _OPERATORS_SLOT));
        uint256 first = uint256(bond) << 160 | uint160(account);
        CHEATS.store(address(_registry), slot, bytes32(first));
        uint256 second = uint256(leftAt) | (retired ? 1 << 40 : 0);
        CHEATS.store(address(_registry), bytes32(uint256(slot) + 1), bytes32(second));
    }

    function _isEmptyOrFinal(bytes32 word) private pure returns (bool) {
        return word == 0 || _NOW >= uint256(RingWord.wrap(word).committedAt()) + _FINAL_AFTER;
    }
}
