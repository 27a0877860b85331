"""What the kernel's exchange keeps beside the kernel: through snapshots, lines, and for readers."""

import pytest

from matcher import commands as c
from matcher.errors import ChainError, InvariantBroken, Reject
from matcher.events import Rejected, Trade
from matcher.exchange import Exchange
from matcher.kernel.pools import Limits
from matcher.lines import Encoder, split
from matcher.names import Names
from tests.support.pit import (
    CALL,
    EXPIRY,
    GOOD_TILL,
    PUT,
    START,
    WINDOWS,
    Pit,
    key_of,
    names,
    owner_of,
    refusal,
)

SMALL = Limits(books=8, accounts=64, signers=64, orders=3, holdings=64, pages=64, far_levels=64)


@pytest.fixture
def pit() -> Pit:
    """Something of everything: orders, positions, a price that waits, a key that is an owner."""
    pit = Pit()
    pit.place(2, "sell", 1000, 5)
    pit.place(3, "buy", 1000, 3, signer=key_of(3))
    pit.place(4, "buy", 900, 7, instrument=PUT)
    pit.apply(c.KeySet(4, owner_of(4), START, START + 10))
    pit.apply(c.AccountOpened(0, owner_of(9)))
    pit.withdraw(2, 100)
    pit.apply(c.Halted("the reason"))
    pit.apply(c.CloseBatch())
    pit.apply(c.PriceFixed(1, EXPIRY, 123, START - 1))
    return pit


def reloaded(exchange: Exchange) -> Exchange:
    twin = Exchange(WINDOWS)
    twin.load(exchange.dump())
    return twin


def test_snapshot_goes_on_alike(pit: Pit) -> None:
    twin = reloaded(pit.engine)
    twin.check()
    assert twin.state_hash() == pit.engine.state_hash()
    assert twin.halted == "the reason"
    assert twin.wants_batch
    assert twin.expiries == pit.engine.expiries
    assert twin.by_symbol == pit.engine.by_symbol
    order = pit.signed(pit.order(3, "buy", 1000, 2))
    for command in (
        c.Resumed(),
        c.Clock(START + 1),
        c.OpenBatch(),
        c.PlaceOrder(order),
        c.CancelAll(4, 0, owner_of(4)),
        c.KeySet(3, owner_of(8), START, START + 10**6),
    ):
        told = twin.apply(command)
        assert told == pit.engine.apply(command)
        if isinstance(command, c.PlaceOrder):
            trade = told[1]
            assert isinstance(trade, Trade)
            assert trade.maker_signed.order.account == 2  # kept through the snapshot
    assert twin.state_hash() == pit.engine.state_hash()
    assert not twin.wants_batch


def test_snapshot_of_an_exchange_that_is_not_halted(pit: Pit) -> None:
    pit.apply(c.Resumed())
    assert reloaded(pit.engine).halted is None
    pit.apply(c.Halted(""))
    assert reloaded(pit.engine).halted == ""


def test_snapshot_tells_signers_their_numbers_again(pit: Pit) -> None:
    twin = reloaded(pit.engine)
    assert twin.names.signers == pit.engine.names.signers
    new = c.KeySet(3, owner_of(7), START, START)
    assert twin.encoder.encode(new) == pit.engine.encoder.encode(new)


def test_lines_alone_make_the_same_exchange(pit: Pit) -> None:
    encoder, follower, told = Encoder(Names(WINDOWS.lag)), Exchange(WINDOWS), 0
    for lines in split(b"".join(map(encoder.encode, pit.commands))):
        command, _ = follower.apply_lines(lines)
        assert command == pit.commands[told]
        told += 1
    assert told == len(pit.commands)
    assert follower.state_hash() == pit.engine.state_hash()
    assert follower.halted == "the reason"


def test_lines_that_only_the_kernel_takes_are_seen(pit: Pit, monkeypatch) -> None:
    """The kernel's judgment of a fact and that of the names are each the other's lock."""
    lines = Encoder(pit.engine.names).encode(c.Deposited(2, 200_000_000, START))
    del pit.engine.names.owners[2]
    with pytest.raises(InvariantBroken, match="the kernel took"):
        pit.engine.apply_lines(lines)


def test_a_fact_of_an_unknown_account_changes_nothing(pit: Pit) -> None:
    before = pit.engine.state_text()
    for fact in (c.KeySet(77, key_of(2), START, START), c.AccountOpened(1, owner_of(2))):
        with pytest.raises(ChainError):
            pit.apply(fact)
    assert pit.engine.state_text() == before
    assert pit.engine.names.number_of(77, key_of(2)) == 0


def test_a_deposit_told_again_asks_for_no_batch() -> None:
    pit = Pit()
    pit.apply(c.CloseBatch())
    pit.apply(c.Deposited(2, 100_000_000, START))
    assert not pit.engine.wants_batch
    pit.apply(c.Deposited(2, 100_000_001, START))
    assert pit.engine.wants_batch


