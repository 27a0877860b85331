"""An exchange in the middle of its life, and the honest batch that comes next.

`Stage` has everything that a lie may be about: credited accounts, positions of a settled and of an
open expiry, an account with 31 positions, session keys that hold, were revoked, or ran out, rates
that have changed, a deposit not yet credited and asks not yet served. `Plan` is the batch in which
every kind of op happens, not yet committed: a lie changes it by one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount

from matcher.reference import orderfile
from matcher.reference.authorization import Side, sides_of
from matcher.reference.orderfile import Message, Signed
from matcher.reference.symbols import symbol
from matcher.reference.words import Credit, Fill, Nop, Op, Release, Settle, Transfer, Withdraw
from matcher.types import SLOTS, Fees, Order
from matcher.types import Transfer as TransferMessage
from matcher.types import Withdrawal as WithdrawalMessage
from tests.support.chain import GENESIS_TIME, account
from tests.support.exchange import EXPIRY, MARKET, TOKENS, Exchange
from tests.support.watcher import Watcher

FEES, MAKER, TAKER, LEAVER, SELLER, HOLDER = 0, 2, 3, 4, 5, 6  # accounts
UNOPENED = 99
CALL, PUT = 1, 2  # instruments, of EXPIRY and strike 100
EARLY = GENESIS_TIME // 3600 + 24  # 08:00 UTC, tomorrow
EARLY_CALL, EARLY_PUT = 5, 6
EARLY_PRICE = 130 * TOKENS
STRIP = range(7, 39)  # calls of EXPIRY; HOLDER has bought all but the last
MONEY = 10_000 * TOKENS
PENDING = 40 * TOKENS  # deposited by MAKER and not credited

NEW_FEES = (5, -2)
OLD_FEES = (3, -1)
EVERYTHING = -1  # as a RELEASE's amount: all that margin allows
FOREVER = 10**8  # seconds


def order_id(number: int, generation: int = 1) -> int:
    """The order of this slot and generation."""
    return generation * SLOTS + number


@dataclass
class Plan:
    """A batch before it is committed.

    Attributes
    ----------
    chunks : list of list of Op
        A RELEASE of `EVERYTHING` is given its amount when the batch is told.
    messages : list of Signed
        All that anybody ever signed, used or not.
    hidden : set of tuple of int
        (account, id) of messages that are kept out of the order file.
    built_at : int or None
        None: one second before the commit.
    published : bool
        Whether there is an order file that anybody can see.
    in_blobs : bool
        The mode.
    """

    chunks: list[list[Op]]
    messages: list[Signed]
    hidden: set[tuple[int, int]] = field(default_factory=set)
    built_at: int | None = None
    published: bool = True
    in_blobs: bool = False

    def put(self, chunk: int, place: int, op: Op) -> None:
        """Have this op at a place; NOPs before it where there is nothing."""
        ops = self.chunks[chunk]
        ops += [Nop()] * (place + 1 - len(ops))
        ops[place] = op

    def file(self, batch: int) -> bytes:
        """The order file of what is used and not hidden."""
        by_key = {key_of(signed.message): signed for signed in self.messages}
        used = [(side.account, side.order) for op in self.ops() for side in sides_of(op)]
        return orderfile.encode(
            batch, [by_key[key] for key in used if key in by_key and key not in self.hidden]
        )

    def ops(self) -> list[Op]:
        return [op for ops in self.chunks for op in ops]

    def sides(self) -> list[tuple[int, int, Side]]:
        """(chunk, place, side) of everything that somebody must have signed."""
        return [
            (chunk, place, side)
            for chunk, ops in enumerate(self.chunks)
            for place, op in enumerate(ops)
            for side in sides_of(op)
        ]


def key_of(message: Message) -> tuple[int, int]:
    """Whose message, and its id."""
    sender = message.source if isinstance(message, TransferMessage) else message.account
    return sender, message.id


class Stage:
    """The life so far; what `exchange` commits and is told is part of it.

    Parameters
    ----------
    exchange : Exchange
        As `listed_exchange` makes it.
    """

    def __init__(self, exchange: Exchange):
        self.x = exchange
        self.key = account("session key")
        self.revoked = account("revoked key")
        self.late = account("late key")
        self.watcher = Watcher(exchange.chain, exchange.deployment)
        self.messages: list[Signed] = []
        self._symbols: dict[int, str] = {}

    @classmethod
    def prepared(cls, exchange: Exchange) -> Stage:
        """Live until the day after tomorrow."""
        stage = cls(exchange)
        stage._list()
        stage._open()
        stage._trade()
        stage._settle()
        assert all(verdict.sound for verdict in stage.watcher.look())
        return stage

    def clone(self) -> Stage:
        """The same with facts of its own."""
        twin = Stage(self.x.clone())
        twin.watcher = self.watcher.clone()
        twin.messages = list(self.messages)
        twin._symbols = dict(self._symbols)
        return twin

    # --- the life so far

    def _list(self) -> None:
        x = self.x
        x.open_expiry(expiry=EARLY)
        early = x.list_instruments((MARKET, 0, EARLY, 100), (MARKET, 1, EARLY, 100))
        strip = x.list_instruments(*((MARKET, 0, EXPIRY, 50 + i) for i in range(len(STRIP))))
        assert [*early, *strip] == [EARLY_CALL, EARLY_PUT, *STRIP]

    def _open(self) -> None:
        x, roles = self.x, self.x.roles
        traders = (roles.maker, roles.taker, roles.outsider, roles.maker, roles.taker)
        for index, trader in zip((MAKER, TAKER, LEAVER, SELLER, HOLDER), traders, strict=True):
            assert x.open(trader, MONEY) == index
        self.register(LEAVER, self.key)
        self.register(LEAVER, self.revoked)
        self.register(HOLDER, self.key)
        soon = x.chain.now + x.windows.notice + 1
        self.send(roles.outsider, x.vault.functions.revokeKey(LEAVER, self.revoked.address, soon))
        self.send(roles.taker, x.vault.functions.setOrdersUntil(HOLDER, soon))

    def _trade(self) -> None:
        deposits = [Credit(index, MONEY) for index in (MAKER, TAKER, LEAVER, SELLER, HOLDER)]
        self.commit(deposits)
        seller, holder = range(100, 131), range(200, 231)
        strip = [
            self.fill(HOLDER, SELLER, instrument, 600, 1, taker=b, maker=a, sign=True)
            for instrument, a, b in zip(STRIP, seller, holder, strict=False)
        ]
        early = [
            self.fill(TAKER, MAKER, EARLY_CALL, 900, 10, taker=1, maker=1, sign=True),
            self.fill(MAKER, TAKER, EARLY_PUT, 300, 3, taker=2, maker=2, sign=True),
        ]
        self.commit(strip[:30], [*strip[30:], *early])

    def _settle(self) -> None:
        x, roles = self.x, self.x.roles
        active_at = EARLY * 3600 + 10
        self.send(roles.owner, x.markets.functions.setFees(MARKET, *NEW_FEES, active_at))
        x.context.fees[MARKET] = Fees(*OLD_FEES, *NEW_FEES, active_at)
        x.settle(EARLY_PRICE, MARKET, EARLY)
        x.chain.travel(20)
        x.deposit(roles.maker, MAKER, PENDING)
        x.ask(roles.outsider, LEAVER)
        x.ask(roles.fees, FEES)

    # --- the batch that comes next

    def plan(self) -> Plan:
        """An honest batch of three chunks with every kind of op."""
        roles = self.x.roles
        until = self.x.chain.now + FOREVER
        # One order of the maker, filled twice, to its last lot.
        self.order(MAKER, CALL, buys=False, tick=500, lots=9, number=10)
        self.order(MAKER, PUT, buys=True, tick=700, lots=2, number=11)
        self.order(TAKER, CALL, buys=True, tick=500, lots=5, number=12)
        self.order(LEAVER, PUT, buys=False, tick=700, lots=2, number=13, signer=self.key)
        self.order(HOLDER, CALL, buys=True, tick=500, lots=4, number=14, signer=self.key)
        self.say(roles.maker, TransferMessage(MAKER, TAKER, 7 * TOKENS, order_id(20), until))
        self.say(roles.taker, WithdrawalMessage(TAKER, 11 * TOKENS, order_id(21), until))
        self.say(roles.taker, TransferMessage(TAKER, MAKER, 3 * TOKENS, order_id(22), until))
        first = [
            Credit(MAKER, PENDING),
            self.fill(TAKER, MAKER, CALL, 500, 5, taker=12, maker=10),
            Nop(),
            self.fill(LEAVER, MAKER, PUT, 700, 2, taker=13, maker=11, sells=True),
            Transfer(MAKER, TAKER, 7 * TOKENS, order_id(20)),
            Withdraw(TAKER, 11 * TOKENS, order_id(21)),
        ]
        second = [
            Settle(MAKER, MARKET, EARLY),
            Settle(TAKER, MARKET, EARLY),
            self.fill(HOLDER, MAKER, CALL, 500, 4, taker=14, maker=10),
        ]
        third = [
            Release(LEAVER, EVERYTHING, 1),
            Transfer(TAKER, MAKER, 3 * TOKENS, order_id(22)),
        ]
        return Plan([first, second, third], list(self.messages))

    # --- pieces

    def owner(self, index: int) -> LocalAccount:
        roles = self.x.roles
        owners = {
            FEES: roles.fees,
            MAKER: roles.maker,
            TAKER: roles.taker,
            LEAVER: roles.outsider,
            SELLER: roles.maker,
            HOLDER: roles.taker,
        }
        return owners[index]

    def send(self, sender: LocalAccount, call: Any) -> None:
        self.x.chain.send(sender, call)

    def register(self, index: int, key: LocalAccount) -> None:
        until = self.x.chain.now + FOREVER
        call = self.x.vault.functions.registerKey(index, key.address, until)
        self.send(self.owner(index), call)

    def symbol(self, instrument: int) -> str:
        if instrument not in self._symbols:
            listed = self.x.context.instruments[instrument]
            name = self.x.context.markets[listed.market].name
            self._symbols[instrument] = symbol(name, listed.kind, listed.expiry, listed.strike)
        return self._symbols[instrument]

    def say(self, signer: LocalAccount, message: Message) -> Signed:
        """Have a message signed; it takes the place of an older one of its id."""
        signed = Signed(message, self.x.sign(signer, message))
        self.messages = [m for m in self.messages if key_of(m.message) != key_of(message)]
        self.messages.append(signed)
        return signed

    def order(
        self,
        index: int,
        instrument: int,
        *,
        buys: bool,
        tick: int,
        lots: int,
        number: int,
        generation: int = 1,
        signer: LocalAccount | None = None,
        expiry: int | None = None,
        flags: int = 0,
    ) -> Signed:
        """Have an order signed, by its account's owner if nobody else is named."""
        market = self.x.context.instruments[instrument].market
        value = self.x.context.markets[market].tick_value
        return self.say(
            signer or self.owner(index),
            Order(
                account=index,
                instrument=self.symbol(instrument),
                buy=buys,
                price=tick * value,
                quantity=lots,
                id=order_id(number, generation),
                expiry=self.x.chain.now + FOREVER if expiry is None else expiry,
                flags=flags,
            ),
        )

    def fill(
        self,
        taker_account: int,
        maker_account: int,
        instrument: int,
        tick: int,
        lots: int,
        *,
        taker: int,
        maker: int,
        sells: bool = False,
        sign: bool = False,
    ) -> Fill:
        """A fill of two orders by their slots; `sign`: have both signed for it."""
        if sign:
            terms = {"tick": tick, "lots": lots}
            # In the life so far HOLDER's owner may not sign any more.
            by = self.key if taker_account == HOLDER else None
            self.order(taker_account, instrument, buys=not sells, number=taker, signer=by, **terms)
            self.order(maker_account, instrument, buys=sells, number=maker, **terms)
        ids = order_id(taker), order_id(maker)
        return Fill(int(sells), taker_account, maker_account, instrument, tick, lots, *ids)

    def commit(self, *chunks: Sequence[Op], built_at: int | None = None) -> None:
        """Commit honestly, with an order file."""
        plan = Plan([list(ops) for ops in chunks], list(self.messages))
        number = self.x.head.header.id + 1
        file = plan.file(number)
        self.watcher.shown(number, file)
        self.x.commit(*chunks, built_at=built_at, extra=orderfile.file_hash(file))
