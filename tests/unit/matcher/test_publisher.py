"""What a node publishes is what its engine knows, whenever somebody looks."""

import os
import re

import pytest
from click.testing import CliRunner

from matcher import commands as c
from matcher.errors import ChainError
from matcher.exchange import Exchange as Engine
from matcher.feed import Feed
from matcher.publisher import Publisher
from matcher.readers import LEVELS, Accounts, Depths, Level, Top, Tops, cli
from matcher.shared.segments import OwnerGone, SegmentBusy, SegmentMissing
from matcher.types import InstrumentKind, Order, SignedOrder
from tests.support.peers import peers
from tests.support.streams import WINDOWS, random_stream

HOUR = 1_000_000  # hours
START = 1_800_000_000
OWNER = b"\x22" * 20


class Exchange:
    """An engine and its feed, of which a publisher tells."""

    def __init__(self, place):
        self.engine, self.feed = Engine(WINDOWS), Feed()
        self.place = place
        self.sequence = 0
        self.publisher = None

    def tell(self, command: c.Command) -> None:
        try:
            events = self.engine.apply(command)
        except ChainError:
            return
        self.sequence += 1
        self.feed.on_events(self.sequence, command, events, False)

    def list_market(self, instruments: int = 0) -> None:
        self.tell(c.MarketListed(1, "BTC", 10, 1000))
        self.tell(c.ExpiryOpened(1, HOUR, 400_000))
        for index in range(1, instruments + 1):
            self.list_instrument(index)

    def list_instrument(self, index: int) -> None:
        self.tell(c.InstrumentListed(index, 1, InstrumentKind.CALL, HOUR, 100 + index))

    def publish(self, **options) -> None:
        self.publisher = Publisher(
            self.feed, self.engine, "tops", place=self.place, **{"rows": 256, **options}
        )

    def expected(self, symbol: str) -> tuple[Level | None, Level | None]:
        """What the engine's own book says."""
        instrument = self.engine.by_symbol[symbol]
        value = self.engine.tick_value(instrument)
        bid, ask = (
            Level(side[0][0] * value, *side[0]) if side else None
            for side in self.engine.book(instrument, 1)
        )
        return bid, ask

    def check_all(self) -> None:
        """Depths and accounts are what the engine says."""
        depths, accounts = Depths.attach("tops", self.place), Accounts.attach("tops", self.place)
        assert depths.sequence == accounts.sequence == self.sequence
        found = depths.depths()
        assert list(found) == list(self.engine.by_symbol)
        for symbol, depth in found.items():
            instrument = self.engine.by_symbol[symbol]
            value = self.engine.tick_value(instrument)
            sides = self.engine.book(instrument, LEVELS)
            for shown, levels in zip((depth.bids, depth.asks), sides, strict=True):
                assert list(shown) == [Level(level[0] * value, *level) for level in levels]
            assert depth == depths.depth(symbol)
        held = accounts.accounts()
        assert list(held) == list(self.engine.accounts)
        for number, shown in held.items():
            view = self.engine.account_view(number)
            for field in ("cash", "worst", "worst_with_orders", "exited", "open_orders"):
                assert getattr(shown, field) == getattr(view, field), (number, field)
            assert shown.positions == view.positions
            assert shown == accounts.account(number)

    def check(self, tops: Tops) -> None:
        found = tops.tops()
        assert list(found) == list(self.engine.by_symbol)
        for symbol, top in found.items():
            assert (top.bid, top.ask) == self.expected(symbol)
            assert top == tops.top(symbol)
            assert top.sequence <= self.sequence
        assert tops.sequence == self.sequence


@pytest.fixture
def exchange(tmp_path):
    made = Exchange(tmp_path / "segments")
    yield made
    if made.publisher:
        made.publisher.close()


def attach(exchange: Exchange) -> Tops:
    return Tops.attach("tops", exchange.place)


@pytest.mark.parametrize("seed", range(4))
def test_tops_are_the_engine_s_after_every_command(exchange, seed):
    commands = list(random_stream(seed, 400))
    for command in commands[:100]:
        exchange.tell(command)
    exchange.publish()
    tops = attach(exchange)
    exchange.check(tops)
    sided = 0
    for command in commands[100:]:
        exchange.tell(command)
        exchange.check(tops)
        sided += any(top.bid and top.ask for top in tops.tops().values())
    assert sided


@pytest.mark.parametrize("seed", range(3))
def test_depths_and_accounts_are_the_engine_s_after_every_command(exchange, seed):
    commands = list(random_stream(seed, 700))
    for command in commands[:100]:
        exchange.tell(command)
    exchange.publish()
    held = deep = 0
    for command in commands[100:]:
        exchange.tell(command)
        exchange.check_all()
        accounts = Accounts.attach("tops", exchange.place).accounts().values()
        held = max(held, *(len(one.positions) for one in accounts))
        depths = Depths.attach("tops", exchange.place).depths().values()
        deep = max([deep, *(len(side) for depth in depths for side in (depth.bids, depth.asks))])
    assert held > 1
    assert deep > 1


