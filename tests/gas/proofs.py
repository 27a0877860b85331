"""The dearest chunks there are to prove.

Each stands at the end of a batch of 128 chunks and lies about its root; the state before it is
real. Every path is full (24 siblings above an account, 10 above a word of slots), every account
holds 32 positions, hardly a byte of a leaf is zero, and no two ops share an account, a market, an
expiry or a word of storage.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from matcher.reference.context import Context
from matcher.reference.header import BLOB, Header, parent_of, ring_word
from matcher.reference.leaf import Account, Slot, slot_of
from matcher.reference.openings import BlobBody, CalldataBody
from matcher.reference.state import State, named_by
from matcher.reference.tree import ZERO, keccak
from matcher.reference.witness_transition import transition
from matcher.reference.words import (
    Credit,
    Fill,
    Op,
    Release,
    Settle,
    Transfer,
    Withdraw,
    pack_chunk,
    root_words,
)
from matcher.types import (
    ACCOUNT_TREE_DEPTH,
    CHUNK_OPS,
    CHUNK_WORDS,
    FEE_ACCOUNT,
    MAX_POSITIONS,
    SLOT_TREE_DEPTH,
    Fees,
    Instrument,
    Market,
)
from tests.support import facts
from tests.support.chain import TIP, calldata
from tests.support.decree import Fault
from tests.support.exchange import EXPIRY, Exchange, account_with, header_tuple

CHUNKS = 128  # of the batch, a full blob
LIE = CHUNKS - 1  # the chunk that lies
CAP = 1 << 40  # atoms per lot
LOTS = 0x01020304  # of every fill, and what both sides hold of its instrument before
ORDER = 0xFEDCBA98765  # of every op
USED = Slot(0x7EDCBA98, 0x01020304)  # every slot of the state: an older generation
AMOUNT = 0x0102030405  # atoms
HELD = 0x0102030405  # lots of the other positions
EARLIER = 100  # seconds before the expiries in which prices were fixed, for SETTLE


def dense(first: int, step: int = 5) -> Iterator[int]:
    """Numbers of three bytes of which none is zero, in different words of storage."""
    return (n for n in range(first, 1 << 24, step) if all(n.to_bytes(3, "big")))


ACCOUNTS = random.Random("accounts").sample(list(dense(0x010101)), 2 * CHUNK_OPS)
OTHERS = [n for n, _ in zip(dense(0x818181), range(MAX_POSITIONS - 1), strict=False)]


@dataclass(frozen=True)
class Story:
    """Ops of the chunk, the facts they are judged by, and what the accounts hold."""

    name: str
    ops: list[Op]
    context: Context
    positions: dict[int, dict[int, int]]  # account -> instrument -> lots


def listed(built_at: int) -> Context:
    """Thirty markets, each with an expiry of its own and an option in it."""
    context = Context(built_at=built_at, lag=0, opened={0, *ACCOUNTS})
    instruments = dense(0x010101)
    for market in range(1, CHUNK_OPS + 1):
        context.markets[market] = Market(market, f"M{market}", 3, 1)
        context.fees[market] = Fees(3, -1, 0x01020304, -0x01020303, 1)
        expiry = EXPIRY + 24 * market
        context.caps[market, expiry] = CAP
        index = next(instruments)
        context.instruments[index] = Instrument(index, market, market % 2, expiry, 0x010203)
    return context


def others() -> dict[int, int]:
    return {index: -HELD if index % 2 else HELD for index in OTHERS}


def fills(built_at: int) -> Story:
    """Thirty fills that close a position of both sides, the first of 32."""
    context = listed(built_at)
    ops: list[Op] = []
    positions = {}
    for i, instrument in enumerate(context.instruments):
        taker, maker = ACCOUNTS[2 * i : 2 * i + 2]
        ops.append(Fill(i % 2, taker, maker, instrument, 0x01010101, LOTS, ORDER, ORDER))
        sold = LOTS if i % 2 else -LOTS
        positions[taker] = {instrument: sold, **others()}
        positions[maker] = {instrument: -sold, **others()}
    return Story("fills", ops, context, positions)


def settles(built_at: int) -> Story:
    """Thirty accounts of 32 positions, all 960 in words of their own; half of each are paid out."""
    context = listed(built_at)
    keys = list(context.caps)
    for market, expiry in keys:
        context.prices[market, expiry] = (0x01020304, built_at - EARLIER)
        context.caps[market, expiry + 24] = CAP
    instruments = dense(0x020202)
    ops: list[Op] = []
    positions = {}
    for i, (market, expiry) in enumerate(keys):
        ops.append(Settle(ACCOUNTS[i], market, expiry))
        held = {}
        for place in range(MAX_POSITIONS):
            index = next(instruments)
            of = expiry + 24 * (place % 2)
            context.instruments[index] = Instrument(index, market, place // 2 % 2, of, 0x010203)
            held[index] = -HELD if place % 4 else HELD
        positions[ACCOUNTS[i]] = held
    return Story("settles", ops, context, positions)


def singles(name: str, op: Callable[[int], Op]) -> Callable[[int], Story]:
    """Thirty times an op of one account of 32 positions."""

    def story(built_at: int) -> Story:
        context = listed(built_at)
        named = ACCOUNTS[:CHUNK_OPS]
        context.deposited = dict.fromkeys(named, 283686952306183)
        context.asks = dict.fromkeys(named, 66052)
        positions = {account: {0x010101: HELD, **others()} for account in named}
        return Story(name, [op(account) for account in named], context, positions)

    return story


def transfers(built_at: int) -> Story:
    """Sixty accounts of 32 positions, from one to the other."""
    pairs = zip(ACCOUNTS[::2], ACCOUNTS[1::2], strict=True)
    ops: list[Op] = [Transfer(a, b, AMOUNT, ORDER) for a, b in pairs]
    positions = {account: {0x010101: HELD, **others()} for account in ACCOUNTS}
    return Story("transfers", ops, listed(built_at), positions)


STORIES: dict[str, Callable[[int], Story]] = {
    "fills": fills,
    "settles": settles,
    "withdraws": singles("withdraws", lambda account: Withdraw(account, AMOUNT, ORDER)),
    "transfers": transfers,
    "credits": singles("credits", lambda account: Credit(account, AMOUNT)),
    "releases": singles("releases", lambda account: Release(account, AMOUNT, 0x010204)),
}


# --- the state ------------------------------------------------------------------------------------


def full_state(story: Story) -> State:
    """The state before the chunk: whoever it names is surrounded by neighbors at every level."""
    slots = Account().slots
    place = slot_of(ORDER) // 4
    for word in (place, *(place ^ 1 << level for level in range(SLOT_TREE_DEPTH))):
        for quarter in range(4):
            slots[4 * word + quarter] = USED
    state = State()
    named = named_by(story.ops)
    for index in (*named, FEE_ACCOUNT):
        for level in range(ACCOUNT_TREE_DEPTH):
            state.accounts[index ^ 1 << level] = account_with(cash=1 + index)
    for index in (*named, FEE_ACCOUNT):
        state.accounts[index] = Account(
            cash=0x0102030405060708,
            exited=0x0102030405060708,
            credited=0x01020304050607 - AMOUNT,
            served=0x010203,
            positions=story.positions.get(index, {}),
            slots=slots.copy(),
        )
    state.rehash(state.accounts)
    return state


# --- the batch ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """A batch that lies, committed, and the proof."""

    header: Header
    previous: Header
    witness: bytes


def words_of(story: Story, before: State) -> list[int]:
    """Arbitrary words, at the end of them a root that is true, and a last chunk with one that is
    not.
    """
    rng = random.Random(story.name)
    words = [rng.getrandbits(248) for _ in range(CHUNK_WORDS * (CHUNKS - 1))]
    words[-2:] = root_words(before.root())
    return words + pack_chunk(story.ops, keccak(b"a lie"))


def committed(exchange: Exchange, story: Story, *, in_blobs: bool) -> Trial:
    """Commit it and build the witness.

    In blob mode the batch is committed as calldata, and its word in the ring exchanged for that of
    the same batch in blobs.
    """
    before = full_state(story)
    words = words_of(story, before)
    body = BlobBody(words) if in_blobs else CalldataBody(words)
    previous = exchange.head.header
    anchor = exchange.chain.height
    call = exchange.registry.functions.commit(
        story.context.built_at,
        exchange.parent,
        anchor,
        exchange.chain.block_hash(anchor),
        ZERO,
        words,
    )
    receipt = exchange.chain.send(exchange.roles.operator, call)
    header = Header(
        operator=1,
        id=previous.id + 1,
        built_at=story.context.built_at,
        chunk_count=CHUNKS,
        parent=parent_of(previous.batch_hash()),
        chunks_root=CalldataBody(words).tree.root(),
        state_root=keccak(b"a lie"),
    )
    assert receipt.event("BatchCommitted")["batchHash"] == header.batch_hash()
    if isinstance(body, BlobBody):
        header = replace(header, mode=BLOB, chunks_root=ZERO, blobs_hash=body.blobs_hash)
        place = facts.slot_of("BatchRegistry", "_ring") + header.id
        word = int.from_bytes(ring_word(header.batch_hash(), receipt.time), "big")
        exchange.chain.write_storage(exchange.registry.address, {place: word})
    return Trial(header, previous, transition(body, LIE, before, story.context))


def convict(exchange: Exchange, trial: Trial) -> tuple[int, int]:
    """Send the proof; what it cost, gas, and the bytes of its calldata."""
    chain = exchange.chain
    prover = exchange.deployment.addresses["transition_prover"]
    call = exchange.registry.functions.convict(
        prover, header_tuple(trial.header), header_tuple(trial.previous), trial.witness
    )
    price = chain.evm.header.base_fee_per_gas + TIP
    receipt = chain.send(exchange.roles.challenger, call)
    assert receipt.event("BatchConvicted") == {
        "id": trial.header.id,
        "prover": prover,
        "fault": Fault.WRONG_ROOT,
        "chunk": LIE,
        "place": CHUNK_OPS,
    }
    # `gas` is read from the sender's balance, to which the reward came.
    reward = receipt.event("BatchReverted")["reward"]
    return receipt.gas + -(-reward // price), len(calldata(call))
