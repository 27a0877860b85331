// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Header} from "../types/Proofs.sol";

/// What the chain knows of a batch. A header that was reverted, or replaced after a revert, or never
/// committed, or that left the ring, is not Committed.
enum BatchStatus {
    Unknown,
    Committed,
    Final,
    Reverted
}

/// Binds batches: one ring word per batch, one packed head slot, and nothing more.
interface IBatchRegistry {
    event BatchCommitted(uint40 indexed id, bytes32 indexed batchHash, Header header);
    event BatchBody(uint40 indexed id, uint256[] words);
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
    function commit(
        uint40 builtAt,
        uint256 anchor,
        bytes32 anchorHash,
        bytes32 extra,
        uint256[] calldata words
    ) external returns (uint40 id);

    /// Only the immutable prover: reverts batch `header.info.id()` and all after it, slashes the
    /// operator named in the header. `previous` is the header before it.
    function revertBatch(Header calldata header, Header calldata previous, address challenger) external;

    /// Only the Vault: no more commits, no more deposits.
    function freeze() external;

    // --- owner
    function addOperator(address operator) external returns (uint16 index);
    function setOperator(uint16 index) external;
    function setPaused(bool paused) external;

    // --- bonds
    function addBond(uint16 index) external payable;
    function withdrawBond(uint16 index, address recipient) external;

    // --- views
    function owner() external view returns (address);
    function prover() external view returns (address);
    function vault() external view returns (address);
    function challengeWindow() external view returns (uint40); // W
    function answerWindow() external view returns (uint40); // A
    function freezeWindow() external view returns (uint40); // F
    function noticePeriod() external view returns (uint40); // D
    function lag() external view returns (uint40);
    function finalAfter() external view returns (uint40); // W + 2A
    function minBond() external view returns (uint256);

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
    function statusOf(Header calldata header) external view returns (BatchStatus status, uint40 committedAt);
    /// Deposits are taken: an operator was named once, and neither paused nor frozen.
    function takesDeposits() external view returns (bool);
    function currentOperator() external view returns (address);
    function operators(uint16 index)
        external
        view
        returns (address operator, uint96 bond, uint40 leftAt, bool retired);
    function domainSeparator() external view returns (bytes32);
}
