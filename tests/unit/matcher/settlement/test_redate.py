"""A later builtAt is given only to batches of which every op stays valid at it."""

import pytest

from matcher import commands as c
from matcher.batch import BLOB, CALLDATA, genesis, parent_of
from matcher.blobs.encoding import Sidecar
from matcher.lines import Decoder, Encoder
from matcher.names import Names
from matcher.settlement.batcher import Batcher
from matcher.settlement.redate import RedateError
from tests.support.pit import CALL, DEPLOYED, EXPIRY, START, WINDOWS, Pit, key_of


@pytest.fixture
def pit() -> Pit:
    """Batch 1 credits, batch 2 trades, batch 3 moves money; each ten seconds after the last."""
    pit = Pit()
    pit.reopen(10)
    pit.place(2, "sell", 1000, 3)
    pit.place(3, "buy", 1000, 3, signer=key_of(3))
    pit.reopen(10)
    pit.withdraw(4, 7)
    pit.transfer(2, 3, 1)
    pit.apply(c.CloseBatch())
    assert len(pit.batches) == 3
    return pit


def redate(pit: Pit, first: int, built_at: int):
    pit.apply(c.Clock(max(built_at, pit.engine.now)))
    return pit.apply(c.Redate(first, built_at)), pit.batches[3:]


def invalid(pit: Pit, first: int, built_at: int) -> tuple[str, ...]:
    before = pit.batcher.head
    with pytest.raises(RedateError) as error:
        redate(pit, first, built_at)
    assert pit.batcher.head == before
    assert all(line in str(error.value) for line in error.value.invalid)
    return error.value.invalid


def test_redate_changes_headers_and_nothing_else(pit: Pit) -> None:
    later = START + 1000
    events, made = redate(pit, 2, later)
    assert events == []
    assert [batch.id for batch in made] == [2, 3]
    parent = pit.batches[0]
    for old, new in zip(pit.batches[1:3], made, strict=True):
        new.check()
        assert (new.words, new.order_file, new.state_root) == (
            old.words,
            old.order_file,
            old.state_root,
        )
        assert new.built_at == later
        assert new.fields.parent == parent_of(parent.hash)
        parent = new
    pit.apply(c.OpenBatch())
    pit.place(2, "sell", 1000, 3)
    pit.place(3, "buy", 1000, 3)
    pit.apply(c.CloseBatch())
    assert pit.batches[-1].fields.parent == parent_of(made[-1].hash)
    assert pit.batcher.account_proof(3, 2)[0]


# --- modes --------------------------------------------------------------------------------------


def test_redate_to_the_other_mode_keeps_the_times_and_holds_for_later_batches(pit: Pit) -> None:
    assert pit.apply(c.Redate(2, 0, BLOB)) == []
    made = pit.batches[3:]
    assert [batch.id for batch in made] == [2, 3]
    for old, new in zip(pit.batches[1:3], made, strict=True):
        new.check()
        assert (new.words, new.order_file, new.built_at) == (
            old.words,
            old.order_file,
            old.built_at,
        )
        fields = new.fields
        assert (fields.mode, fields.chunks_root) == (BLOB, bytes(32))
        assert fields.blobs_hash == Sidecar.of(old.words).blobs_hash
    pit.reopen(10)
    pit.withdraw(4, 7)
    pit.apply(c.CloseBatch())
    assert pit.batches[-1].mode == BLOB
    assert pit.batches[-1].fields.parent == parent_of(made[-1].hash)


def test_redate_there_and_back_gives_the_same_headers(pit: Pit) -> None:
    before = [batch.header for batch in pit.batches]
    for mode in (BLOB, CALLDATA, CALLDATA):
        pit.apply(c.Redate(1, 0, mode))
    assert [batch.header for batch in pit.batches[-3:]] == before


def test_redate_of_the_time_alone_keeps_the_mode(pit: Pit) -> None:
    pit.apply(c.Redate(3, 0, BLOB))
    later = START + 1000
    pit.apply(c.Clock(later))
    pit.apply(c.Redate(2, later))
    made = pit.batches[-2:]
    assert [(batch.mode, batch.built_at) for batch in made] == [(CALLDATA, later), (BLOB, later)]
    for batch in made:
        batch.check()


def test_batcher_that_was_dumped_goes_on_in_its_mode(pit: Pit) -> None:
    pit.apply(c.Redate(3, 0, BLOB))
    twin = Batcher(genesis(DEPLOYED), WINDOWS, operator=1)
    twin.load(pit.batcher.dump())
    assert twin.mode == BLOB
    assert twin.redate(3, 0, CALLDATA) == pit.batcher.redate(3, 0, CALLDATA)


