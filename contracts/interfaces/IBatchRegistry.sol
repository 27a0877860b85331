// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header} from "../types/Proofs.sol";
import {Fault} from "../types/Verdict.sol";

/// What the chain knows of a batch: Unknown if it was never committed, was replaced after a revert,
/// or left the ring; Reverted while its place in the ring is not taken again.
enum BatchStatus {
    Unknown,
    Committed,
    Final,
    Reverted
}

/// The times of a deployment, seconds (section 6).
struct Windows {
    uint40 challenge; // W: how long a question may be opened after a commit
    uint40 answer; // A: how long it may be answered; a batch is final after W + 2A
    uint40 freeze; // F: patience of a depositor
    uint40 notice; // D: least notice when keys or ordersUntil fall
    uint40 lag; // most between builtAt and the block that commits
}

/// One per kind of lie (section 7); 0: none, nobody can prove that lie.
struct Provers {
    address transition;
    address margin;
    address unauthorized;
}

/// Binds batches: one ring word per batch, one packed head slot, and nothing more. Holds the bonds
/// of operators, and is the one place that reverts and slashes.
interface IBatchRegistry {
    // --- commit (beside those of `Openings` and `Blobs`)
    /// `operator` is the current one's index, 0 if there is none.
    error NotOperator(address caller, uint16 operator);
    error BondTooSmall(uint16 index, uint256 bond, uint256 minBond);
    error CommitsPaused();
    error ExchangeIsFrozen();
    /// `found` is the head's ring word with its low 40 bits zero.
    error ParentMismatch(uint40 headId, bytes32 found, bytes32 named);
    /// `found` is the chain's hash of block `anchor`, 0 outside the last 256 blocks.
    error AnchorMismatch(uint256 anchor, bytes32 found, bytes32 named);
    /// `builtAt` must be the parent's or later, at most `lag` ago, and before this block.
    error BuiltAtOutside(uint40 found, uint256 earliest, uint256 latest);
    /// The commit would leave no final batch to fall back to before `finalAt`.
    error RingFull(uint40 id, uint256 finalAt);
    /// Allowed is a multiple of 32 from 32 to 32 * 65535.
    error WordCount(uint256 found);

    // --- revert
    error NotProver(address prover);
    /// The prover looked and found no lie. `root` is the one that follows, if it says.
    error NotGuilty(uint40 id, uint16 chunk, bytes32 root);
    error GenesisStands();
    /// The header is not in the ring, or of a batch that was reverted already.
    error BatchNotCommitted(uint40 id, bytes32 batchHash);
    error BatchIsFinal(uint40 id, uint256 finalAt);
    /// `previous` is not the header before it.
    error PreviousMismatch(uint40 id, bytes32 batchHash);

    // --- operators, owner, Vault
    error OperatorUnknown(uint16 index, uint16 count);
    error OperatorIsCurrent(uint16 index);
    error OperatorIsRetired(uint16 index);
    error TooManyOperators(uint16 max);
    error NotBondOwner(address caller, address operator);
    error BondLocked(uint16 index, uint256 until);
    error NoBond(uint16 index);
    /// The recipient does not take ether; another may be named.
    error BondRefused(address recipient, uint256 amount);
    error BondTooLarge(uint256 bond, uint256 max);
    error NotVault(address caller, address vault);
    error ZeroAddress();
    /// W, A, F, D and lag are at least 1 second, and W + 2A before the deployment is a time.
    error WindowsInvalid(Windows windows);
    /// An exchange without an owner could not name an operator again.
    error OwnerRequired();

    event BatchCommitted(uint40 indexed id, bytes32 indexed batchHash, Header header);
    event BatchBody(uint40 indexed id, uint256[] words);
    event BatchBlobs(uint40 indexed id, bytes32[] versionedHashes);
    /// `place`: word of the chunk; 30 for what concerns the whole of it.
    event BatchConvicted(
        uint40 indexed id, address indexed prover, Fault fault, uint16 chunk, uint8 place
    );
    event BatchReverted(
        uint40 indexed id, bytes32 indexed batchHash, address challenger, uint256 reward, uint256 burned
    );
    event OperatorAdded(uint16 indexed index, address operator);
    event OperatorChanged(uint16 indexed previous, uint16 indexed current);
    event OperatorRetired(uint16 indexed index);
    event BondAdded(uint16 indexed index, uint256 amount, uint256 bond);
    event BondWithdrawn(uint16 indexed index, uint256 amount);
    event PauseSet(bool paused);
    event ExchangeFrozen();