def test_equity_of_open_orders_follows_the_fee_rates(exchange):
    exchange.list_market(1)
    exchange.tell(c.Clock(START))
    exchange.tell(c.FeesSet(1, 0, 0, 0, 0, 0))
    exchange.tell(c.AccountOpened(2, OWNER))
    exchange.tell(c.Deposited(2, 10**9, START))
    exchange.tell(c.OpenBatch())
    (symbol,) = exchange.engine.by_symbol
    terms = Order(2, symbol, True, 1000, 5, 1, 2 * START, 0)
    exchange.tell(c.PlaceOrder(SignedOrder(terms, b"\1" * 65, b"\2" * 32, OWNER)))
    exchange.publish()
    accounts = Accounts.attach("tops", exchange.place)
    shown = [accounts.account(2).worst_with_orders]
    for command in (
        c.FeesSet(1, 7, 7, 7, 7, START),
        c.FeesSet(1, 7, 7, 9, 9, START + 10),
        c.Clock(START + 10),
        c.CloseBatch(),
        c.OpenBatch(),
    ):
        exchange.tell(command)
        exchange.check_all()
        shown.append(accounts.account(2).worst_with_orders)
    assert len(set(shown)) == 3, "at no fee, at 7 and at 9 atoms per lot"


def test_publisher_that_waits_shows_what_many_commands_changed_at_once(exchange):
    exchange.list_market(2)
    exchange.publish(at_once=False)
    tops = attach(exchange)
    before = tops.sequence
    exchange.list_instrument(3)
    exchange.list_instrument(4)
    assert (len(tops.tops()), tops.sequence) == (2, before)
    exchange.publisher.flush()
    exchange.check(tops)
    exchange.check_all()


def test_accounts_without_room_are_left_out_and_the_exchange_goes_on(exchange):
    exchange.publish(accounts=3)
    for account in range(2, 7):
        exchange.tell(c.AccountOpened(account, bytes([account]) * 20))
    shown = Accounts.attach("tops", exchange.place)
    assert list(shown.accounts()) == list(exchange.engine.accounts)[:3]
    assert shown.sequence == exchange.sequence
    with pytest.raises(KeyError):
        shown.account(6)


def test_instrument_is_shown_from_its_listing_on(exchange):
    exchange.publish()
    tops = attach(exchange)
    assert tops.tops() == {}
    exchange.list_market(2)
    first, second = exchange.engine.by_symbol
    assert tops.top(second) == Top(2, second, None, None, 4, 0)
    exchange.list_instrument(3)
    assert len(tops.tops()) == 3
    assert tops.top(first).instrument == 1
    with pytest.raises(KeyError):
        tops.top("BTC-1JAN30-1-C")


def test_instruments_without_room_are_left_out_and_the_exchange_goes_on(exchange):
    exchange.list_market()
    exchange.publish(rows=2)
    for index in range(1, 5):
        exchange.list_instrument(index)
    assert [top.instrument for top in attach(exchange).tops().values()] == [1, 2]
    assert attach(exchange).sequence == exchange.sequence


def test_name_is_one_publisher_s(exchange):
    exchange.publish()
    with pytest.raises(SegmentBusy):
        exchange.publish()


def test_publisher_that_ended_says_so_and_writes_no_more(exchange):
    exchange.list_market(1)
    exchange.publish()
    tops = attach(exchange)
    exchange.publisher.close()
    with pytest.raises(OwnerGone, match="closed by its owner"):
        tops.check_writer()
    with pytest.raises(SegmentMissing):
        attach(exchange)
    exchange.list_instrument(2)
    assert len(tops.tops()) == 1


def test_command_shows_what_is_published_or_why_nothing_is(exchange):
    run = CliRunner().invoke
    arguments = ["tops", "--place", str(exchange.place)]
    missing = run(cli, arguments)
    assert missing.exit_code == 1
    assert "tops: not there" in missing.output

    def live() -> None:
        exchange.list_market(2)
        exchange.publish()
        while True:
            os.sched_yield()

    with peers() as begin:
        node = begin(live)
        shown = run(cli, arguments)
        while "after command 4" not in shown.output:
            shown = run(cli, arguments)
        assert shown.exit_code == 0
        assert (
            re.findall(r"^BTC-\S+ +- +-$", shown.output, re.MULTILINE)
            == shown.output.split("\n")[1:-1]
        )
        node.kill()
    dead = run(cli, arguments)
    assert dead.exit_code == 1
    assert f"process {node.pid}, has died" in dead.output
