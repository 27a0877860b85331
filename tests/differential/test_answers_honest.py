"""S9: whatever the matcher and the batcher make can be answered for on chain, and is not convicted.

Orders, withdrawals and transfers of real signers run through engine and batcher; the committer
commits; every side of every op is asked about and answered from the published order file.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from matcher import commands as c
from matcher.chain.committer import Committer
from matcher.events import Rejected
from matcher.reference import header as headers
from matcher.reference.authorization import Side, sides_of
from matcher.reference.messages import digest
from matcher.reference.openings import BlobBody, Body, CalldataBody
from matcher.reference.orderfile import Message, Signed, decode
from matcher.reference.state import State, named_by
from matcher.reference.symbols import symbol
from matcher.reference.words import Op, Release, unpack_chunk
from matcher.types import (
    CHUNK_WORDS,
    Order,
    OrderFlag,
    SelfTrade,
    SignedOrder,
    Transfer,
    Withdrawal,
)
from tests.support.chain import Reverted, account
from tests.support.decree import NOBODY, Fault
from tests.support.exchange import TOKENS, Exchange, copy_state
from tests.support.pipeline import Pipeline
from tests.support.trials import ANSWERED, CHUNK, Case, Trials

BATCHES = 3
ORDERS = 120  # of a batch
FAR = 10**6  # seconds
FOREVER = (1 << 40) - 1
KEY = account("session key")


@dataclass
class Market:
    """Three traders before a matcher."""

    exchange: Exchange
    pipeline: Pipeline
    committer: Committer
    rng: random.Random
    owners: dict[int, LocalAccount]
    signers: dict[int, list[LocalAccount]]
    last: dict[int, int] = field(default_factory=dict)  # order id, by account
    rejected: int = 0

    def tell(self, command: c.Command) -> None:
        """As `Pipeline.apply`, which takes no rejects."""
        events = self.pipeline.engine.apply(command)
        self.rejected += any(isinstance(event, Rejected) for event in events)
        for batch in self.pipeline.batcher.add(command, events):
            self.pipeline.archive.write(batch)

    def next_id(self, index: int) -> int:
        """Slots in turn, so few that generations are reached."""
        number = self.last[index] = self.last.get(index, -1) + 1
        return number // 40 << 12 | number % 40

    def sign(self, who: LocalAccount, message: Message) -> tuple[bytes, bytes, bytes]:
        what = digest(message, self.exchange.domain())
        return self.exchange.sign(who, message), what, bytes.fromhex(who.address[2:])

    def trade(self) -> None:
        """A random order, now and then something leaves."""
        rng, context = self.rng, self.exchange.context
        index = rng.choice(list(self.owners))
        expiry = self.pipeline.engine.now + FAR
        what = rng.random()
        if what < 0.04:
            message = Withdrawal(index, rng.randint(1, TOKENS), self.next_id(index), expiry)
            self.tell(c.WithdrawRequest(message, *self.sign(self.owners[index], message)))
            return
        if what < 0.08:
            (other, *_) = (one for one in self.owners if one != index)
            sent = Transfer(index, other, rng.randint(0, TOKENS), self.next_id(index), expiry)
            self.tell(c.TransferRequest(sent, *self.sign(self.owners[index], sent)))
            return
        listed = context.instruments[rng.choice((1, 1, 2, 3))]
        market = context.markets[listed.market]
        flags = (0, 0, 0, OrderFlag.IOC, OrderFlag.POST_ONLY, OrderFlag.REDUCE_ONLY)
        order = Order(
            account=index,
            instrument=symbol(market.name, listed.kind, listed.expiry, listed.strike),
            buy=rng.random() < 0.5,
            price=rng.randint(98, 102) * 1000 * market.tick_value,
            quantity=rng.randint(1, 9),
            id=self.next_id(index),
            expiry=expiry,
            flags=int(rng.choice(flags)),
        )
        signed = self.sign(rng.choice(self.signers[index]), order)
        self.tell(c.PlaceOrder(SignedOrder(order, *signed), SelfTrade.CANCEL_NEWEST))

    def batch(self) -> Any:
        """Let a batch of trades be committed."""
        self.exchange.chain.travel(2)
        self.exchange.chain.mine()
        self.pipeline.follow()
        self.tell(c.OpenBatch())
        for _ in range(ORDERS):
            self.trade()
        self.tell(c.CloseBatch())
        self.exchange.chain.travel(2)
        self.exchange.chain.mine()
        self.committer.step()
        assert self.committer.step().head == self.pipeline.batcher.head.id
        return self.pipeline.archive.read(self.pipeline.batcher.head.id)


@pytest.fixture
def market(exchange: Exchange, tmp_path: Path) -> Market:
    roles = exchange.roles
    people = (roles.taker, roles.maker, roles.outsider)
    owners = {exchange.open(who, 10_000 * TOKENS): who for who in people}
    signers = {index: [owner] for index, owner in owners.items()}
    register = exchange.vault.functions.registerKey
    for index, owner in owners.items():
        exchange.chain.send(owner, register(index, KEY.address, FOREVER))
        signers[index].append(KEY)
    exchange.ask(roles.maker, min(owners) + 1)
    pipeline = Pipeline(exchange.deployment, tmp_path)
    committer = Committer(
        exchange.chain.w3,
        exchange.deployment,
        pipeline.archive,
        roles.operator,
        lambda: pipeline.follower.told,
    )
    return Market(exchange, pipeline, committer, random.Random("honest"), owners, signers)


def cases(market: Market) -> Iterator[tuple[Case, list[Signed]]]:
    """Batches as they stand on chain, each with its states and its order file."""
    state, previous = State(), headers.genesis(market.exchange.deployment.genesis_built_at)
    for _ in range(BATCHES):
        batch = market.batch()
        header = headers.decode(batch.header)
        words = [
            int.from_bytes(batch.words[start : start + 32], "big")
            for start in range(0, len(batch.words), 32)
        ]
        context = replace(market.exchange.context, built_at=header.built_at)
        states = [copy_state(state)]
        for start in range(0, len(words), CHUNK_WORDS):
            state.apply_chunk(words[start : start + CHUNK_WORDS], context)
            states.append(copy_state(state))
        number, published = decode(batch.order_file)
        assert number == header.id
        body: Body = CalldataBody(words) if header.mode == headers.CALLDATA else BlobBody(words)
        yield Case(header, previous, 0, body, tuple(states)), published
        previous = header


def test_inv_s9_every_op_of_an_honest_batch_is_answered_for(market: Market) -> None:
    trials, seen = Trials(market.exchange), Counter[str]()
    for case, published in cases(market):
        for number, place, op in ops_of(case):
            for side in sides_of(op):
                trials.ask(case, number, place, side.number)
                answer(trials, case, number, place, side, published)
                seen[f"{type(op).__name__} {side.number}"] += 1
        require_margin(trials, case)
    assert seen.keys() == {"Fill 0", "Fill 1", "Withdraw 0", "Transfer 0"}
    assert seen["Fill 0"] > 40, seen
    assert trials.balance(trials.unauthorized.address) == 0


def ops_of(case: Case) -> Iterator[tuple[int, int, Op]]:
    """Chunk, place and op."""
    for number in range(case.header.chunk_count):
        ops, _ = unpack_chunk(case.body.words[CHUNK_WORDS * number : CHUNK_WORDS * (number + 1)])
        for place, op in enumerate(ops):
            yield number, place, op


def answer(
    trials: Trials, case: Case, number: int, place: int, side: Side, published: list[Signed]
) -> None:
    """With the published message of this account and id."""
    (signed,) = (one for one in published if whose(one.message) == (side.account, side.order))
    trials.answer(case, number, place, side.number, signed)
    assert trials.question(case, number, place, side.number)[0] == ANSWERED


def whose(message: Message) -> tuple[int, int]:
    """Account and id."""
    return (message.source if isinstance(message, Transfer) else message.account), message.id


def require_margin(trials: Trials, case: Case) -> None:
    """Nobody that a chunk names broke margin, and no RELEASE kept anything back."""
    for number in range(case.header.chunk_count):
        ops = {place: op for at, place, op in ops_of(case) if at == number}
        for index in named_by(ops.values()):
            releases = [
                place
                for place, op in ops.items()
                if isinstance(op, Release) and op.account == index
            ]
            for place in (None, *releases):
                witness = case.margin(number, index, place)
                found = trials.judged(trials.margin, case, witness)
                assert found == (Fault.NONE, number, CHUNK, NOBODY, bytes(32))


def test_order_that_was_not_in_the_file_does_not_answer(market: Market) -> None:
    """The same order signed for one lot less, or by somebody else, after the fact."""
    trials = Trials(market.exchange)
    case, published = next(cases(market))
    fills = ((n, p, side) for n, p, op in ops_of(case) for side in sides_of(op))
    number, place, side = next(found for found in fills if not isinstance(found[2].op, Transfer))
    trials.ask(case, number, place, side.number)
    (right,) = (one for one in published if whose(one.message) == (side.account, side.order))
    stranger = trials.sign(market.exchange.roles.challenger, right.message)
    with pytest.raises(Reverted, match="SignerNotAllowed"):
        trials.answer(case, number, place, side.number, stranger)
    trials.answer(case, number, place, side.number, right)
