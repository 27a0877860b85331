"""Any words at all: what the kernel refuses the reference refuses, and roots agree.

Most of these words no engine would make. All reasons to refuse an op are met, or this fails.
"""

import os
import random
import subprocess
import sys

import pytest

from matcher import commands as c
from matcher import words
from matcher.errors import ProtocolError
from matcher.kernel.settlement_layout import Refusal
from matcher.reference import words as judged
from matcher.reference.context import Context
from matcher.reference.faults import InvalidOp, MalformedChunk, MarginBroken
from matcher.reference.state import State, accounts_of, named_by
from matcher.settlement.facts import Facts
from matcher.settlement.ledger import Ledger
from matcher.types import (
    CHUNK_OPS,
    FEE_ACCOUNT,
    ORDER_ID_END,
    U24,
    U32,
    U56,
    U64,
    Fees,
    Instrument,
    Market,
)

START = 1_774_224_000
LAG = 300
HOUR = START // 3600
EXPIRIES = {(1, HOUR + 1): 400_000, (1, HOUR + 9): 1 << 40, (2, HOUR + 9): 100}
INSTRUMENTS = 40
ACCOUNTS = (0, 2, 3, 4, 5, 6)
CHUNKS = 2000 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 300

# `test_ledger` meets these.
RARE = {Refusal.NONE, Refusal.CHUNK_FULL, Refusal.POSITIONS, Refusal.EXITED, Refusal.FEES}


