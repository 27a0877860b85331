"""Faults of the Vault: what a claim pays, and when a freeze is right."""

from tests.mutants.mutant import Mutant

FILE = "Vault.sol"
CLAIMS = ("tests/unit/contracts/test_vault_claims.py",)
FREEZE = ("tests/unit/contracts/test_vault_freeze.py",)
FROZEN = ("tests/unit/contracts/test_vault_frozen.py",)
ACCOUNTS = ("tests/unit/contracts/test_vault_accounts.py",)
TOKENS = ("tests/unit/contracts/test_vault_tokens.py",)


def mutant(name: str, old: str, new: str, tests: tuple[str, ...], survives: str = "") -> Mutant:
    return Mutant(name, FILE, old, new, tests, survives)


MUTANTS = (
    # --- claims
    mutant(
        "a claim forgets what was paid", "_accounts[account].b = b.setClaimed(claimed);", "", CLAIMS
    ),
    mutant(
        "a claim pays all that is due again",
        "uint256 amount = _less(due, b.claimed());",
        "uint256 amount = due;",
        CLAIMS,
    ),
    mutant(
        "a claim against a batch that is not final",
        "require(status == BatchStatus.Final, HeaderNotFinal(status));",
        "require(status != BatchStatus.Unknown, HeaderNotFinal(status));",
        CLAIMS,
    ),
    mutant(
        "a claim leaves the total as it was",
        "_state = state.setTotal(total - paid);",
        "",
        CLAIMS,
    ),
    mutant(
        "a claim above the total",
        "require(amount <= total, TotalTooSmall(total, amount));",
        "",
        CLAIMS,
    ),
    mutant(
        "a leaf of another state is paid",
        "require(root == stateRoot, LeafNotInState(account, root, stateRoot));",
        "",
        CLAIMS,
    ),
    mutant(
        "another account's leaf is paid",
        "Merkle.rootFrom(Leaf.hash(leaf), account, Merkle.ACCOUNT_TREE_DEPTH, path);",
        "Merkle.rootFrom(Leaf.hash(leaf), 2, Merkle.ACCOUNT_TREE_DEPTH, path);",
        CLAIMS,
    ),
    mutant(
        "anybody claims to whom it likes",
        ") external nonReentrant onlyAccountOwner(account) returns (uint64 paid) {",
        ") external nonReentrant returns (uint64 paid) {",
        CLAIMS,
    ),
    mutant(
        "a claim to nobody",
        "recipient != address(0) && recipient != address(this), RecipientUnusable(recipient)",
        "recipient != address(this), RecipientUnusable(recipient)",
        CLAIMS,
    ),
    mutant(
        "equity is paid while the exchange lives",
        "if (_state.frozen() && _isHead(header)) {",
        "if (_isHead(header)) {",
        CLAIMS,
    ),
    mutant(
        "a frozen exchange pays equity of any header",
        "if (_state.frozen() && _isHead(header)) {",
        "if (_state.frozen()) {",
        FROZEN,
    ),
    mutant(
        "a debt is taken from what was let out",
        "due += worst > 0 ? worst : int256(0);",
        "due += worst;",
        FROZEN,
    ),
    mutant(
        "a deposit that was never credited is lost",
        "due += int256(uint256(_accounts[account].a.deposited()));",
        "",
        FROZEN,
    ),
    mutant(
        "a credited deposit is paid twice",
        "due -= int256(uint256(first.credited()));",
        "",
        FROZEN,
    ),
    mutant(
        "a price of this block does not count",
        "block.timestamp + 1 // of this block too",
        "block.timestamp",
        FROZEN,
    ),
    # --- freeze
    mutant(
        "anybody freezes for anybody",
        "Header calldata successor\n    ) external nonReentrant onlyAccountOwner(account) {",
        "Header calldata successor\n    ) external nonReentrant {",
        FREEZE,
    ),
    mutant(
        "a reverted header freezes",
        "status == BatchStatus.Committed || status == BatchStatus.Final,",
        "status != BatchStatus.Unknown,",
        FREEZE,
    ),
    mutant("a freeze is forgotten", "_state = _state.setFrozen();", "", FROZEN),
    mutant(
        "the exchange freezes again and again",
        "require(!_state.frozen(), AlreadyFrozen());",
        "",
        FREEZE,
    ),
    mutant(
        "a deposit credited in whole counts as owed",
        "if (first.credited() < a.deposited()) since = a.depositedAt();",
        "if (first.credited() <= a.deposited()) since = a.depositedAt();",
        FREEZE,
    ),
    mutant(
        "a served ask counts as owed",
        "if (first.served() < b.asks() && b.askedAt() < since) since = b.askedAt();",
        "if (first.served() <= b.asks() && b.askedAt() < since) since = b.askedAt();",
        FREEZE,
    ),
    mutant(
        "of two waits the shorter counts",
        "if (first.served() < b.asks() && b.askedAt() < since) since = b.askedAt();",
        "if (first.served() < b.asks()) since = b.askedAt();",
        FREEZE,
    ),
    mutant(
        "nothing owed freezes",
        "require(since != type(uint256).max, NothingOwed(first.credited(), first.served()));",
        "if (since == type(uint256).max) since = 0;",
        FREEZE,
    ),
    mutant(
        "a revert gives the next operator no time",
        "uint256 patience = (since > lastRevertAt ? since : lastRevertAt) + _freezeWindow;",
        "uint256 patience = since + _freezeWindow;",
        FREEZE,
    ),
    mutant(
        "patience ends one second early",
        "isHead ? block.timestamp > patience",
        "isHead ? block.timestamp >= patience",
        FREEZE,
    ),
    mutant(
        "a batch of the last patient second shields nobody",
        "!isFinal && committedAt > patience;",
        "!isFinal && committedAt >= patience;",
        FREEZE,
    ),
    mutant(
        "an older batch that is final counts as one of after patience",
        "!isFinal && committedAt > patience;",
        "committedAt > patience;",
        FREEZE,
    ),
    mutant(
        "all patience ends one second early",
        "bool second = isFinal && block.timestamp > limit",
        "bool second = isFinal && block.timestamp >= limit",
        FREEZE,
    ),
    mutant(
        "all patience counts half",
        "uint256 limit = since + 2 * (_freezeWindow + _finalAfter);",
        "uint256 limit = since + (_freezeWindow + _finalAfter);",
        FREEZE,
    ),
    mutant(
        "a batch that became final in the last patient second freezes",
        "committedAt + _finalAfter > limit",
        "committedAt + _finalAfter >= limit",
        FREEZE,
    ),
    mutant(
        "any header with any successor freezes",
        "if (successor.info.id() != uint256(header.info.id()) + 1) return false;",
        "",
        FREEZE,
    ),
    mutant(
        "a final successor shields nobody",
        "return status == BatchStatus.Committed;",
        "return status != BatchStatus.Unknown;",
        FREEZE,
    ),
    # --- deposits
    mutant(
        "a token that takes a fee pays in whole",
        "require(received == units, DepositNotExact(units, received));",
        "",
        TOKENS,
    ),
    mutant(
        "anybody deposits",
        "external\n        nonReentrant\n        onlyAccountOwner(account)\n    {",
        "external\n        nonReentrant\n    {",
        ACCOUNTS,
    ),
    mutant(
        "anybody asks",
        "function ask(uint24 account) external onlyAccountOwner(account) {",
        "function ask(uint24 account) external {",
        ACCOUNTS,
    ),
    mutant(
        "a key lives longer again",
        "require(validUntil < current, NotLower(validUntil, current));",
        "",
        ACCOUNTS,
    ),
    mutant(
        "orders end at once",
        "_requireNotice(ordersUntil);\n",
        "",
        ACCOUNTS,
    ),
    mutant(
        "an owner is its own key",
        "require(key != address(0) && key != msg.sender, KeyUnusable(key));",
        "require(key != address(0), KeyUnusable(key));",
        ACCOUNTS,
    ),
    mutant(
        "a key is registered again",
        "require(word.isEmpty(), KeyTaken(key, word.validFrom(), word.validUntil()));",
        "",
        ACCOUNTS,
    ),
)
