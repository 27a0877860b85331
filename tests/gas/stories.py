"""What users and operators do, each a whole transaction, cold.

The collateral is DevToken; wallets give the Vault an infinite allowance, which a transfer does not
write, and the Vault and the trader hold tokens before and after, unless a flow says otherwise.

Calldata costs by its bytes that are not zero, so a figure stands still only if the calldata does:
time and nonces are always the same, and what depends on bytecode is kept out, see `still`.
"""

from __future__ import annotations

import random
from dataclasses import replace

from matcher.reference.header import ring_word
from matcher.reference.leaf import Account, account_hash, leaf_words
from matcher.reference.openings import CalldataBody
from matcher.reference.state import State
from matcher.reference.tree import ZERO, keccak, node
from matcher.reference.witness_transition import transition
from matcher.reference.words import CHUNK_OPS, Fill, pack_chunk
from matcher.types import MAX_POSITIONS
from tests.gas.flows import Flow, Stage, Story
from tests.support.chain import Chain
from tests.support.exchange import (
    BOND,
    CAP,
    EXPIRY,
    MARKET,
    REPORTERS,
    TOKENS,
    Batch,
    account_with,
    copy_state,
    state_of,
)
from tests.support.registry import write_slots

FULL = 100  # chunks
CROWD = 100_000  # accounts
INSTRUMENTS = 1000
HELD = {"i1": 5, "i2": -3}  # positions of the account that claims


# --- deploying and listing ------------------------------------------------------------------------


def deploy(stage: Stage) -> None:
    """The contracts of an exchange, as the chain has them since its first blocks."""
    roles = {address: role for role, address in stage.exchange.deployment.addresses.items()}
    for number in range(1, stage.chain.height + 1):
        receipt = stage.receipt(number)
        role = roles.get(receipt.created or "", "token")
        if role != "token":
            stage.note(f"deploy-{role.replace('_', '-')}", receipt, signer=stage.roles.owner)