    /// Commits the next batch in calldata mode. `words` holds chunkCount * 32 op words.
    /// Writes one ring word and the head slot; emits the header and the body.
    /// `parent` is the parent the batch was built on: sent twice, it is taken once.
    /// `anchor` is a block of the last 256 on which the batch builds, `anchorHash` its hash: after a
    /// reorg that removed it, the commit fails. `extra`: keccak256 of the published order file.
    function commit(
        uint40 builtAt,
        bytes32 parent,
        uint256 anchor,
        bytes32 anchorHash,
        bytes32 extra,
        uint256[] calldata words
    ) external returns (uint40 id);

    /// Commits the next batch in blob mode: its words are the elements of the transaction's blobs,
    /// `chunkCount` chunks of them, in exactly as many blobs as they fill. Emits the header and the
    /// versioned hashes. `opening` shows the last chunk's two ROOT words: commitment:48,
    /// high:32 proof:48, low:32 proof:48. All else as in `commit`.
    function commitBlobs(
        uint40 builtAt,
        bytes32 parent,
        uint256 anchor,
        bytes32 anchorHash,
        bytes32 extra,
        uint16 chunkCount,
        bytes calldata opening
    ) external returns (uint40 id);

    /// By anybody: asks one of the provers about batch `header.info.id()`, which stands and is not
    /// final. If it finds a lie, the batch and all after it fall, and the operator named in the
    /// header is slashed. `previous` is the header before it.
    function convict(
        address prover,
        Header calldata header,
        Header calldata previous,
        bytes calldata witness
    ) external;

    /// Only the Vault: no more commits, no more deposits.
    function freeze() external;

    // --- owner
    /// Appends an operator without a bond; indices count from 1.
    function addOperator(address operator) external returns (uint16 index);
    /// Makes an operator the current one; 0: nobody. The first starts deposits.
    function setOperator(uint16 index) external;
    /// Pauses commits and deposits, nothing else.
    function setPaused(bool paused) external;

    // --- bonds
    /// By anybody, to an operator that is not retired.
    function addBond(uint16 index) external payable;
    /// All of it, by the operator, when it is not current and its last batch is final.
    function withdrawBond(uint16 index, address recipient) external;

    // --- views
    function owner() external view returns (address);
    function transitionProver() external view returns (address); // 0: none
    function marginProver() external view returns (address); // 0: none
    function unauthorizedProver() external view returns (address); // 0: none
    function isProver(address account) external view returns (bool);
    function vault() external view returns (address);
    function challengeWindow() external view returns (uint40); // W
    function answerWindow() external view returns (uint40); // A
    function freezeWindow() external view returns (uint40); // F
    function noticePeriod() external view returns (uint40); // D
    function lag() external view returns (uint40);
    function finalAfter() external view returns (uint40); // W + 2A
    function minBond() external view returns (uint256); // wei, to commit
    function rewardCap() external view returns (uint256); // wei, most a challenger gets

    /// Id of the head, its builtAt, the highest id ever committed, time of the last revert, the
    /// current operator (0: none), and the flags.
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
        );
    /// `(batchHash >> 40) << 40 | committedAt` of the batch that uses this place of the ring.
    function ringWord(uint40 id) external view returns (bytes32);
    /// `committedAt` is 0 if the status is Unknown.
    function statusOf(Header calldata header) external view returns (BatchStatus status, uint40 committedAt);
    /// Deposits are taken: an operator was named once, and neither paused nor frozen.
    function takesDeposits() external view returns (bool);
    /// Its address; 0 if there is none.
    function currentOperator() external view returns (address);
    function operatorCount() external view returns (uint16); // indices 1..count
    /// `leftAt`: when it last ceased to be current; 0: never.
    function operators(uint16 index)
        external
        view
        returns (address operator, uint96 bond, uint40 leftAt, bool retired);
    function domainSeparator() external view returns (bytes32);
    /// EIP-5267: the domain of everything that is signed (section 8).
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
        );
}
