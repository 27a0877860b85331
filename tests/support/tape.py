"""An honest operator on a chain of records: what `replay` would read of a stream."""

from collections.abc import Iterable
from dataclasses import replace

from matcher import commands as c
from matcher.events import BatchClosed, Event
from matcher.reference import records as r
from matcher.reference.batching import Batch, Batcher
from matcher.reference.exchange import Exchange
from matcher.reference.header import genesis
from matcher.reference.symbols import symbol
from tests.support.street import CHAIN_ID, REGISTRY, START, WINDOWS


class Tape:
    """Applies commands to the reference exchange, commits its batches, and writes it all down."""

    def __init__(self, chunk_limit: int = 100):
        self.exchange = Exchange(WINDOWS)
        self.batcher = Batcher(genesis(START - 1), chunk_limit=chunk_limit)
        self.records: list[r.Record] = [r.Deployed(WINDOWS, START - 1, CHAIN_ID, REGISTRY)]
        self.told: set[c.Command] = set()
        self.events: list[Event] = []

    def run(self, stream: Iterable[c.Command]) -> "Tape":
        """Apply a whole stream and close the last batch."""
        for command in stream:
            self.apply(command)
        self.apply(c.CloseBatch())
        return self

    def apply(self, command: c.Command) -> list[Event]:
        """Apply a command; what its facts and batches leave on the chain goes onto the tape."""
        if command not in self.told:
            self.records += self.facts_of(command)
            self.told.add(command)
        happened = self.exchange.apply(command)
        self.events += happened
        if any(isinstance(event, BatchClosed) for event in happened):
            for batch in self.batcher.close(self.events, self.exchange.floor.context):
                self.commit(batch)
            self.events = []
        return happened

    def commit(self, batch: Batch) -> None:
        header = batch.header
        self.records.append(r.OrderFilePublished(header.id, batch.order_file))
        at = max(header.built_at, self.exchange.floor.now) + 1
        self.records.append(r.BatchCommitted(header, header.batch_hash(), batch.words, at))

    def claim_everything(self) -> None:
        """Each account takes out what it may, once the last batch is final."""
        at = self.exchange.floor.now + 1 + WINDOWS.final_after
        for index, account in sorted(self.batcher.state.accounts.items()):
            if account.exited:
                self.records.append(r.Claimed(index, account.exited, account.exited, at))

    def facts_of(self, command: c.Command) -> list[r.Record]:
        """The logs behind a fact; none behind what changes nothing."""
        context = self.exchange.floor.context
        match command:
            case c.MarketListed(market, name, tick_value, strike_value):
                return [r.MarketListed(market, name, tick_value, strike_value)]
            case c.FeesSet():
                return [r.FeesSet(**fields(command))]
            case c.ExpiryOpened(market, expiry, cap):
                return [r.ExpiryOpened(market, expiry, cap)]
            case c.InstrumentListed(index, market, kind, expiry, strike):
                text = symbol(context.markets[market].name, kind, expiry, strike)
                return [r.InstrumentListed(index, market, kind, expiry, strike, text)]
            case c.PriceFixed(market, expiry, price, fixed_at):
                return [r.PriceFixed(market, expiry, price, fixed_at)]
            case c.AccountOpened(account, owner):
                return [r.AccountOpened(account, owner)]
            case c.Deposited(account, deposited, at):
                amount = deposited - context.deposited.get(account, 0)
                return [r.Deposited(account, deposited, amount, at)]
            case c.Asked(account, asks, at):
                return [r.Asked(account, asks, at)]
            case c.OrdersUntilSet(account, until):
                return [r.OrdersUntilSet(account, until, self.exchange.floor.now + 1)]
            case c.KeySet():
                return [r.KeySet(**fields(command), at=self.exchange.floor.now + 1)]
            case _:
                return []

    def tampered(self, place: int, **changed: object) -> list[r.Record]:
        """The tape with some fields of one record changed."""
        twin = list(self.records)
        twin[place] = replace(twin[place], **changed)  # type: ignore[arg-type]
        return twin

    def places(self, kind: type[r.Record]) -> list[int]:
        """Where records of a kind stand."""
        return [place for place, fact in enumerate(self.records) if isinstance(fact, kind)]


def fields(command: c.Command) -> dict[str, int]:
    return {name: getattr(command, name) for name in command.__struct_fields__}
