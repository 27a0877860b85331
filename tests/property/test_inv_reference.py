"""What must always hold (section 12), over random command streams through the reference model."""

from collections import Counter

import pytest
from hypothesis import given, settings

from matcher.commands import CloseBatch
from matcher.errors import Reject
from matcher.events import CancelReason, OrderCanceled, Rejected, Trade
from matcher.reference import records as r
from matcher.reference.context import Context
from matcher.reference.exchange import Exchange
from matcher.reference.leaf import Account
from matcher.reference.margin import value
from matcher.reference.orderfile import decode
from matcher.reference.replay import replay
from matcher.reference.state import State, named_by
from matcher.reference.words import Settle, unpack_chunk
from matcher.types import Order, Transfer
from tests.support.streams import random_stream, streams
from tests.support.street import BEYOND, WINDOWS
from tests.support.tape import Tape

some = settings(max_examples=35, deadline=None)
wide = streams(max_actions=150)


def chunks(tape: Tape):
    """Each chunk of each batch: context, ops, accounts before, the state after."""
    from matcher.reference.chain import Chain

    chain, state = Chain.of(tape.records), State()
    for place in tape.places(r.BatchCommitted):
        batch = tape.records[place]
        context = chain.context(batch.header.built_at)
        for start in range(0, len(batch.words), 32):
            ops, root = unpack_chunk(batch.words[start : start + 32])
            before = {index: state.account(index) for index in named_by(ops)}
            assert state.apply_ops(ops, context) == root
            yield context, ops, before, state


def settle_value(context: Context, accounts: list[Account], share: int) -> int:
    """Payoffs over all accounts: at the fixed price, or at one common S per expiry not fixed."""
    total = 0
    for key, cap in context.caps.items():
        price = context.fixed().get(key, cap * share // 100)
        for account in accounts:
            legs = [
                (context.option(index), lots)
                for index, lots in account.positions.items()
                if context.expiry_of(index) == key
            ]
            total += value(legs, price, cap)
    return total


@some
@given(wide)
def test_inv_s2_cash_and_payoffs_are_what_was_credited_less_what_exited(stream):
    for context, _, _, state in chunks(Tape().run(stream)):
        accounts = list(state.accounts.values())
        held = sum(account.credited - account.exited for account in accounts)
        cash = sum(account.cash for account in accounts)
        for share in (0, 13, 50, 100):
            assert cash + settle_value(context, accounts, share) == held


@some
@given(wide)
def test_inv_s3_lots_sum_to_zero_until_the_first_settle(stream):
    settled = set()
    for context, ops, _, state in chunks(Tape().run(stream)):
        settled |= {(op.market, op.expiry) for op in ops if isinstance(op, Settle)}
        lots = Counter()
        for account in state.accounts.values():
            lots.update(account.positions)
        assert all(
            total == 0 or context.expiry_of(index) in settled for index, total in lots.items()
        )


@some
@given(wide)
def test_inv_s4_fills_stay_within_what_was_signed(stream):
    tape, filled = Tape(), Counter()
    for command in [*stream, CloseBatch()]:
        for event in tape.apply(command):
            if not isinstance(event, Trade):
                continue
            for signed in (event.taker_signed, event.maker_signed):
                order = signed.order
                filled[signed.digest] += event.lots
                assert filled[signed.digest] <= order.quantity
                price = event.tick * 10
                assert price <= order.price if order.buy else price >= order.price
            assert event.taker_signed.order.buy != event.maker_signed.order.buy


@some
@given(wide)
def test_inv_s5_no_account_ends_a_chunk_below_zero_unless_it_was_not_better_before(stream):
    for context, _, before, state in chunks(Tape().run(stream)):
        for index, was in before.items():
            worst = state.worst(index, context)
            assert worst >= 0 or worst >= context.worst(was.cash, was.positions)


@some
@given(wide)
def test_inv_s6_nothing_leaves_twice(stream):
    """Each exit has its own message or its own ask; deposits less exits stay in."""
    tape = Tape(chunk_limit=2).run(stream)
    tape.claim_everything()
    signed = Counter()
    for place in tape.places(r.OrderFilePublished):
        for used in decode(tape.records[place].data)[1]:
            message = used.message
            if not isinstance(message, Order):
                source = message.source if isinstance(message, Transfer) else message.account
                signed[source, message.id] += 1
    assert set(signed.values()) <= {1}
    audit = replay(tape.records)
    assert audit.claimed == audit.exited <= audit.credited <= audit.deposited
    assert audit.sound


@some
@given(wide)
def test_inv_s8_words_alone_lead_to_the_exchanges_accounts(stream):
    tape = Tape(chunk_limit=3).run(stream)
    state = State()
    for _, _, _, state in chunks(tape):  # noqa: B007 - the last one counts
        pass
    floor = tape.exchange.floor
    for index in floor.state.accounts.keys() | state.accounts.keys():
        assert floor.account(index) == state.account(index)
    assert replay(tape.records).state_root == tape.batcher.head.state_root == state.root()


@some
@given(wide)
def test_inv_exchange_check_holds_after_every_command_and_a_refusal_changes_nothing(stream):
    exchange = Exchange(WINDOWS)
    for command in stream:
        before = exchange.state_text()
        events = exchange.apply(command)
        exchange.check()
        if events and isinstance(events[0], Rejected):
            assert len(events) == 1
            assert exchange.state_text() == before


# --- what the streams reach ----------------------------------------------------------------

# Refused at the edge: signatures are recovered, and a queue stands, before the exchange.
EDGE = {Reject.BAD_SIGNATURE, Reject.HIGH_S, Reject.BUSY}


@pytest.fixture(scope="module")
def reached() -> Counter:
    """How often each reject code and each cancel reason comes up."""
    counted = Counter()
    for seed in range(4):
        exchange = Exchange(WINDOWS)
        for command in random_stream(seed, 2500, scene=BEYOND):
            for event in exchange.apply(command):
                if isinstance(event, Rejected):
                    counted[Reject(event.code)] += 1
                elif isinstance(event, OrderCanceled):
                    counted[event.reason] += 1
                counted[type(event)] += 1
    return counted


@pytest.mark.parametrize("code", [c for c in Reject if 200 <= c < 600 and c not in EDGE])
def test_streams_reach_reject(reached, code):
    assert reached[code] > 0


@pytest.mark.parametrize("reason", list(CancelReason))
def test_streams_reach_cancel_reason(reached, reason):
    assert reached[reason] > 0


def test_streams_mostly_trade(reached):
    assert reached[Trade] > 2000


def test_streams_of_one_seed_are_one_stream():
    assert list(random_stream(7, 300)) == list(random_stream(7, 300))
    assert list(random_stream(7, 300)) != list(random_stream(8, 300))