def test_redate_survives_its_lines() -> None:
    for command in (c.Redate(7, 0, BLOB), c.Redate(7, 99), c.Redate(7, 99, CALLDATA)):
        lines = Encoder(Names(WINDOWS.lag)).encode(command)
        assert Decoder(Names(WINDOWS.lag)).decode(lines) == command


def test_redate_names_the_operator_of_now(pit: Pit) -> None:
    pit.apply(c.OperatorNamed(5))
    _, made = redate(pit, 2, START + 1000)
    assert [batch.operator for batch in made] == [5, 5]


def test_redate_after_an_order_expired_names_it() -> None:
    pit = Pit()
    pit.reopen(10)
    pit.place(2, "sell", 1000, 3, expiry=START + 50)
    pit.place(3, "buy", 1000, 3, expiry=START + 60)
    pit.withdraw(4, 7, expiry=START + 55)
    pit.apply(c.CloseBatch())
    assert invalid(pit, 2, START + 61) == (
        f"batch 2: Order 0: expires at {START + 60}",
        f"batch 2: Order 0: expires at {START + 50}",
        f"batch 2: Withdrawal 0: expires at {START + 55}",
    )
    assert redate(pit, 2, START + 50)[0] == []


def test_redate_after_a_key_or_owner_ended_names_the_orders(pit: Pit) -> None:
    pit.apply(c.KeySet(3, key_of(3), START, START + 500))
    pit.apply(c.OrdersUntilSet(2, START + 600))
    found = invalid(pit, 2, START + 601)
    assert len(found) == 2
    assert f"Order 0 of account 3: key 0x{key_of(3).hex()} is valid" in found[0]
    assert f"Order 0 of account 2: its owner's orders ended at {START + 600}" in found[1]
    assert redate(pit, 2, START + 500)[0] == []


def test_redate_over_a_fee_change_names_the_fills(pit: Pit) -> None:
    pit.apply(c.FeesSet(1, 0, 0, 5, 0, START + 100))
    found = invalid(pit, 2, START + 100)
    assert found[0] == "batch 2, word 0: fee rates of market 1 are (5, 0), were (0, 0)"
    assert redate(pit, 2, START + 99)[0] == []


def test_redate_past_the_close_of_an_instrument_names_the_fills() -> None:
    pit = Pit()
    closes = EXPIRY * 3600 - WINDOWS.lag
    pit.reopen(10)
    pit.place(2, "sell", 1000, 3, expiry=closes + 9)
    pit.place(3, "buy", 1000, 3, expiry=closes + 9)
    pit.apply(c.CloseBatch())
    found = invalid(pit, 2, closes)
    symbol = pit.engine.listings.lines[CALL].symbol
    assert found == (f"batch 2, word 0: {symbol} is closed since {closes}",)
    assert redate(pit, 2, closes - 1)[0] == []


def test_redate_of_a_release_past_a_settlement_price_is_refused() -> None:
    pit = Pit()
    pit.place(2, "sell", 1000, 3)
    pit.place(3, "buy", 1000, 3)
    pit.reopen(10)
    pit.apply(c.Asked(3, 1, START))
    pit.apply(c.CloseBatch())
    fixed = EXPIRY * 3600 + 30
    pit.apply(c.Clock(fixed + 10))
    pit.apply(c.PriceFixed(1, EXPIRY, 200_000, fixed))
    found = invalid(pit, 2, fixed + 1)
    assert found == ("batch 2, chunk 0: RELEASE of account 3 kept 300000 atoms back",)
    assert redate(pit, 2, fixed)[0] == []


@pytest.mark.parametrize(
    ("first", "built_at", "what"),
    [
        (0, START + 99, "found batch 0, allowed 1 to 3"),
        (4, START + 99, "found batch 4, allowed 1 to 3"),
        (2, START + 19, f"found {START + 19}, allowed from {START + 20}"),
    ],
)
def test_redate_of_what_is_not_there_or_backwards_is_refused(
    pit: Pit, first: int, built_at: int, what: str
) -> None:
    pit.apply(c.Clock(START + 100))
    with pytest.raises(RedateError, match=what):
        pit.apply(c.Redate(first, built_at))


def test_redate_of_a_forgotten_batch_is_refused(pit: Pit) -> None:
    pit.batcher.forget(3)
    pit.apply(c.Clock(START + 100))
    with pytest.raises(RedateError, match="not forgotten"):
        pit.apply(c.Redate(2, START + 99))