class Twins:
    """A ledger and the reference's state, told the same."""

    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.facts = Facts(LAG)
        self.context = Context(START, LAG)
        self.ledger = Ledger(self.facts)
        self.state = State()
        self.codes: set[Refusal] = set()
        self.chunk: list[judged.Op] = []
        self.was = dict(self.state.accounts)
        self.fees = 0
        self.kept: list[tuple[bytes, State]] = []
        self._list()

    def _list(self) -> None:
        markets = {1: (10, 1000, (300, -100)), 2: (U32, 1, (7, 7))}
        for market, (tick_value, strike_value, rates) in markets.items():
            self.facts.observe(c.MarketListed(market, f"M{market}", tick_value, strike_value))
            self.facts.observe(c.FeesSet(market, 0, 0, *rates, START + 50))
            self.context.markets[market] = Market(market, "", tick_value, strike_value)
            self.context.fees[market] = Fees(0, 0, *rates, START + 50)
        for key, cap in EXPIRIES.items():
            self.facts.observe(c.ExpiryOpened(*key, cap))
            self.context.caps[key] = cap
        for index in range(1, INSTRUMENTS + 1):
            key = sorted(EXPIRIES)[index % 3]
            row = (key[0], index % 2, key[1], 100 if key[0] == 2 else 90 + index)
            self.facts.observe(c.InstrumentListed(index, *row))
            self.context.instruments[index] = Instrument(index, *row)
        for account in ACCOUNTS:
            self.facts.observe(c.AccountOpened(account, account.to_bytes(20, "big")))
            self.context.opened.add(account)

    # --- telling ---------------------------------------------------------------------------------

    def tell(self) -> None:
        """A fact, now and then."""
        pick, account = self.random.random(), self.random.choice(ACCOUNTS)
        if pick < 0.2:
            grown = self.context.deposited.get(account, 0) + self.random.choice([0, 10**7, 10**12])
            self.context.deposited[account] = grown
            self.facts.observe(c.Deposited(account, grown, START))
        elif pick < 0.25:
            self.context.asks[account] = self.context.asks.get(account, 0) + 1
            self.facts.observe(c.Asked(account, self.context.asks[account], START))
        elif pick < 0.27:
            key = self.random.choice(sorted(EXPIRIES))
            price, at = self.random.choice([0, 50, 95_000, U56]), START + self.random.randrange(400)
            self.facts.observe(c.PriceFixed(*key, price, at))
            self.context.prices.setdefault(key, (price, at))

    # --- ops -------------------------------------------------------------------------------------

    def word(self) -> bytes:
        """Any op, most of them nearly right; or none at all."""
        rng = self.random
        pick = rng.random()
        if pick < 0.02:
            return rng.randbytes(31)
        if pick < 0.04:
            return words.pack(rng.choice([words.RootHi(5), words.Nop(), words.RootLo(1 << 127)]))
        if pick < 0.05:  # a reserved bit
            number = int.from_bytes(words.pack(self.op()), "big")
            return (number | 1 << rng.randrange(104)).to_bytes(31, "big")
        return words.pack(self.op())

    def op(self) -> words.Op:
        rng, account = self.random, self.account()
        state = self.state.account(account)
        kind = rng.choices(range(6), (10, 4, 1, 1, 2, 2))[0]
        if kind == 0:
            maker = self.account()
            return words.Fill(
                rng.randrange(2),
                account,
                maker,
                rng.choices((rng.randint(1, INSTRUMENTS), 99, 0), (97, 2, 1))[0],
                rng.choice([0, 1, 500, 9_000, rng.choice([1 << 20, U32])]),
                rng.choice([1, 1, 2, 7, rng.choice([0, 1 << 17, U32 - 1, U32])]),
                self.order(account),
                self.order(maker),
            )
        waits = max(0, self.context.deposited.get(account, 0) - state.credited)
        cash = max(0, state.cash)
        edge = rng.choice([0, 1, waits + 1, U56, 1 << 63, U64, U64 - state.exited % (1 << 64)])
        some = rng.choice([1, 5, cash // 2, cash, cash, edge]) & U64
        if kind == 1:
            return words.Credit(account, rng.choice([waits, waits // 2, edge]) & U64)
        if kind == 2:
            return words.Withdraw(account, some, self.order(account))
        if kind == 3:
            return words.Transfer(account, self.account(), some, self.order(account))
        if kind == 4:
            key = rng.choice([*sorted(EXPIRIES), (3, HOUR)])
            return words.Settle(account, *key)
        served = state.served + rng.choice([0, 1, 1, 1, 2])
        worst = max(0, self.state.worst(account, self.context))
        return words.Release(account, rng.choice([worst, worst, worst, some]) & U64, served & U24)

    def account(self) -> int:
        return self.random.choices((self.random.choice(ACCOUNTS), 0, 1, 9), (92, 4, 2, 2))[0]

    def order(self, account: int) -> int:
        """An id; of a slot that was used too, older and newer."""
        rng = self.random
        slot = rng.choice([rng.randrange(6), rng.randrange(4096), 4095])
        generation = self.state.account(account).slots[slot].generation
        newer = generation + rng.choice([0, 0, 0, 1, 1, 3, -1])
        far = rng.choice([ORDER_ID_END, (ORDER_ID_END >> 12) - 1 << 12 | slot, (1 << 48) - 1])
        return far if rng.random() < 0.01 else max(0, newer) << 12 | slot

    # --- both ------------------------------------------------------------------------------------

    def step(self) -> None:
        """Show both a word."""
        word = self.word()
        try:
            self.judge(word)
            refused = ""
        except (InvalidOp, MalformedChunk) as error:
            refused = str(error) or "refused"
        before = self.ledger.root
        if refused:
            with pytest.raises(ProtocolError):
                self.ledger.apply(word, self.context.built_at)
            self.codes.add(Refusal(int(self.ledger._memory.state["code"])))
        else:
            self.ledger.apply(word, self.context.built_at)
        assert self.ledger.root == before

    def judge(self, word: bytes) -> None:
        op = judged.unpack(int.from_bytes(word, "big"))
        if isinstance(op, judged.RootHi | judged.RootLo):
            raise MalformedChunk("a root")
        if len(self.chunk) == CHUNK_OPS:
            raise MalformedChunk("full")
        released = any(isinstance(o, judged.Release) and not o.account for o in self.chunk)
        filled = any(isinstance(o, judged.Fill) for o in self.chunk)
        if isinstance(op, judged.Fill) and released:
            raise MalformedChunk("a FILL beside a RELEASE of account 0")
        before = {index: self.state.account(index) for index in [*accounts_of(op), FEE_ACCOUNT]}
        fees = self.state.apply(op, self.context)
        if isinstance(op, judged.Release) and not op.account and filled:
            self.state.accounts[0] = before[0]
            raise MalformedChunk("a RELEASE of account 0 beside a FILL")
        for index, account in before.items():
            self.was.setdefault(index, account)
        self.fees += fees
        self.chunk.append(op)

    def end(self) -> bool:
        """End the chunk; False if both say that it breaks the rules, which then begin anew."""
        named = {index: self.was[index] for index in named_by(self.chunk)}
        try:
            if self.fees:
                self.state.book_fees(self.fees)
            self.state.rehash(named)
            self.state.require_margin(named, self.chunk, self.context)
            good = True
        except (InvalidOp, MarginBroken):
            good = False
        if good:
            assert self.ledger.end_chunk(self.context.built_at) == self.state.root()
        else:
            before = self.ledger.root
            for _ in range(2):
                with pytest.raises(ProtocolError):
                    self.ledger.end_chunk(self.context.built_at)
            self.codes.add(Refusal(int(self.ledger._memory.state["code"])))
            assert self.ledger.root == before
            self.ledger = self.ledger.fork(before)
            self.state.restore(named)
            assert self.state.root() == before
        self.chunk, self.was, self.fees = [], {}, 0
        return good


def run(seed: int, chunks: int) -> set[Refusal]:
    """Chunks of random words; the reasons to refuse that were met."""
    twins, good = Twins(seed), 0
    for _ in range(chunks):
        for _ in range(twins.random.choice([1, 2, 3, 6, 12, 45])):
            twins.tell()
            twins.step()
        good += twins.end()
        twins.context.built_at += twins.random.choice([0, 0, 1, 100])
    assert good > chunks // 4
    return twins.codes


def test_any_words_are_refused_or_give_the_roots_of_the_reference() -> None:
    codes = run(1, CHUNKS) | run(2, CHUNKS)
    assert set(Refusal) - codes <= RARE


def test_any_words_without_compiled_code_too() -> None:
    """The same in debug mode, where every address and width is checked."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.unit.matcher.kernel.test_settlement"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert "MARGIN" in told.stdout


if __name__ == "__main__":
    print(sorted(code.name for code in run(4, 50)))  # noqa: T201 - what the test reads
