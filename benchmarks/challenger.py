"""Chunks per second that the challenger's judge gets through.

    python -m benchmarks.challenger [--accounts 200] [--chunks 40] [--orders 2000] [--rounds 3]

Batches of full chunks: 30 fills between random accounts, each side's order signed and published, as
the chain's records. Judged is everything that the challenger judges: transitions with their roots,
margin, signatures and terms. `orders` are the slots that each account used before: they are what
makes an account dear to copy. The clock is the processor time of one thread.
"""

import argparse
import random
import statistics
import time

import coincurve

from matcher.reference import orderfile
from matcher.reference import records as r
from matcher.reference.chain import Chain
from matcher.reference.header import Header, parent_of
from matcher.reference.judge import Judge
from matcher.reference.leaf import Account, Slot
from matcher.reference.messages import address_of, digest
from matcher.reference.orderfile import Signed, file_hash
from matcher.reference.state import State
from matcher.reference.symbols import symbol
from matcher.reference.tree import words_root
from matcher.reference.words import Fill, pack_chunk
from matcher.types import CHUNK_OPS, SLOTS, Order, Windows

START = 1_800_000_000
EXPIRY = START // 3600 + 24 * 30
WINDOWS = Windows(challenge=600, answer=60, freeze=900, notice=120, lag=300)
CASH = 10**12  # atoms of each account
INSTRUMENTS = 6
STRIKE = 100
LOTS = 2
TICK = 500


class Street:
    """Traders with keys, and honest batches of their fills.

    Parameters
    ----------
    accounts : int
    orders : int
        Slots that each account used before.
    seed : int
    """

    def __init__(self, accounts: int, orders: int, seed: int):
        self.rng = random.Random(seed)
        self.keys = {i: coincurve.PrivateKey() for i in range(2, accounts + 2)}
        self.next_id = dict.fromkeys(self.keys, orders)
        self.state = State()
        for index in self.keys:
            account = Account(cash=CASH, credited=CASH)
            for number in range(min(orders, SLOTS)):
                account.slots[number] = Slot(0, 1)
            self.state.accounts[index] = account
        self.state.rehash(self.keys)
        self.chain = Chain.of([*self._facts()])
        self.head = Header(built_at=START - 1, state_root=self.state.root())

    def _facts(self) -> list[r.Record]:
        facts: list[r.Record] = [
            r.Deployed(WINDOWS, START - 1, 1, bytes(20)),
            r.MarketListed(1, "BTC", 100, 10**6),
            r.FeesSet(1, 3, -1, 3, -1, 0),
            r.ExpiryOpened(1, EXPIRY, 200 * 10**6),
        ]
        for i in range(INSTRUMENTS):
            name = symbol("BTC", i % 2, EXPIRY, STRIKE + i)
            facts.append(r.InstrumentListed(i + 1, 1, i % 2, EXPIRY, STRIKE + i, name))
        for index, key in self.keys.items():
            facts.append(r.AccountOpened(index, address_of(key.public_key)))
            facts.append(r.Deposited(index, CASH, CASH, START))
        return facts

    def judge(self) -> Judge:
        """One that stands at the head."""
        return Judge(self.chain, self.head, self.state.copy())

    def batch(self, chunks: int) -> r.BatchCommitted:
        """The next batch; the chain is told its order file."""
        context = self.chain.context(START)
        words: list[int] = []
        used: list[Signed] = []
        for _ in range(chunks):
            ops = [self._fill(used) for _ in range(CHUNK_OPS)]
            words += pack_chunk(ops, self.state.apply_ops(ops, context))
        data = orderfile.encode(self.head.id + 1, used)
        self.chain.learn(r.OrderFilePublished(self.head.id + 1, data))
        header = Header(
            operator=1,
            id=self.head.id + 1,
            built_at=START,
            chunk_count=chunks,
            parent=parent_of(self.head.batch_hash()),
            chunks_root=words_root(words),
            state_root=self.state.root(),
            extra=file_hash(data),
        )
        self.head = header
        return r.BatchCommitted(header, header.batch_hash(), tuple(words), START + 1)

    def _fill(self, used: list[Signed]) -> Fill:
        taker, maker = self.rng.sample(sorted(self.keys), 2)
        instrument = self.rng.randint(1, INSTRUMENTS)
        ids = [self._order(i, instrument, i == taker, used) for i in (taker, maker)]
        return Fill(0, taker, maker, instrument, TICK, LOTS, *ids)

    def _order(self, account: int, instrument: int, buy: bool, used: list[Signed]) -> int:
        number = self.next_id[account]
        self.next_id[account] += 1
        listed = self.chain.facts.instruments[instrument]
        name = symbol("BTC", listed.kind, listed.expiry, listed.strike)
        order = Order(account, name, buy, TICK * 100, LOTS, number, START + 1000, 0)
        raw = self.keys[account].sign_recoverable(
            digest(order, self.chain.separator()), hasher=None
        )
        used.append(Signed(order, raw[:64] + bytes([27 + raw[64]])))
        return number


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=200)
    parser.add_argument("--chunks", type=int, default=40)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    street = Street(args.accounts, args.orders, args.seed)
    speeds = []
    for _ in range(args.rounds):
        judge = street.judge()
        fact = street.batch(args.chunks)
        began = time.process_time()
        verdict = judge.judge(fact)
        took = time.process_time() - began
        if not verdict.sound:
            raise SystemExit(f"an honest batch was found to lie: {verdict.findings[:3]}")
        speeds.append(args.chunks / took)
        print(f"{args.chunks} chunks in {took:.2f} s: {speeds[-1]:.1f} chunks/s")
    print(f"median {statistics.median(speeds):.1f} chunks/s of {CHUNK_OPS} fills")


if __name__ == "__main__":
    main()