def list_markets(stage: Stage) -> None:
    """A second market with its reporters, an expiry, and instruments: one, four, thirty-two."""
    owner, functions = stage.roles.owner, stage.exchange.markets.functions
    stage.send("list-market", owner, functions.listMarket("ETH", 100, TOKENS, 3, -1))
    reporters = [reporter.address for reporter in stage.roles.reporters]
    stage.send("add-reporters", owner, functions.addReporterSet(reporters), size=len(reporters))
    expiry = EXPIRY + 24
    stage.send("open-expiry", owner, functions.openExpiry(2, expiry, CAP, REPORTERS))
    start = 1
    for count in (1, 4, 32):
        items = [(2, i % 2, expiry, start + i // 2) for i in range(count)]
        stage.send("list-instruments", owner, functions.listInstruments(items), size=count)
        start += count
    later = stage.chain.now + 1000
    stage.send("set-fees", owner, functions.setFees(MARKET, 2, -1, later))


def operate(stage: Stage) -> None:
    """An operator is added, bonded, takes over, pauses; the old one gets its bond back."""
    roles, functions = stage.roles, stage.exchange.registry.functions
    stage.send("add-operator", roles.owner, functions.addOperator(roles.challenger.address))
    bonded = stage.chain.send(roles.challenger, functions.addBond(2), value=BOND)
    stage.note("add-bond", bonded)
    stage.send("set-operator", roles.owner, functions.setOperator(2))
    stage.send("pause", roles.owner, functions.setPaused(True))
    stage.send("unpause", roles.owner, functions.setPaused(False))
    stage.chain.travel(stage.exchange.windows.final_after)
    withdraw = functions.withdrawBond(1, roles.fees.address)
    stage.send("withdraw-bond", roles.operator, withdraw)


def convict(stage: Stage) -> None:
    """The smallest lie, an empty chunk with a wrong root, is proved; the bond goes with it."""
    exchange = stage.exchange
    honest = exchange.commit_root(State())
    lie = exchange.commit_root(state_of({2: account_with(cash=1)}))
    exchange.context.built_at = lie.header.built_at
    witness = transition(CalldataBody(lie.words), 0, honest.state, exchange.context)
    prover = exchange.deployment.addresses["transition_prover"]
    call = exchange.registry.functions.convict(prover, lie.encoded(), honest.encoded(), witness)
    sent = stage.chain.send(stage.roles.challenger, call)
    # Its sender is paid, too: what it was charged does not show in its balance.
    stage.note("convict", stage.receipt(sent.block))


def settle(stage: Stage) -> None:
    """One expiry is settled by its reporters, another by the owner's proposal."""
    exchange, owner = stage.exchange, stage.roles.owner
    later = exchange.open_expiry(MARKET, EXPIRY + 24, CAP)
    stage.chain.at(EXPIRY * 3600 + 1)
    call = exchange.prices.functions.settle(MARKET, EXPIRY, exchange.reports([100 * TOKENS] * 3))
    stage.send("settle", owner, call, size=len(stage.roles.reporters))
    stage.chain.at(later * 3600 + 15 * 86_400)
    propose = exchange.prices.functions.propose(MARKET, later, 100 * TOKENS)
    stage.send("propose-price", owner, propose)
    stage.chain.travel(3 * 86_400)
    execute = exchange.prices.functions.executeProposal(MARKET, later)
    stage.send("execute-proposal", stage.roles.outsider, execute)


# --- traders --------------------------------------------------------------------------------------


def open_accounts(stage: Stage) -> None:
    """An account with its first deposit; it is not the first at the Vault."""
    exchange, maker = stage.exchange, stage.roles.maker
    exchange.open(stage.roles.taker)
    account = stage.exchange.vault.functions.open(maker.address, 1_234_567_890)
    with stage.chain.passing():
        stage.send("open", maker, account)
    approve = exchange.token.functions.approve(exchange.vault.address, 10**15)
    stage.chain.send(maker, approve)
    stage.send("open-finite-allowance", maker, account)


def approve(stage: Stage) -> None:
    """Before the first deposit: the wallet lets the Vault take collateral."""
    exchange, owner = stage.exchange, stage.roles.owner
    call = exchange.token.functions.approve(exchange.vault.address, 2**256 - 1)
    stage.send("approve", owner, call)


def hold_account(stage: Stage) -> int:
    """The maker's account, not the first at the Vault."""
    stage.exchange.open(stage.roles.taker)
    return stage.exchange.open(stage.roles.maker)


def use_account(stage: Stage) -> None:
    """Deposit, ask, cancel, keys: what an owner sends later. Each as if the others were not."""
    account = hold_account(stage)
    chain, maker = stage.chain, stage.roles.maker
    vault = stage.exchange.vault.functions
    key = stage.roles.outsider.address
    with chain.passing():
        stage.send("deposit-again", maker, vault.deposit(account, 123_456_789))
    with chain.passing():
        stage.send("hard-cancel", maker, vault.setOrdersUntil(account, chain.now + 100_000))
        stage.send("hard-cancel-again", maker, vault.setOrdersUntil(account, chain.now + 60))
    with chain.passing():
        stage.send("ask", maker, vault.ask(account))
        stage.send("ask-again", maker, vault.ask(account))
    with chain.passing():
        stage.send("register-key", maker, vault.registerKey(account, key, chain.now + 100_000))
        stage.send("revoke-key", maker, vault.revokeKey(account, key, chain.now + 60))


def crowd(account: int) -> State:
    """A state of 100,000 accounts, each with cash and exits; `account` holds two positions."""
    state = State()
    state.accounts = {
        index: account_with(cash=1000 * TOKENS + index, exited=7 * TOKENS + index)
        for index in range(CROWD)
        if index != 1
    }
    state.accounts[account] = account_with(
        cash=800 * TOKENS, exited=100 * TOKENS + 1, credited=1000 * TOKENS, **HELD
    )
    # Level by level; one account at a time would hash 24 nodes for each.
    level = {index: account_hash(found) for index, found in state.accounts.items()}
    for height in range(state.tree.depth + 1):
        state.tree.nodes.update({(height, index): hash_ for index, hash_ in level.items()})
        parents = {index // 2 for index in level}
        level = {p: node(level.get(2 * p, ZERO), level.get(2 * p + 1, ZERO)) for p in parents}
    return state


def final(stage: Stage, state: State) -> Batch:
    return stage.exchange.finalize(stage.exchange.commit_root(state))


def claim(stage: Stage) -> None:
    """Claims with proofs in a tree of 100,000 accounts."""
    account = hold_account(stage)
    maker, vault = stage.roles.maker, stage.exchange.vault.functions
    state = crowd(account)
    batch = final(stage, state)
    with stage.chain.passing():
        stage.exchange.finalize(batch)
        elsewhere = vault.claimTo(account, *batch.proof(account), stage.roles.challenger.address)
        stage.send("claim-to", maker, elsewhere)
    stage.exchange.finalize(batch)
    stage.send("claim", maker, vault.claim(account, *batch.proof(account)))
    state = copy_state(state)
    state.accounts[account] = account_with(
        cash=600 * TOKENS, exited=300 * TOKENS + 7, credited=1000 * TOKENS, **HELD
    )
    state.rehash([account])
    batch = final(stage, state)
    header, leaf, path = batch.proof(account)
    assert len(path[1]) == 17  # siblings in a tree of 100,000
    stage.send("claim-again", maker, vault.claim(account, header, leaf, path))


def freeze(stage: Stage) -> None:
    """The exchange stands still: freeze it, and take out a portfolio of 32 positions.

    The dearest claim there is: positions of four expiries, none of them settled.
    """
    exchange, maker, account = stage.exchange, stage.roles.maker, hold_account(stage)
    months = [EXPIRY + 24 * n for n in range(1, 5)]
    for expiry in months:
        exchange.open_expiry(MARKET, expiry, CAP, REPORTERS)
    indices = exchange.list_instruments(
        *(
            (MARKET, kind, expiry, strike)
            for expiry in months
            for kind in (0, 1)
            for strike in (80, 90, 110, 120)
        )
    )
    held = {f"i{index}": (index % 5 - 2) or 1 for index in indices}
    state = State()
    state.accounts = {account: account_with(cash=1500 * TOKENS, credited=1000 * TOKENS, **held)}
    state.rehash(state.accounts)
    batch = exchange.commit_root(state)
    exchange.ask(maker, account)
    stage.chain.travel(exchange.windows.freeze + exchange.windows.final_after)
    proof = batch.proof(account)
    stage.send("freeze", maker, exchange.vault.functions.freeze(account, *proof, proof[0]))
    claimable = exchange.claimable(account, batch)
    assert claimable == exchange.context.worst(1500 * TOKENS, state.account(account).positions)
    assert 0 < claimable <= exchange.total()
    call = exchange.vault.functions.claim(account, *proof)
    flow = stage.send("claim-frozen", maker, call, size=len(indices))
    assert flow.receipt.event("Claimed")["amount"] == claimable


# --- batches --------------------------------------------------------------------------------------


def still(chain: Chain) -> None:
    """Go on until the newest block's hash and the last second hold no zero byte.

    Calldata that names them then always costs the same, whatever the code of the contracts, which
    every block hash depends on.
    """
    while 0 in chain.block_hash(chain.height):
        chain.mine()
    while 0 in (chain.now - 1).to_bytes(4, "big"):
        chain.travel(1)
    assert chain.height < 256, "the block's number has another byte now"


def fills(chunks: int, seed: str = "fills") -> list[int]:
    """Words of a batch full of fills as a busy exchange makes them.

    Any two of 100,000 accounts, a thousand instruments, prices of up to 16 bits in ticks, sizes of
    up to 10 bits in lots; order ids of low generations: a taker has used its slots some hundred
    times, a maker some thousand.
    """
    rng = random.Random(seed)
    words: list[int] = []
    for _ in range(chunks):
        words += pack_chunk([fill(rng) for _ in range(CHUNK_OPS)], rng.randbytes(32))
    return words


def fill(rng: random.Random) -> Fill:
    return Fill(
        flags=rng.getrandbits(1),
        taker=rng.randrange(2, CROWD),
        maker=rng.randrange(2, CROWD),
        instrument=rng.randint(1, INSTRUMENTS),
        tick=rng.randint(1, (1 << 16) - 1),
        lots=rng.randint(1, (1 << 10) - 1),
        taker_order=rng.randrange(4096) + 4096 * rng.randint(0, 300),
        maker_order=rng.randrange(4096) + 4096 * rng.randint(0, 3000),
    )


def commit(stage: Stage, name: str, words: list[int], size: int) -> Flow:
    """Commit words, on a head whose hash and time hold no zero byte."""
    chain, exchange = stage.chain, stage.exchange
    still(chain)
    call = exchange.registry.functions.commit(
        chain.now - 1,
        exchange.parent,
        chain.height,
        chain.block_hash(chain.height),
        keccak(b"order file"),
        words,
    )
    return stage.send(name, stage.roles.operator, call, size=size)


def first_lap(stage: Stage) -> None:
    """A full batch while the ring still has places that were never used."""
    commit(stage, "commit-first-lap", fills(FULL), FULL * CHUNK_OPS)


def fill_ring(stage: Stage) -> None:
    """Let the ring have been filled once: the next two places hold old, final batches.

    The places are found by watching where a commit writes.
    """
    chain, exchange = stage.chain, stage.exchange
    place = max(slot for _, slot in written(stage, "first"))  # the ring stands behind the head
    built = exchange.deployment.genesis_built_at
    old = [int.from_bytes(ring_word(keccak(b"old %d" % i), built), "big") for i in range(2)]
    chain.travel(exchange.windows.final_after + 1)
    write_slots(chain, exchange.registry.address, {place + 1: old[0], place + 2: old[1]})
    for ahead, word in enumerate(old):
        found = chain.call(exchange.registry.functions.ringWord(2 + ahead))
        assert int.from_bytes(found, "big") == word


def written(stage: Stage, seed: str) -> frozenset[tuple[bytes, int]]:
    """Commit a chunk, not as a flow; the slots that it changed."""
    aside = Stage(stage.exchange, stage.schedules[:1])
    flow = commit(aside, "aside", fills(1, seed), CHUNK_OPS)
    (measurement,) = flow.measured.values()
    return measurement.writes


def commit_batches(stage: Stage) -> None:
    """Batches of one fill to 3,000, each when the ring has been filled once."""
    one = pack_chunk([fill(random.Random("one"))], keccak(b"root"))
    batches = [(1, one)] + [(n * CHUNK_OPS, fills(n)) for n in (1, 2, 10, FULL)]
    for size, words in batches:
        with stage.chain.passing():
            fill_ring(stage)
            commit(stage, "commit", words, size)


# --- margin ---------------------------------------------------------------------------------------


def judge_margin(stage: Stage) -> None:
    """What `worst` of 32 positions costs over 1, 8 and 32 expiries, no two instruments in one slot:
    once per claim of a frozen exchange, and in every proof about margin.
    """
    for expiries in (1, 8, 32):
        with stage.chain.passing():
            _worst(replace(stage, exchange=stage.exchange.clone()), expiries)


def _worst(stage: Stage, expiries: int) -> None:
    exchange = stage.exchange
    series = [EXPIRY + 24 * (i + 1) for i in range(expiries)]
    for expiry in series:
        exchange.open_expiry(MARKET, expiry, CAP)
    strikes = CAP // TOKENS
    # Four instruments share a slot: list four times as many, hold every fourth.
    items = [
        (MARKET, i // 4 % 2, series[i // 4 % expiries], 1 + i * 7 % (strikes - 1))
        for i in range(4 * MAX_POSITIONS)
    ]
    indices = []
    for start in range(0, len(items), 32):
        indices += exchange.list_instruments(*items[start : start + 32])
    rng = random.Random("lots")
    held = {index: rng.randint(-(10**6), 10**6) for index in indices[::4]}
    assert len(held) == MAX_POSITIONS
    words = leaf_words(Account(10**15, positions=held))
    harness = stage.chain.deploy(stage.roles.owner, "LibraryHarness")
    call = harness.functions.worst(
        [word.to_bytes(32, "big") for word in words],
        exchange.markets.address,
        exchange.prices.address,
        stage.chain.now,
    )
    stage.send("worst-of-32-positions", stage.roles.outsider, call, size=expiries)


STORIES: tuple[Story, ...] = (
    deploy,
    list_markets,
    operate,
    convict,
    settle,
    approve,
    open_accounts,
    use_account,
    claim,
    freeze,
    first_lap,
    commit_batches,
    judge_margin,
)
