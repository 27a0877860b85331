"""Listens to the sequencer and adds up: counts, money by account, trades, and the book's depth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from demo.results import AccountRow, DepthPicture, Print, Tape
from demo.stage import World
from demo.steps import Style
from matcher import commands as c
from matcher import events as e
from matcher.exchange import Exchange
from matcher.types import FEE_ACCOUNT

PICTURED = 3  # instruments


@dataclass
class _Money:
    """Of one account, atoms; as in `AccountRow`."""

    credited: int = 0
    premiums: int = 0
    fees: int = 0
    settled: int = 0
    exited: int = 0
    fills: int = 0


class Tally:
    """What happened, from events alone."""

    def __init__(self, world: World, engine: Exchange):
        self._world = world
        self._engine = engine
        self._money: dict[int, _Money] = {FEE_ACCOUNT: _Money()}
        self._prints: dict[int, list[Print]] = {}
        self._fills_at_tick = 0
        self._most_fills = 0
        self._busiest: tuple[int, dict[int, DepthPicture]] = (0, {})
        self._last: dict[int, DepthPicture] = {}
        self.at = 0  # milliseconds of the flow
        self.orders = 0
        self.fills = 0
        self.canceled: Counter[str] = Counter()
        self.settlements: Counter[tuple[int, int]] = Counter()

    def on_events(
        self, _sequence: int, _command: c.Command, events: Sequence[e.Event], _replaying: bool
    ) -> None:
        """Take in what a command did."""
        for event in events:
            match event:
                case e.OrderAccepted():
                    self.orders += 1
                case e.Trade():
                    self._trade(event)
                case e.OrderCanceled():
                    self.canceled[event.reason.name] += 1
                case e.Credited():
                    self._of(event.account).credited += event.amount
                case e.Withdrawn():
                    self._of(event.message.account).exited += event.message.amount
                case e.Released():
                    self._of(event.account).exited += event.amount
                case e.SettledPosition():
                    self._of(event.account).settled += event.cash
                    if event.cash > 0:
                        self.settlements[event.market, event.expiry] += event.cash

    def _of(self, account: int) -> _Money:
        return self._money.setdefault(account, _Money())

    def _trade(self, trade: e.Trade) -> None:
        self.fills += 1
        self._fills_at_tick += 1
        notional = trade.tick * trade.lots * self._engine.tick_value(trade.instrument)
        taker, maker, fees = self._of(trade.taker), self._of(trade.maker), self._of(FEE_ACCOUNT)
        signed = notional if trade.taker_sells else -notional
        taker.premiums += signed
        maker.premiums -= signed
        taker.fees += trade.taker_fee
        maker.fees += trade.maker_fee
        fees.fees -= trade.taker_fee + trade.maker_fee
        taker.fills += 1
        maker.fills += 1
        self._prints.setdefault(trade.instrument, []).append(
            Print(self.at, trade.tick, trade.lots, trade.taker_sells)
        )

    # --- pictures ---------------------------------------------------------------------------------

    def end_tick(self) -> None:
        """Keep the books if more was traded since the last call than ever before."""
        if self._fills_at_tick > self._most_fills:
            self._most_fills = self._fills_at_tick
            self._busiest = (self.at, self._pictures("Busiest moment"))
        self._fills_at_tick = 0

    def end_flow(self) -> None:
        """Keep the books as the flow leaves them."""
        self._last = self._pictures("Before expiry")

    def _pictures(self, title: str) -> dict[int, DepthPicture]:
        found = {}
        for place, instrument in enumerate(self._world.instruments):
            bids, asks = self._engine.book(instrument, 1_000)
            found[instrument] = DepthPicture(
                title,
                self._world.symbols[place],
                self.at,
                self._engine.tick_value(instrument),
                tuple((tick, lots) for tick, lots, _ in bids),
                tuple((tick, lots) for tick, lots, _ in asks),
            )
        return found

    def pictures(self) -> tuple[DepthPicture, ...]:
        """Both moments of the instruments that were traded most."""
        result = []
        for instrument in self._most_traded():
            result += [
                moment[instrument]
                for moment in (self._busiest[1], self._last)
                if instrument in moment
            ]
        return tuple(result)

    def tapes(self) -> tuple[Tape, ...]:
        """Trades of the same instruments."""
        return tuple(
            Tape(
                self._world.symbols[self._world.instruments.index(instrument)],
                self._engine.tick_value(instrument),
                tuple(self._prints[instrument]),
            )
            for instrument in self._most_traded()
        )

    def _most_traded(self) -> list[int]:
        by_count = sorted(self._prints, key=lambda index: (-len(self._prints[index]), index))
        return by_count[:PICTURED]

    # --- money ------------------------------------------------------------------------------------

    def rows(self, claimed: dict[int, int]) -> tuple[AccountRow, ...]:
        """One per account: flows as told by events, cash and worst as the engine has them."""
        plans = {
            trader.account: plan
            for trader, plan in zip(self._world.traders, self._world.flow.traders, strict=True)
        }
        rows = []
        for account, money in sorted(self._money.items()):
            view = self._engine.account_view(account)
            plan = plans.get(account)
            rows.append(
                AccountRow(
                    name=plan.name if plan else "fee account",
                    style=plan.style if plan else Style.RECORDED,
                    account=account,
                    deposited=money.credited,
                    premiums=money.premiums,
                    fees=money.fees,
                    settled=money.settled,
                    exited=money.exited,
                    claimed=claimed.get(account, 0),
                    cash=view.cash,
                    worst=view.worst,
                    fills=money.fills,
                )
            )
        return tuple(rows)
