"""S4, S9: an answer counts on chain exactly when the model says that it answers.

Batches of random ops are opened in the seconds in which keys begin and end, orders end, messages
expire. Of each side of each op random messages are shown: what was signed, or something beside it.
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from eth_account.signers.local import LocalAccount

from matcher.reference.authorization import Side, Signers, answers, sides_of
from matcher.reference.leaf import Account, Slot, generation_of, slot_of
from matcher.reference.messages import CURVE_ORDER, digest, domain_separator
from matcher.reference.orderfile import Message, Signed
from matcher.reference.symbols import symbol
from matcher.reference.words import Fill, Op, Transfer, Withdraw
from matcher.types import CHUNK_OPS, U32, U64, Order, OrderFlag, Withdrawal
from matcher.types import Transfer as TransferMessage
from tests.support.chain import Reverted, account
from tests.support.exchange import EXPIRY, Exchange, state_of
from tests.support.trials import Trials

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
BATCHES = 30 if FUZZ else 4  # for each of the three seconds
SHOWN = 6  # messages for each side
FOREVER = (1 << 40) - 1
SLOTS = (0, 5, 4095)
KEYS = {name: account(name) for name in ("early key", "late key", "key of two", "cut key")}


@dataclass
class Crowd:
    """Accounts, who may sign for them, and the second around which all that changes."""

    trials: Trials
    signers: Signers
    accounts: list[int] = field(default_factory=list)
    turn: int = 0  # the second: the last of what ends, the first of what begins
    built_at: int = 0  # of the batch at hand

    @property
    def everybody(self) -> list[LocalAccount]:
        roles = self.trials.roles
        return [
            roles.taker,
            roles.maker,
            roles.outsider,
            roles.fees,
            roles.operator,
            *KEYS.values(),
        ]

    def send(self, owner: LocalAccount, name: str, index: int, *args: Any) -> Any:
        vault = self.trials.exchange.vault.functions
        return self.trials.chain.send(owner, getattr(vault, name)(index, *args))

    def register(self, owner: LocalAccount, index: int, name: str, until: int) -> None:
        since = self.send(owner, "registerKey", index, KEYS[name].address, until).time
        self.signers.keys[index, raw(KEYS[name])] = (since, until)


def raw(who: LocalAccount) -> bytes:
    return bytes.fromhex(who.address[2:])


@pytest.fixture
def crowd(exchange: Exchange) -> Crowd:
    """Two accounts of one owner, one of another whose orders end, one of a contract."""
    roles, chain = exchange.roles, exchange.chain
    found = Crowd(Trials(exchange), Signers({0: raw(roles.fees)}))
    wallet = chain.deploy(roles.outsider, "ContractWallet", roles.outsider.address)
    owners = (roles.taker, roles.taker, roles.maker)
    found.accounts = [
        *map(exchange.open, owners),
        exchange.open(roles.outsider, owner=wallet.address),
    ]
    first, second, third, fourth = found.accounts
    for index, owner in zip(found.accounts, (*map(raw, owners), None), strict=True):
        found.signers.owners[index] = owner or bytes.fromhex(wallet.address[2:])
    market = exchange.list_market("ODD", tick_value=7)
    exchange.open_expiry(market, EXPIRY + 24)
    exchange.list_instruments((market, 1, EXPIRY + 24, 3), (market, 0, EXPIRY + 24, 150))

    found.turn = turn = chain.now + 200
    found.register(roles.taker, first, "early key", turn)
    found.register(roles.taker, first, "key of two", FOREVER)
    found.register(roles.taker, second, "key of two", turn + 1)
    found.register(roles.taker, second, "cut key", FOREVER)
    found.send(roles.taker, "revokeKey", second, KEYS["cut key"].address, turn)
    found.signers.keys[second, raw(KEYS["cut key"])] = (
        found.signers.keys[second, raw(KEYS["cut key"])][0],
        turn,
    )
    found.send(roles.maker, "setOrdersUntil", third, turn)
    found.signers.orders_until[third] = turn
    late = KEYS["late key"]
    relay = exchange.vault.encode_abi("registerKey", args=[fourth, late.address, FOREVER])
    chain.at(turn)
    chain.send(roles.outsider, wallet.functions.execute(exchange.vault.address, relay))
    found.signers.keys[fourth, raw(late)] = (turn, FOREVER)
    chain.at(turn + 5)
    chain.mine()
    return found


# --- what is asked --------------------------------------------------------------------------------


def random_op(rng: random.Random, crowd: Crowd) -> Op:
    """Anything that somebody signs, between accounts of which one may be nobody's."""
    order = [rng.choice((0, 1, U32)) << 12 | rng.choice(SLOTS) for _ in range(2)]
    one, two = rng.sample([*crowd.accounts, *crowd.accounts, max(crowd.accounts) + 1], 2)
    amount = rng.choice((0, 7, U64))
    if rng.random() < 0.15:
        return Withdraw(rng.choice((0, one)), amount, order[0])
    if rng.random() < 0.15:
        return Transfer(one, rng.choice((0, two)), amount, order[0])
    instrument = rng.choice(list(crowd.trials.exchange.context.instruments))
    tick = rng.choice((0, 1, 70, U32))
    return Fill(rng.getrandbits(1), one, two, instrument, tick, rng.randint(1, 9), *order)


