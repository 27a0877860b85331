"""Challengers on the tests' chain, and lies for them to find."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount

from matcher.blobs.sources import Sources
from matcher.challenger.challenger import Challenger, Options
from matcher.challenger.checkpoint import Checkpoints
from matcher.challenger.order_files import OrderFiles
from matcher.challenger.policy import Policy
from matcher.reference import orderfile
from matcher.reference.orderfile import Signed
from matcher.reference.state import State
from matcher.reference.tree import keccak
from matcher.reference.words import Credit, Fill, Op, pack_chunk
from matcher.types import Order, Withdrawal
from tests.support.chain import Chain
from tests.support.exchange import TOKENS, Batch, Exchange, copy_state

SYMBOL = "BTC-14FEB27-100-C"
PRICE = 50_000  # atoms per lot: 500 ticks of 100
MOST_STEPS = 200


@dataclass
class Shelf:
    """Order files that a test publishes."""

    name: str = "the shelf"
    files: dict[int, bytes] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)

    def fetch(self, batch_id: int, extra: bytes) -> bytes | None:
        self.asked.append(batch_id)
        return self.files.get(batch_id)


@dataclass
class Arena:
    """An exchange, its order files, and two traders with money in it."""

    exchange: Exchange
    shelf: Shelf
    taker: int = 0
    maker: int = 0
    orders: int = 0  # ids used

    @property
    def chain(self) -> Chain:
        return self.exchange.chain

    def challenger(
        self,
        account: LocalAccount | None = None,
        *,
        checkpoints: Checkpoints | None = None,
        seed: int = 7,
        dry_run: bool = False,
        confirmations: int = 1,
        blobs: Sources | None = None,
        **policy: Any,
    ) -> Challenger:
        """A challenger that has seen nothing yet, as after a restart."""
        options = Options(
            account=account or self.exchange.roles.challenger,
            dry_run=dry_run,
            confirmations=confirmations,
            poll=0.0,
            policy=Policy(**policy),
        )
        files = OrderFiles([self.shelf])
        made = Challenger(self.exchange.deployment, options, files, blobs, checkpoints)
        made.planner._rng = random.Random(seed)
        return made

    def challenger_at_rest(self) -> Challenger:
        """One that has seen everything and sends nothing."""
        made = self.challenger(convict=False)
        work(made)
        return made

    @property
    def genesis_hash(self) -> str:
        return self.exchange.deployment.genesis_hash

    # --- honest batches ---------------------------------------------------------------------------

    def order(self, account: int, *, buy: bool, lots: int = 5, price: int = PRICE) -> Order:
        self.orders += 1
        until = self.chain.now + 100_000
        return Order(account, SYMBOL, buy, price, lots, self.orders, until, 0)

    def signed(self, message: Order | Withdrawal) -> Signed:
        roles = self.exchange.roles
        signer = roles.taker if message.account == self.taker else roles.maker
        return Signed(message, self.exchange.sign(signer, message))

    def trade(self, lots: int = 5) -> tuple[Fill, list[Signed]]:
        """A fill and the orders that allow it."""
        orders = [self.order(self.taker, buy=True), self.order(self.maker, buy=False)]
        fill = Fill(0, self.taker, self.maker, 1, PRICE // 100, lots, orders[0].id, orders[1].id)
        return fill, [self.signed(order) for order in orders]

    def file(self, used: Sequence[Signed] = (), *, publish: bool = True) -> bytes:
        """The next batch's order file; its hash."""
        number = self.exchange.head.header.id + 1
        data = orderfile.encode(number, used)
        if publish:
            self.shelf.files[number] = data
        return keccak(data)

    def file_of(self, batch: Batch, used: Sequence[Signed]) -> None:
        """Publish the file of a batch after all."""
        data = orderfile.encode(batch.header.id, used)
        assert keccak(data) == batch.header.extra
        self.shelf.files[batch.header.id] = data

    def commit(
        self, *chunks: Sequence[Op], used: Sequence[Signed] = (), publish: bool = True
    ) -> Batch:
        return self.exchange.commit(*chunks, extra=self.file(used, publish=publish))

    # --- lies -------------------------------------------------------------------------------------

    def lie(self, *chunks: Sequence[Op], roots: dict[int, bytes] | None = None) -> Batch:
        """Commit chunks whose ops break no width, without asking whether they are allowed.

        Parameters
        ----------
        roots : dict of int to bytes, optional
            By chunk: stated in place of the one that follows.
        """
        exchange = self.exchange
        built_at = self.chain.now - 1
        exchange.context.built_at = built_at
        after, words = copy_state(exchange.state), []
        for number, ops in enumerate(chunks):
            root = after.apply_ops(ops, exchange.context)
            words += pack_chunk(ops, (roots or {}).get(number, root))
        return self.commit_words(words, after, built_at)

    def commit_words(self, words: list[int], after: State, built_at: int | None = None) -> Batch:
        """Commit any words with an empty order file; the model goes on from `after`."""
        exchange = self.exchange
        if (roots := stated(words)) != after.root():
            after = _Stating(after, roots)
        time = self.chain.now - 1 if built_at is None else built_at
        return exchange._commit(words, after, time, self.file())


class _Stating(State):
    """A state with a root that it has not."""

    def __init__(self, state: State, root: bytes):
        super().__init__()
        self.accounts, self.tree, self.stated = state.accounts, state.tree, root

    def root(self) -> bytes:
        return self.stated


def stated(words: Sequence[int]) -> bytes:
    """The root that the last chunk states."""
    return b"".join((word >> 112 & (1 << 128) - 1).to_bytes(16, "big") for word in words[-2:])


def arena_of(exchange: Exchange) -> Arena:
    """Two traders with 1,000 tokens each, credited by batch 1."""
    arena = Arena(exchange, Shelf())
    arena.taker = exchange.open(exchange.roles.taker)
    arena.maker = exchange.open(exchange.roles.maker)
    arena.commit([Credit(arena.taker, 1000 * TOKENS), Credit(arena.maker, 1000 * TOKENS)])
    return arena


def work(challenger: Challenger) -> None:
    """Let a challenger do everything that is due now; each transaction is a block."""
    for _ in range(MOST_STEPS):
        if not challenger.step():
            return
    raise AssertionError("the challenger comes to no end")


def work_through(challenger: Challenger) -> bool:
    """As `work`, with what passes tried again."""
    for _ in range(100):
        if not challenger.try_step() and not challenger.trouble:
            return True
    raise AssertionError(challenger.trouble)


def events(logs: Sequence[Any]) -> list[str]:
    """Names of captured log lines."""
    return [line["event"] for line in logs]


def balance(chain: Chain, address: str) -> int:
    """wei."""
    return int(chain.evm.get_vm().state.get_balance(bytes.fromhex(address[2:])))


def head(exchange: Exchange) -> int:
    """Id of the chain's head."""
    return int(exchange.chain.call(exchange.registry.functions.head())[0])
