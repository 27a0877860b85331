"""The dearest questions, answers and proofs about margin, each a whole transaction, cold.

They are about the last chunk of a full batch of 100. Every path is full (24 siblings above an
account, 10 above a word of slots), accounts hold 32 positions, and hardly a byte is zero.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from matcher.reference.leaf import Account, Slot
from matcher.reference.orderfile import Signed
from matcher.reference.state import State
from matcher.reference.tree import keccak
from matcher.reference.words import CHUNK_OPS, Fill, Op, Release, Transfer
from matcher.types import (
    ACCOUNT_TREE_DEPTH,
    MAX_POSITIONS,
    SLOT_TREE_DEPTH,
    InstrumentKind,
    Order,
)
from matcher.types import Transfer as TransferMessage
from tests.gas.flows import Stage
from tests.support.chain import Receipt, account
from tests.support.exchange import CAP, EXPIRY, TOKENS, Exchange
from tests.support.trials import Case, Trials

CHUNKS = 100
LAST = CHUNKS - 1
ACCOUNT = 0xBCDEF1  # of whom MARGIN speaks; nobody opened it, which is not MARGIN's question
ORDER = 0xFEDCBA98765
GENERATION = ORDER >> 12
FOREVER = (1 << 40) - 1
KEY = account("session key")
QUANTITY = 0xFEDCBA98  # lots
# Series of 32 instruments by ascending index: of the orders that a search went through, the one
# that LibSort takes longest to sort.
HARD = (14, 20, 21, 23, 24, 25, 26, 18, 30, 31, 29, 28, 27, 5, 17, 19)
HARD += (0, 1, 2, 3, 4, 15, 16, 13, 6, 7, 8, 9, 22, 10, 11, 12)


# --- margin ---------------------------------------------------------------------------------------


def judge_margin(stage: Stage) -> None:
    """Both leaves hold 32 positions; no two instruments of both share a word, nor an expiry.

    In one market, in as many as there can be, and in one market whose expiries have all passed
    without a price, which has to be looked for. Last, all of it together, and the instruments
    listed in an order that is hard to sort: nothing that was found costs more.
    """
    for blobs in (False, True):
        with stage.chain.passing():
            trials = Trials(own(stage).exchange)
            held = hold(trials.exchange, [1] * 2 * MAX_POSITIONS)
            prove(stage, trials, "32-positions", held, blobs)
        with stage.chain.passing():
            trials = Trials(own(stage).exchange)
            held = hold(trials.exchange, many(trials.exchange))
            prove(stage, trials, "64-markets", held, blobs)
        with stage.chain.passing():
            trials = Trials(own(stage).exchange)
            held = hold(trials.exchange, [1] * 2 * MAX_POSITIONS)
            pass_expiries(trials)
            prove(stage, trials, "expired", held, blobs)
        with stage.chain.passing():
            trials = Trials(own(stage).exchange)
            hard = [*HARD, *(MAX_POSITIONS + place for place in HARD)]
            held = hold(trials.exchange, many(trials.exchange), hard, kind=InstrumentKind.PUT)
            pass_expiries(trials)
            prove(stage, trials, "dearest", held, blobs)


def judge_release(stage: Stage) -> None:
    """A RELEASE that kept one atom back."""
    for blobs in (False, True):
        with stage.chain.passing():
            trials = Trials(own(stage).exchange)
            held = hold(trials.exchange, [1] * MAX_POSITIONS)
            rich = leaf(held, (1 << 62) + 0x0102030405060708)
            release = Release(ACCOUNT, 0x0102030405060708, 0x010203)
            case = full_batch(trials, around(ACCOUNT, rich), [release], blobs)
            witness = case.margin(LAST, ACCOUNT, 0)
            note(
                stage, trials, "margin-release", trials.convict(trials.margin, case, witness), blobs
            )


def prove(stage: Stage, trials: Trials, name: str, held: list[int], blobs: bool) -> None:
    """Convict an account of having lost what it did not have."""
    before = around(ACCOUNT, leaf(held[:MAX_POSITIONS], -(1 << 61) - 0x0102030405060708))
    after = around(ACCOUNT, leaf(held[MAX_POSITIONS:], -(1 << 63) + 0x0102030405060708))
    case = full_batch(trials, after, others(CHUNK_OPS), blobs, before=before)
    receipt = trials.convict(trials.margin, case, case.margin(LAST, ACCOUNT))
    note(stage, trials, f"margin-{name}", receipt, blobs)


def many(exchange: Exchange) -> list[int]:
    """As many markets as two leaves can name."""
    return [exchange.list_market(f"M{number:02}") for number in range(2 * MAX_POSITIONS)]


def pass_expiries(trials: Trials) -> None:
    """Let all expiries pass that `hold` opens; nobody settles them."""
    trials.chain.at((EXPIRY + 24 * 2 * MAX_POSITIONS) * 3600 + 1)
    trials.chain.mine()


def hold(
    exchange: Exchange,
    markets: list[int],
    order: Sequence[int] | None = None,
    kind: int | None = None,
) -> list[int]:
    """An instrument of each of these markets, each in an expiry and a word of its own.

    Parameters
    ----------
    order : sequence of int or None
        Of which of the markets the first index is, the second, and so on; None: as they stand.
    kind : InstrumentKind or None
        None: calls and puts in turn.
    """
    for number, market in enumerate(markets):
        exchange.open_expiry(market, EXPIRY + 24 * (number + 1), CAP)
    listed = []
    for number in range(len(markets)) if order is None else order:
        kind_of = number % 2 if kind is None else kind
        strikes = [1 + (4 * number + i) * 7 % (CAP // TOKENS - 1) for i in range(4)]
        listed += exchange.list_instruments(
            *((markets[number], kind_of, EXPIRY + 24 * (number + 1), strike) for strike in strikes)
        )
    return listed[::4]


def leaf(held: list[int], cash: int) -> Account:
    rng = random.Random("lots")
    positions = {index: rng.choice((-1, 1)) * rng.randint(1 << 20, 1 << 24) for index in held}
    return Account(cash, 0x0102030405060708, 0x01020304050607, 0x010203, positions)


# --- questions ------------------------------------------------------------------------------------


def judge_questions(stage: Stage) -> None:
    """A question about the maker of a fill, answered by its session key, whose account is full; one
    about a transfer; one that nobody answers.
    """
    for blobs in (False, True):
        with stage.chain.passing():
            trials = Trials(own(stage).exchange)
            case, signed = asked_about(trials, blobs)
            note(stage, trials, "ask", trials.ask(case, LAST, 0, 1), blobs)
            answered = trials.answer(case, LAST, 0, 1, signed[0])
            note(stage, trials, "answer-order", answered, blobs)
            trials.ask(case, LAST, 1)
            answered = trials.answer(case, LAST, 1, 0, signed[1])
            note(stage, trials, "answer-transfer", answered, blobs)
            trials.ask(case, LAST, 0)
            stage.chain.travel(2 * trials.exchange.windows.answer)
            note(stage, trials, "execute", trials.execute(case, LAST, 0), blobs)
            note(stage, trials, "reclaim", trials.reclaim(case, LAST, 0), blobs)


def asked_about(trials: Trials, blobs: bool) -> tuple[Case, tuple[Signed, Signed]]:
    """A batch with a fill and a transfer, and what was signed of them."""
    exchange, owner = trials.exchange, trials.roles.taker
    index = exchange.open(owner)
    trials.chain.send(owner, exchange.vault.functions.registerKey(index, KEY.address, FOREVER))
    until = trials.chain.now + 10**6
    trials.chain.send(owner, exchange.vault.functions.setOrdersUntil(index, until))
    (instrument, *_) = held = hold(exchange, [1] * MAX_POSITIONS)
    fill = Fill(0, 0xABCDEF, index, instrument, 0x01020304, 0x01020304, ORDER, ORDER)
    transfer = Transfer(index, 0xABCDEF, 0x0102030405060708, ORDER)
    full = leaf(held, 0x0102030405060708)
    for level in range(SLOT_TREE_DEPTH):
        full.slots[ORDER % 4096 ^ 4 << level] = Slot(GENERATION, 0x01020304)
    for quarter in range(4):
        full.slots[ORDER % 4096 ^ quarter] = Slot(GENERATION, 0x01020304)
    case = full_batch(trials, around(index, full), [fill, transfer], blobs)
    symbol = trials.chain.call(exchange.markets.functions.symbolOf(instrument))
    order = Order(index, symbol, False, 0x010203, QUANTITY, ORDER, until, 14)
    message = TransferMessage(index, 0xABCDEF, transfer.amount, ORDER, until)
    return case, (trials.sign(KEY, order), trials.sign(owner, message))


# --- the batch ------------------------------------------------------------------------------------


def around(index: int, shown: Account) -> State:
    """A state in which an account has a neighbor at every level."""
    state = State()
    state.accounts[index] = shown
    state.rehash([index])
    for level in range(ACCOUNT_TREE_DEPTH):
        state.tree.set(index ^ 1 << level, keccak(level.to_bytes(1, "big")))
    return state


def full_batch(
    trials: Trials, after: State, ops: list[Op], blobs: bool, before: State | None = None
) -> Case:
    """A hundred chunks full of fills; the last but one states `before`, the last `after`."""
    before = after if before is None else before
    told = [others(CHUNK_OPS) for _ in range(LAST)]
    last = [*ops, *others(CHUNK_OPS - len(ops))]
    return trials.commit(*((chunk, before) for chunk in told), (last, after), blobs=blobs)


def others(count: int) -> list[Op]:
    """Arbitrary fills, no two alike."""
    return [
        Fill(i % 2, 0x010101 + i, 0x0FEDCB - i, 0x010203, 0x01020304, i + 1, ORDER + i, ORDER - i)
        for i in range(count)
    ]


def own(stage: Stage) -> Stage:
    """A stage whose exchange is another one."""
    return replace(stage, exchange=stage.exchange.clone())


def note(stage: Stage, trials: Trials, name: str, receipt: Receipt, blobs: bool) -> None:
    """Take down what it cost; of a sender that was paid, `Receipt.gas` would say too little."""
    mode = "blobs" if blobs else "calldata"
    stage.note(f"{name}-{mode}", replace(receipt, gas=trials.gas(receipt)))


STORIES = (judge_margin, judge_release, judge_questions)