def after_chunk(rng: random.Random, crowd: Crowd, ops: list[Op]) -> dict[int, Account]:
    """Accounts whose slots mostly are those of the orders that were filled."""
    accounts = {index: Account(cash=1 + index) for index in crowd.accounts}
    for op in ops:
        for side in sides_of(op):
            generation = max(generation_of(side.order) + rng.choice((0, 0, 0, 0, -1, 1)), 0)
            slot = Slot(min(generation, U32), rng.choice((1, 8, 9, U32)))
            if side.account in accounts:
                accounts[side.account].slots[slot_of(side.order)] = slot
    return accounts


# --- what is shown --------------------------------------------------------------------------------


def right_message(rng: random.Random, crowd: Crowd, side: Side) -> Message:
    """What would answer, if the right one signed it."""
    op, expiry = side.op, rng.choice((crowd.built_at, crowd.built_at + 1, FOREVER))
    if isinstance(op, Withdraw):
        return Withdrawal(op.account, op.amount, op.order, expiry)
    if isinstance(op, Transfer):
        return TransferMessage(op.source, op.target, op.amount, op.order, expiry)
    context = crowd.trials.exchange.context
    listed = context.instruments[op.instrument]
    market = context.markets[listed.market]
    return Order(
        account=side.account,
        instrument=symbol(market.name, listed.kind, listed.expiry, listed.strike),
        buy=side.buys,
        price=op.tick * market.tick_value,
        quantity=rng.choice((9, U32, U64)),
        id=side.order,
        expiry=expiry,
        flags=rng.choice((0, 0, 0, OrderFlag.IOC, OrderFlag.POST_ONLY, 14)),
    )


def beside(rng: random.Random, crowd: Crowd, message: Any) -> Any:
    """The message with a term changed."""
    others: dict[str, Callable[[], Any]] = {
        "account": lambda: rng.choice(crowd.accounts),
        "source": lambda: rng.choice(crowd.accounts),
        "target": lambda: rng.choice((0, *crowd.accounts)),
        "instrument": lambda: rng.choice(("BTC-14FEB27-120-C", "", message.instrument.lower())),
        "buy": lambda: not message.buy,
        "price": lambda: min(max(message.price + rng.choice((-1, 1, -100, 100)), 0), U64),
        "quantity": lambda: rng.choice((0, 7, 8)),
        "amount": lambda: message.amount ^ 1,
        "id": lambda: message.id ^ rng.choice((1, 1 << 12, 1 << 44)),
        "expiry": lambda: crowd.built_at + rng.choice((-1, -1, 0)),
        "flags": lambda: rng.choice((OrderFlag.POST_ONLY, 16, 255, 3)),
    }
    name = rng.choice([name for name in others if hasattr(message, name)])
    return msgspec.structs.replace(message, **{name: others[name]()})