# --- limits --------------------------------------------------------------------------------------


def test_at_the_limit_orders_are_refused_and_cancels_are_not() -> None:
    pit = Pit()
    pit.engine = Exchange(WINDOWS, SMALL)
    for command in list(pit.commands):
        pit.engine.apply(command)
    for price in (900, 910, 920):
        assert names(pit.place(2, "buy", price, 1))[-1] == "OrderRested"
    assert refusal(pit.place(3, "buy", 930, 1))[0] == Reject.BUSY
    pit.engine.check()
    assert names(pit.apply(c.CancelOrder(2, 0, owner_of(2)))) == ["OrderCanceled"]
    assert names(pit.place(3, "buy", 930, 1))[-1] == "OrderRested"
    assert len(pit.apply(c.CancelAll(2, 0, owner_of(2)))) == 2
    pit.engine.check()


@pytest.mark.parametrize(
    ("limits", "found", "allowed"),
    [
        ({"orders": 2}, "2 open orders", 2),
        ({"holdings": 2}, "2 positions and books on order, of all accounts", 2),
        ({"pages": 1}, "1 pages of eight order slots that were ever used", 1),
        ({"far_levels": 1}, "1 price levels far from the best ones", 1),
    ],
)
def test_refusal_at_a_limit_names_it(limits: dict[str, int], found: str, allowed: int) -> None:
    pit = Pit()
    roomy = SMALL._replace(orders=64, band_bits=6)
    pit.engine = Exchange(WINDOWS, roomy._replace(**limits))
    for command in list(pit.commands):
        pit.engine.apply(command)
    refused = []
    for price, instrument in ((4000, CALL), (20, PUT), (10, CALL), (30, CALL)):
        for account in (2, 3):
            refused += [
                event
                for event in pit.place(account, "buy", price, 1, instrument=instrument)
                if isinstance(event, Rejected)
            ]
    first = refused[0]
    assert (first.code, first.field) == (Reject.BUSY, "exchange")
    assert (first.found, first.allowed) == (found, f"at most {allowed}; cancels go on")


# --- readers -------------------------------------------------------------------------------------


def test_book_shows_levels_near_and_far_with_their_orders() -> None:
    pit = Pit()
    for price in (900, 900, 910, 10, 40):
        pit.place(2, "buy", price, 2)
    for price in (1_000, 900_000, 1_000, 2_000_000):
        pit.place(3, "sell", price, 3)
    bids, asks = pit.engine.book(CALL, 10)
    assert bids == [(91, 2, 1), (90, 4, 2), (4, 2, 1), (1, 2, 1)]
    assert asks == [(100, 6, 2), (90_000, 3, 1), (200_000, 3, 1)]
    assert pit.engine.book(CALL, 1) == ([(91, 2, 1)], [(100, 6, 2)])
    assert pit.engine.best(CALL) == (91, 100)
    assert pit.engine.best(PUT) == (None, None)
    assert pit.engine.book(PUT, 5) == ([], [])


def test_account_shows_its_slots_orders_and_keys(pit: Pit) -> None:
    account = pit.engine.accounts[2]
    assert account.owner == owner_of(2)
    assert account.keys == {key_of(2): (START, START + 10**6)}
    assert sorted(account.slots) == [0, 1]
    assert (account.slots[0].seen, account.slots[0].filled) == (0, 3)
    assert account.slots[1].filled == (1 << 32) - 1  # the withdrawal
    assert list(account.open) == [0]
    (order,) = pit.engine.open_orders(2)
    assert (order.instrument, order.buy, order.tick, order.remaining, order.quantity) == (
        CALL,
        False,
        100,
        2,
        5,
    )
    assert (order.expiry, order.signer, order.flags) == (GOOD_TILL, owner_of(2), 0)
    assert pit.engine.order_status(2, 0) is not None
    assert pit.engine.order_status(2, 4096) is None
    assert pit.engine.accounts[4].keys == {
        owner_of(4): (START, START + 10),
        key_of(4): (START, START + 10**6),
    }
    assert 77 not in pit.engine.accounts
    assert list(pit.engine.accounts) == [0, 2, 3, 4, 5]
    with pytest.raises(KeyError):
        pit.engine.accounts[77]


def test_refusals_name_what_was_found(pit: Pit) -> None:
    pit.apply(c.Resumed())
    pit.apply(c.OpenBatch())
    (refused,) = pit.place(2, "buy", 1000, 1, id=0)
    assert isinstance(refused, Rejected)
    assert refused.found == "0: slot 0 holds open order 0"
    (refused,) = pit.place(5, "buy", 1000, 1, signer=key_of(2))
    assert isinstance(refused, Rejected)
    assert "0x" + key_of(2).hex() in refused.found
    assert "0x" + key_of(5).hex() in refused.allowed
    (refused,) = pit.place(5, "buy", 1005, 1)
    assert isinstance(refused, Rejected)
    assert (refused.found, refused.allowed[:16]) == ("1005 atoms per lot", "a multiple of 10")
