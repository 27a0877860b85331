// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {BatchStatus, IBatchRegistry, Provers, Windows} from "./interfaces/IBatchRegistry.sol";
import {IProver} from "./interfaces/IProver.sol";
import {Blobs} from "./libraries/Blobs.sol";
import {Headers} from "./libraries/Headers.sol";
import {Merkle} from "./libraries/Merkle.sol";
import {Messages} from "./libraries/Messages.sol";
import {Openings} from "./libraries/Openings.sol";
import {
    HeaderInfo,
    HeaderInfoLibrary,
    MODE_BLOB,
    MODE_CALLDATA,
    PROTOCOL_VERSION
} from "./types/HeaderInfo.sol";
import {HeadWord} from "./types/HeadWord.sol";
import {CHUNK_WORDS} from "./types/OpWord.sol";
import {Header} from "./types/Proofs.sol";
import {RingWord, RingWordLibrary} from "./types/RingWord.sol";
import {Fault, Verdict} from "./types/Verdict.sol";

/// @title Batches, finality, operators and their bonds (sections 6 and 7)
/// @notice A batch costs two reused storage words. Finality needs no transaction: it is a matter of
/// the clock. Provers live elsewhere and only judge; what their verdict means is done here.
contract BatchRegistry is IBatchRegistry, Ownable2Step {
    using Headers for Header;
    using SafeTransferLib for address;

    struct Operator {
        address account;
        uint96 bond; // wei
        uint40 leftAt; // when it last ceased to be current
        bool retired;
    }

    uint256 private constant _RING_SLOTS = 1 << 14;

    address public immutable vault;
    address public immutable transitionProver;
    address public immutable marginProver;
    address public immutable unauthorizedProver;
    uint40 public immutable challengeWindow;
    uint40 public immutable answerWindow;
    uint40 public immutable freezeWindow;
    uint40 public immutable noticePeriod;
    uint40 public immutable lag;
    uint40 public immutable finalAfter;
    uint256 public immutable minBond;
    uint256 public immutable rewardCap;

    uint16 public operatorCount;
    HeadWord private _head;
    mapping(uint16 index => Operator) private _operators;
    /// Batch `id` at `id % 2^14`. What stands above the head was reverted.
    RingWord[_RING_SLOTS] private _ring;

    /// `vault_` and `provers_` may be addresses where these are deployed later. A prover 0: none.
    constructor(
        address owner_,
        address vault_,
        Provers memory provers_,
        Windows memory windows,
        uint256 minBond_,
        uint256 rewardCap_
    ) Ownable(owner_) {
        require(vault_ != address(0), ZeroAddress());
        uint256 finalAfter_ = uint256(windows.challenge) + 2 * uint256(windows.answer);
        require(
            windows.challenge != 0 && windows.answer != 0 && windows.freeze != 0
                && windows.notice != 0 && windows.lag != 0 && finalAfter_ < block.timestamp,
            WindowsInvalid(windows)
        );
        vault = vault_;
        transitionProver = provers_.transition;
        marginProver = provers_.margin;
        unauthorizedProver = provers_.unauthorized;
        challengeWindow = windows.challenge;
        answerWindow = windows.answer;
        freezeWindow = windows.freeze;
        noticePeriod = windows.notice;
        lag = windows.lag;
        finalAfter = uint40(finalAfter_);
        minBond = minBond_;
        rewardCap = rewardCap_;
        _commitGenesis(uint40(finalAfter_));
    }

    // --- batches

    /// @inheritdoc IBatchRegistry
    function commit(
        uint40 builtAt,
        bytes32 parent,
        uint256 anchor,
        bytes32 anchorHash,
        bytes32 extra,
        uint256[] calldata words
    ) external returns (uint40 id) {
        (HeadWord current, Header memory header) = _openBatch(
            builtAt, parent, anchor, anchorHash, MODE_CALLDATA, _requireChunks(words.length)
        );
        id = header.info.id();
        header.stateRoot = Openings.statedBy(words[words.length - 2], words[words.length - 1]);
        header.extra = extra;
        header.chunksRoot = _emitBody(id, words);
        _closeBatch(current, header);
    }

    /// @inheritdoc IBatchRegistry
    function commitBlobs(
        uint40 builtAt,
        bytes32 parent,
        uint256 anchor,
        bytes32 anchorHash,
        bytes32 extra,
        uint16 chunkCount,
        bytes calldata opening
    ) external returns (uint40 id) {
        require(chunkCount != 0, WordCount(0));
        (HeadWord current, Header memory header) =
            _openBatch(builtAt, parent, anchor, anchorHash, MODE_BLOB, chunkCount);
        id = header.info.id();
        bytes32[] memory versionedHashes = Blobs.ofTransaction(Openings.blobCount(chunkCount));
        header.stateRoot = Openings.rootInBlob(
            versionedHashes[versionedHashes.length - 1], chunkCount - 1, opening
        );
        header.extra = extra;
        header.blobsHash = Blobs.hashOf(versionedHashes);
        emit BatchBlobs(id, versionedHashes);
        _closeBatch(current, header);
    }

    /// @inheritdoc IBatchRegistry
    function convict(
        address prover,
        Header calldata header,
        Header calldata previous,
        bytes calldata witness
    ) external {
        require(isProver(prover), NotProver(prover));
        uint40 id = header.info.id();
        require(id != 0, GenesisStands());
        bytes32 batchHash = header.hash();
        _requireCommitted(id, batchHash);
        _requirePrevious(id - 1, previous);
        Verdict memory verdict = IProver(prover).judge(header, previous, witness);
        require(verdict.fault != Fault.None, NotGuilty(id, verdict.chunk, verdict.root));
        address challenger = verdict.challenger == address(0) ? msg.sender : verdict.challenger;

        _fallBack(header.info.operator(), previous);
        (uint256 reward, uint256 burned) = _retire(header.info.operator());

        emit BatchConvicted(id, prover, verdict.fault, verdict.chunk, verdict.place);
        emit BatchReverted(id, batchHash, challenger, reward, burned);
        // By force, so that nobody can stand in the way of a revert.
        if (reward != 0) challenger.forceSafeTransferETH(reward);
        if (burned != 0) address(0).forceSafeTransferETH(burned);
    }

    /// @inheritdoc IBatchRegistry
    function freeze() external {
        require(msg.sender == vault, NotVault(msg.sender, vault));
        _head = _head.setFrozen();
        emit ExchangeFrozen();
    }

    // --- owner

    /// @inheritdoc IBatchRegistry
    function addOperator(address operator) external onlyOwner returns (uint16 index) {
        require(operator != address(0), ZeroAddress());
        require(operatorCount < type(uint16).max, TooManyOperators(type(uint16).max));
        index = ++operatorCount;
        _operators[index].account = operator;
        emit OperatorAdded(index, operator);
    }

    /// @inheritdoc IBatchRegistry
    function setOperator(uint16 index) external onlyOwner {
        HeadWord current = _head;
        uint16 previous = current.operator();
        require(index != previous, OperatorIsCurrent(index));
        if (index != 0) {
            _requireInService(index);
            current = current.setStarted();
        }
        if (previous != 0) _operators[previous].leftAt = uint40(block.timestamp);
        _head = current.setOperator(index);
        emit OperatorChanged(previous, index);
    }

    /// @inheritdoc IBatchRegistry
    function setPaused(bool paused) external onlyOwner {
        _head = _head.setPaused(paused);
        emit PauseSet(paused);
    }

    /// Ownership is handed over in two steps, never given up.
    function renounceOwnership() public view override onlyOwner {
        revert OwnerRequired();
    }

    // --- bonds

    /// @inheritdoc IBatchRegistry
    function addBond(uint16 index) external payable {
        _requireInService(index);
        require(msg.value != 0, NoBond(index));
        uint256 bond = _operators[index].bond + msg.value;
        require(bond <= type(uint96).max, BondTooLarge(bond, type(uint96).max));
        _operators[index].bond = uint96(bond);
        emit BondAdded(index, msg.value, bond);
    }

    /// @inheritdoc IBatchRegistry
    function withdrawBond(uint16 index, address recipient) external {
        Operator memory operator = _operators[index];
        require(msg.sender == operator.account, NotBondOwner(msg.sender, operator.account));
        require(recipient != address(0), ZeroAddress());
        require(index != _head.operator(), OperatorIsCurrent(index));
        // Whatever it committed, it did before it left; never current, it committed nothing.
        uint256 until = operator.leftAt == 0 ? 0 : uint256(operator.leftAt) + finalAfter;
        require(block.timestamp >= until, BondLocked(index, until));
        require(operator.bond != 0, NoBond(index));

        _operators[index].bond = 0;

        emit BondWithdrawn(index, operator.bond);
        (bool taken,) = recipient.call{value: operator.bond}("");
        require(taken, BondRefused(recipient, operator.bond));
    }

    // --- views

    /// @inheritdoc IBatchRegistry
    function head()
        external
        view
        returns (
            uint40 id,
            uint40 builtAt,
            uint40 top,
            uint40 lastRevertAt,
            uint16 operator,
            bool paused,
            bool frozen
        )
    {
        HeadWord word = _head;
        return (
            word.id(),
            word.builtAt(),
            word.top(),
            word.lastRevertAt(),
            word.operator(),
            word.paused(),
            word.frozen()
        );
    }

    /// @inheritdoc IBatchRegistry
    function ringWord(uint40 id) external view returns (bytes32) {
        return RingWord.unwrap(_place(id));
    }

    /// @inheritdoc IBatchRegistry
    function statusOf(Header calldata header)
        external
        view
        returns (BatchStatus status, uint40 committedAt)
    {
        uint40 id = header.info.id();
        RingWord word = _place(id);
        if (!word.binds(header.hash())) return (BatchStatus.Unknown, 0);
        committedAt = word.committedAt();
        if (id > _head.id()) return (BatchStatus.Reverted, committedAt);
        bool isFinal = block.timestamp >= uint256(committedAt) + finalAfter;
        return (isFinal ? BatchStatus.Final : BatchStatus.Committed, committedAt);
    }

    /// @inheritdoc IBatchRegistry
    function takesDeposits() external view returns (bool) {
        HeadWord word = _head;
        return word.started() && !word.paused() && !word.frozen();
    }

    /// @inheritdoc IBatchRegistry
    function currentOperator() external view returns (address) {
        return _operators[_head.operator()].account;
    }

    /// @inheritdoc IBatchRegistry
    function operators(uint16 index)
        external
        view
        returns (address operator, uint96 bond, uint40 leftAt, bool retired)
    {
        Operator storage found = _operators[index];
        return (found.account, found.bond, found.leftAt, found.retired);
    }

    /// @inheritdoc IBatchRegistry
    function domainSeparator() external view returns (bytes32) {
        return Messages.domainSeparator(block.chainid, address(this));
    }

    /// @inheritdoc IBatchRegistry
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        fields = hex"0f"; // name, version, chainId, verifyingContract
        name = Messages.DOMAIN_NAME;
        version = Messages.DOMAIN_VERSION;
        chainId = block.chainid;
        verifyingContract = address(this);
        salt = 0;
        extensions = new uint256[](0);
    }

    /// @inheritdoc IBatchRegistry
    function isProver(address account) public view returns (bool) {
        return account != address(0)
            && (account == transitionProver || account == marginProver
                || account == unauthorizedProver);
    }

    /// @inheritdoc IBatchRegistry
    function owner() public view override(IBatchRegistry, Ownable) returns (address) {
        return super.owner();
    }

    // --- private: batches

    /// Final at once, never reverted.
    function _commitGenesis(uint40 finalAfter_) private {
        uint40 builtAt = uint40(block.timestamp);
        Header memory header;
        header.info = HeaderInfoLibrary.make(PROTOCOL_VERSION, 0, MODE_CALLDATA, 0, builtAt, 0);
        bytes32 batchHash = header.hashMemory();
        _setPlace(0, RingWordLibrary.make(batchHash, builtAt - finalAfter_));
        _head = _head.setBuiltAt(builtAt);
        emit BatchCommitted(0, batchHash, header);
    }

    /// Every guard of a commit, and the header as far as both modes have it in common.
    function _openBatch(
        uint40 builtAt,
        bytes32 parent,
        uint256 anchor,
        bytes32 anchorHash,
        uint8 mode,
        uint16 chunkCount
    ) private view returns (HeadWord current, Header memory header) {
        current = _head;
        _requireOperator(current);
        _requireTime(builtAt, current.builtAt());
        bytes32 found = blockhash(anchor);
        require(found != 0 && found == anchorHash, AnchorMismatch(anchor, found, anchorHash));
        uint40 id = current.id() + 1;
        _requireRoom(id, current.top());
        header.info = HeaderInfoLibrary.make(
            PROTOCOL_VERSION, current.operator(), mode, id, builtAt, chunkCount
        );
        header.parent = _requireParent(current.id(), parent);
    }

    /// Makes a batch the head.
    function _closeBatch(HeadWord current, Header memory header) private {
        uint40 id = header.info.id();
        bytes32 batchHash = header.hashMemory();
        _setPlace(id, RingWordLibrary.make(batchHash, uint40(block.timestamp)));
        current = current.setId(id).setBuiltAt(header.info.builtAt());
        _head = id > current.top() ? current.setTop(id) : current;
        (bytes32 topic, uint256 idTopic) = (BatchCommitted.selector, id);
        // emit BatchCommitted(id, batchHash, header);
        // from where it stands: a struct of six words is contiguous in memory.
        assembly ("memory-safe") {
            log3(header, 192, topic, idTopic, batchHash)
        }
    }

    /// Emits `BatchBody(id, words)` and returns the root over the words.
    function _emitBody(uint40 id, uint256[] calldata words) private returns (bytes32) {
        bytes32 topic = BatchBody.selector;
        uint256 start;
        // emit BatchBody(id, words);
        // bytes32 root = Merkle.rootOfWords(words);
        // with one copy in memory for both: the event's data is the offset 0x20, the length and the
        // words, and these are then hashed where they stand.
        assembly ("memory-safe") {
            let data := mload(0x40)
            let size := shl(5, words.length)
            mstore(data, 0x20)
            mstore(add(data, 0x20), words.length)
            start := add(data, 0x40)
            calldatacopy(start, words.offset, size)
            mstore(0x40, add(start, add(size, 0x20))) // and the free word that the root needs
            log2(data, add(size, 0x40), topic, id)
        }
        return Merkle.rootInPlace(start, words.length);
    }

    function _place(uint40 id) private view returns (RingWord) {
        return _ring[id % _RING_SLOTS];
    }

    function _setPlace(uint40 id, RingWord word) private {
        _ring[id % _RING_SLOTS] = word;
    }

    /// Makes `previous` the head. All ids after it fall with it: what stands in the ring above the
    /// head is void.
    function _fallBack(uint16 liar, Header calldata previous) private {
        HeadWord current = _head;
        current = current.setId(previous.info.id()).setBuiltAt(previous.info.builtAt());
        current = current.setLastRevertAt(uint40(block.timestamp));
        if (liar == current.operator()) {
            current = current.setOperator(0);
            emit OperatorChanged(liar, 0);
        }
        _head = current;
    }

    /// Ends an operator and takes its bond: half to the challenger, but not more than the cap; the
    /// rest is burned, so that convicting oneself never pays.
    function _retire(uint16 index) private returns (uint256 reward, uint256 burned) {
        Operator storage operator = _operators[index];
        if (operator.retired) return (0, 0);
        uint256 bond = operator.bond;
        reward = bond / 2 < rewardCap ? bond / 2 : rewardCap;
        burned = bond - reward;
        operator.bond = 0;
        operator.retired = true;
        operator.leftAt = uint40(block.timestamp);
        emit OperatorRetired(index);
    }

    // --- private: guards

    function _requireOperator(HeadWord current) private view {
        uint16 index = current.operator();
        Operator storage operator = _operators[index];
        (address account, uint256 bond) = (operator.account, operator.bond);
        require(index != 0 && msg.sender == account, NotOperator(msg.sender, index));
        require(bond >= minBond, BondTooSmall(index, bond, minBond));
        require(!current.paused(), CommitsPaused());
        require(!current.frozen(), ExchangeIsFrozen());
    }

    function _requireTime(uint40 builtAt, uint40 parentBuiltAt) private view {
        uint256 oldest = block.timestamp > lag ? block.timestamp - lag : 0;
        uint256 earliest = parentBuiltAt > oldest ? parentBuiltAt : oldest;
        require(
            builtAt >= earliest && builtAt < block.timestamp,
            BuiltAtOutside(builtAt, earliest, block.timestamp - 1)
        );
    }

    function _requireChunks(uint256 wordCount) private pure returns (uint16) {
        uint256 chunkCount = wordCount / CHUNK_WORDS;
        require(
            wordCount % CHUNK_WORDS == 0 && chunkCount != 0 && chunkCount <= type(uint16).max,
            WordCount(wordCount)
        );
        return uint16(chunkCount);
    }

    /// The place after the new batch's must be empty or final. So was then its own, when the batch
    /// before it came; and a batch that can still be reverted always has the one before it in the
    /// ring. An id committed before has its place already.
    function _requireRoom(uint40 id, uint40 top) private view {
        if (id <= top) return;
        RingWord next = _place(id + 1);
        uint256 finalAt = uint256(next.committedAt()) + finalAfter;
        require(next.isEmpty() || block.timestamp >= finalAt, RingFull(id, finalAt));
    }

    /// Words follow from one state only. Without this the same batch sent twice, by a second process
    /// or after a lost answer, would land again as the next one, and convict its honest operator.
    function _requireParent(uint40 headId, bytes32 named) private view returns (bytes32 parent) {
        parent = _place(headId).parent();
        require(parent == named, ParentMismatch(headId, parent, named));
    }

    /// A batch that stands and is not final.
    function _requireCommitted(uint40 id, bytes32 batchHash) private view {
        RingWord word = _place(id);
        require(id <= _head.id() && word.binds(batchHash), BatchNotCommitted(id, batchHash));
        uint256 finalAt = uint256(word.committedAt()) + finalAfter;
        require(block.timestamp < finalAt, BatchIsFinal(id, finalAt));
    }

    function _requirePrevious(uint40 id, Header calldata previous) private view {
        bytes32 batchHash = previous.hash();
        require(
            previous.info.id() == id && _place(id).binds(batchHash),
            PreviousMismatch(id, batchHash)
        );
    }

    function _requireInService(uint16 index) private view {
        require(index != 0 && index <= operatorCount, OperatorUnknown(index, operatorCount));
        require(!_operators[index].retired, OperatorIsRetired(index));
    }
}