def signed(rng: random.Random, crowd: Crowd, message: Message) -> Signed:
    """Signed by anybody, most often by one who may, in one of the spellings, or spoiled."""
    separator = crowd.trials.exchange.domain()
    if rng.random() < 0.05:
        separator = domain_separator(1, separator[:20])
    index = message.source if isinstance(message, TransferMessage) else message.account
    keys = [key for (of, key) in crowd.signers.keys if of == index]
    mostly = {crowd.signers.owners.get(index), *keys}
    able = [who for who in crowd.everybody if raw(who) in mostly]
    who = rng.choice(able if able and rng.random() < 0.9 else crowd.everybody)
    signature = bytes(who.unsafe_sign_hash(digest(message, separator)).signature)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    spelling = rng.randrange(12)
    if spelling < 3:
        signature = r + (s | (v - 27) << 255).to_bytes(32, "big")
    elif spelling == 3:
        high = (CURVE_ORDER - s).to_bytes(32, "big")
        wrong = (r + high + bytes([55 - v]), signature[:-1] + bytes([v - 27]), signature + b"\0")
        signature = rng.choice((*wrong, signature[:-1] + bytes([55 - v]), bytes(65)))
    return Signed(message, signature)


# --- the comparison -------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [-1, 0, 1])
def test_inv_s9_answers_count_exactly_when_the_model_says_so(crowd: Crowd, moved: int) -> None:
    trials, seen = crowd.trials, Counter[str]()
    built_at = crowd.built_at = crowd.turn + moved
    for number in range(BATCHES):
        rng = random.Random(f"answers {moved} {number}")
        with trials.chain.passing():
            one_batch(rng, crowd, built_at, seen)
    for name in ("answered", *REFUSALS):
        assert seen[name] >= 1, (name, seen)
    assert seen["answered"] > seen.total() // 10


REFUSALS = {
    "SignerNotAllowed",
    "MessageExpired",
    "PriceOutsideLimit",
    "TakerIsPostOnly",
    "GenerationMismatch",
    "FilledAboveQuantity",
    "FlagsUnknown",
    "SignatureHighS",
    "SignatureLength",
    "SignatureV",
}


def one_batch(rng: random.Random, crowd: Crowd, built_at: int, seen: Counter[str]) -> None:
    """Commit a chunk, ask about everything in it, and show messages."""
    trials, exchange = crowd.trials, crowd.trials.exchange.clone()
    trials = Trials(exchange)
    ops = [random_op(rng, crowd) for _ in range(CHUNK_OPS // 2)]
    accounts = after_chunk(rng, crowd, ops)
    case = trials.commit((ops, state_of(accounts)), built_at=built_at)
    separator, context = exchange.domain(), exchange.context
    for place, op in enumerate(ops):
        for side in sides_of(op):
            trials.ask(case, 0, place, side.number)
            for _ in range(SHOWN):
                message = right_message(rng, crowd, side)
                for _ in range(rng.choice((0, 0, 1, 2))):
                    message = beside(rng, crowd, message)
                told = signed(rng, crowd, message)
                account = accounts.get(side.account, Account())
                expected = answers(side, told, separator, context, crowd.signers, account)
                found = outcome(trials, case, place, side, told)
                assert (found == "answered") is expected, (side, told, found)
                assert found in {"answered", "SignatureOfNobody", *REFUSALS}, (side, told, found)
                seen[found] += 1


def outcome(trials: Trials, case: Any, place: int, side: Side, told: Signed) -> str:
    """What the contract says of an answer: `answered`, or its error."""
    try:
        trials.chain.call(
            trials.answering(case, 0, place, side.number, told), trials.roles.operator
        )
    except Reverted as error:
        return error.revert.name
    return "answered"
