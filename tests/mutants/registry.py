"""Faults of BatchRegistry: who may commit and when, what a revert does, who pays."""

from tests.mutants.mutant import Mutant

FILE = "BatchRegistry.sol"
COMMIT = ("tests/unit/contracts/test_registry_commit.py",)
REVERT = ("tests/unit/contracts/test_registry_revert.py",)
OPERATORS = ("tests/unit/contracts/test_registry_operators.py",)


def mutant(name: str, old: str, new: str, tests: tuple[str, ...], survives: str = "") -> Mutant:
    return Mutant(name, FILE, old, new, tests, survives)


MUTANTS = (
    # --- convict
    mutant(
        "anybody is a prover",
        "require(isProver(prover), NotProver(prover));",
        "",
        REVERT,
    ),
    mutant(
        "no lie convicts too",
        "require(verdict.fault != Fault.None, NotGuilty(id, verdict.chunk, verdict.root));",
        "",
        REVERT,
    ),
    mutant("genesis can be convicted", "require(id != 0, GenesisStands());", "", REVERT),
    mutant(
        "a reverted batch can be convicted",
        "require(id <= _head.id() && word.binds(batchHash), BatchNotCommitted(id, batchHash));",
        "require(word.binds(batchHash), BatchNotCommitted(id, batchHash));",
        REVERT,
    ),
    mutant(
        "a header that was never committed can be convicted",
        "require(id <= _head.id() && word.binds(batchHash), BatchNotCommitted(id, batchHash));",
        "require(id <= _head.id(), BatchNotCommitted(id, batchHash));",
        REVERT,
    ),
    mutant(
        "a batch is final one second late",
        "require(block.timestamp < finalAt, BatchIsFinal(id, finalAt));",
        "require(block.timestamp <= finalAt, BatchIsFinal(id, finalAt));",
        REVERT,
    ),
    mutant(
        "a final batch can be convicted",
        "require(block.timestamp < finalAt, BatchIsFinal(id, finalAt));",
        "",
        REVERT,
    ),
    mutant(
        "the previous header may be of another id",
        "previous.info.id() == id && _place(id).binds(batchHash),",
        "_place(id).binds(batchHash),",
        REVERT,
    ),
    mutant(
        "the previous header may be anything",
        "previous.info.id() == id && _place(id).binds(batchHash),",
        "previous.info.id() == id,",
        REVERT,
    ),
    mutant(
        "the newest operator pays for an older one's lie",
        "(uint256 reward, uint256 burned) = _retire(header.info.operator());",
        "(uint256 reward, uint256 burned) = _retire(operatorCount);",
        REVERT,
    ),
    mutant(
        "a revert drops the current operator, whoever lied",
        "if (liar == current.operator()) {",
        "if (liar != 0) {",
        REVERT,
    ),
    mutant(
        "a liar stays the operator",
        "if (liar == current.operator()) {",
        "if (liar == 0) {",
        REVERT,
    ),
    mutant(
        "a revert forgets its time",
        "current = current.setLastRevertAt(uint40(block.timestamp));",
        "",
        REVERT,
    ),
    mutant(
        "a revert leaves the time of the fallen",
        "current = current.setId(previous.info.id()).setBuiltAt(previous.info.builtAt());",
        "current = current.setId(previous.info.id());",
        REVERT,
    ),
    mutant(
        "a retired operator pays twice",
        "if (operator.retired) return (0, 0);",
        "",
        REVERT,
        "its bond is 0 and cannot grow again, so it pays and burns nothing; leftAt moves",
    ),
    mutant(
        "the whole bond is the reward",
        "reward = bond / 2 < rewardCap ? bond / 2 : rewardCap;",
        "reward = bond < rewardCap ? bond : rewardCap;",
        REVERT,
    ),
    mutant(
        "the reward has no cap",
        "reward = bond / 2 < rewardCap ? bond / 2 : rewardCap;",
        "reward = bond / 2;",
        REVERT,
    ),
    mutant("nothing is burned", "burned = bond - reward;", "", REVERT),
    mutant(
        "a bond is paid and kept",
        "operator.bond = 0;\n        operator.retired",
        "operator.retired",
        REVERT,
    ),
    mutant("a liar is not retired", "operator.retired = true;", "", REVERT),
    mutant(
        "the reward goes to who brings the proof, whoever asked",
        "address challenger = verdict.challenger == address(0) ? msg.sender : verdict.challenger;",
        "address challenger = msg.sender;",
        REVERT,
    ),
    # --- commit
    mutant(
        "anybody commits",
        "require(index != 0 && msg.sender == account, NotOperator(msg.sender, index));",
        "require(index != 0, NotOperator(msg.sender, index));",
        COMMIT,
    ),
    mutant(
        "one wei below the least bond will do",
        "require(bond >= minBond, BondTooSmall(index, bond, minBond));",
        "require(bond + 1 >= minBond, BondTooSmall(index, bond, minBond));",
        COMMIT,
    ),
    mutant("a pause stops nothing", "require(!current.paused(), CommitsPaused());", "", COMMIT),
    mutant(
        "a frozen exchange goes on", "require(!current.frozen(), ExchangeIsFrozen());", "", COMMIT
    ),
    mutant(
        "a batch may be of its block's time",
        "builtAt >= earliest && builtAt < block.timestamp,",
        "builtAt >= earliest && builtAt <= block.timestamp,",
        COMMIT,
    ),
    mutant(
        "a batch may be older than lag",
        "uint256 oldest = block.timestamp > lag ? block.timestamp - lag : 0;",
        "uint256 oldest = block.timestamp > lag ? block.timestamp - lag - 1 : 0;",
        COMMIT,
    ),
    mutant(
        "a batch may be older than its parent",
        "uint256 earliest = parentBuiltAt > oldest ? parentBuiltAt : oldest;",
        "uint256 earliest = oldest;",
        COMMIT,
    ),
    mutant(
        "any parent will do",
        "require(parent == named, ParentMismatch(headId, parent, named));",
        "",
        COMMIT,
    ),
    mutant(
        "a block without a hash is an anchor",
        "require(found != 0 && found == anchorHash, AnchorMismatch(anchor, found, anchorHash));",
        "require(found == anchorHash, AnchorMismatch(anchor, found, anchorHash));",
        COMMIT,
    ),
    mutant(
        "any hash is an anchor's",
        "require(found != 0 && found == anchorHash, AnchorMismatch(anchor, found, anchorHash));",
        "require(found != 0, AnchorMismatch(anchor, found, anchorHash));",
        COMMIT,
    ),
    mutant(
        "half a chunk is one",
        "wordCount % CHUNK_WORDS == 0 && chunkCount != 0 && chunkCount <= type(uint16).max,",
        "chunkCount != 0 && chunkCount <= type(uint16).max,",
        COMMIT,
    ),
    mutant(
        "a batch of nothing is one",
        "wordCount % CHUNK_WORDS == 0 && chunkCount != 0 && chunkCount <= type(uint16).max,",
        "wordCount % CHUNK_WORDS == 0 && chunkCount <= type(uint16).max,",
        COMMIT,
    ),
    mutant(
        "the ring overwrites what is not final",
        "require(next.isEmpty() || block.timestamp >= finalAt, RingFull(id, finalAt));",
        "",
        COMMIT,
    ),
    mutant(
        "the ring overwrites one second early",
        "require(next.isEmpty() || block.timestamp >= finalAt, RingFull(id, finalAt));",
        "require(next.isEmpty() || block.timestamp + 1 >= finalAt, RingFull(id, finalAt));",
        COMMIT,
    ),
    mutant(
        "the ring looks at the batch's own place only",
        "RingWord next = _place(id + 1);",
        "RingWord next = _place(id);",
        COMMIT,
    ),
    mutant("a recommitted id needs room again", "if (id <= top) return;", "", COMMIT),
    mutant(
        "anybody freezes",
        "require(msg.sender == vault, NotVault(msg.sender, vault));",
        "",
        COMMIT,
    ),
    mutant(
        "a batch is final one second late for who asks",
        "bool isFinal = block.timestamp >= uint256(committedAt) + finalAfter;",
        "bool isFinal = block.timestamp > uint256(committedAt) + finalAfter;",
        COMMIT,
    ),
    mutant(
        "a reverted batch still stands",
        "if (id > _head.id()) return (BatchStatus.Reverted, committedAt);",
        "",
        REVERT,
    ),
    mutant(
        "a header that is not in the ring has a status",
        "if (!word.binds(header.hash())) return (BatchStatus.Unknown, 0);",
        "",
        COMMIT,
    ),
    # --- bonds
    mutant(
        "a bond leaves one second early",
        "require(block.timestamp >= until, BondLocked(index, until));",
        "require(block.timestamp + 1 >= until, BondLocked(index, until));",
        OPERATORS,
    ),
    mutant(
        "the current operator's bond leaves",
        "require(index != _head.operator(), OperatorIsCurrent(index));\n        // Whatever",
        "// Whatever",
        OPERATORS,
    ),
    mutant(
        "a bond leaves twice",
        "_operators[index].bond = 0;\n\n        emit BondWithdrawn",
        "emit BondWithdrawn",
        OPERATORS,
    ),
    mutant(
        "leaving is not dated",
        "if (previous != 0) _operators[previous].leftAt = uint40(block.timestamp);",
        "",
        OPERATORS,
    ),
    mutant(
        "a retired operator comes back",
        "require(!_operators[index].retired, OperatorIsRetired(index));",
        "",
        REVERT,
    ),
)
