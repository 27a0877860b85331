"""Who is served first: by arrival while the queue is short, else what lowers risk."""

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from matcher import commands as c
from matcher.archive import Archive
from matcher.errors import Reject
from matcher.events import CancelReason, OrderCanceled, Rejected
from matcher.exchange import Exchange
from matcher.journal.writer import Journal
from matcher.lanes import ORDINARY_SHARE, Entry, Lanes, is_urgent
from matcher.policy import Policy
from matcher.sequencer import Sequencer
from matcher.types import Order, OrderFlag, SignedOrder, Transfer, Withdrawal
from tests.support.life import new_batcher
from tests.support.pit import CALL, START, SYMBOLS, WINDOWS, names, owner_of
from tests.unit.matcher.test_sequencer import FACTS, IDENTITY, order

OTHER = "ETH-26MAR27-100-C"
SIGNER = b"\x11" * 20


def place(account: int, order_id: int, flags: int = 0, symbol: str = SYMBOLS[CALL]) -> c.PlaceOrder:
    terms = Order(account, symbol, True, 1000, 1, order_id, 2 * START, flags)
    return c.PlaceOrder(SignedOrder(terms, b"\1" * 65, b"\2" * 32, SIGNER))


def cancel(account: int, order_id: int) -> c.CancelOrder:
    return c.CancelOrder(account, order_id, SIGNER)


def cancel_all(account: int, instrument: int = 0) -> c.CancelAll:
    return c.CancelAll(account, instrument, SIGNER, b"\3" * 32)


def lanes(commands: Iterable[c.Command] = ()) -> Lanes:
    made = Lanes(SimpleNamespace(by_symbol={SYMBOLS[CALL]: CALL}))
    for arrived, command in enumerate(commands, 1):
        made.put(Entry(command, b"", arrived=arrived))
    return made


def commands_of(entries: list[Entry]) -> list[c.Command]:
    return [entry.command for entry in entries]


def test_what_lowers_risk_and_what_the_chain_told_is_urgent() -> None:
    moves = (
        c.WithdrawRequest(Withdrawal(2, 1, 1, START), b"", b"", SIGNER),
        c.TransferRequest(Transfer(2, 3, 1, 1, START), b"", b"", SIGNER),
    )
    assert not any(map(is_urgent, (place(2, 1), place(2, 1, OrderFlag.IOC), *moves)))
    urgent = (
        place(2, 1, OrderFlag.REDUCE_ONLY | OrderFlag.IOC),
        cancel(2, 1),
        cancel_all(2),
        c.AmendDown(2, 1, 1, SIGNER),
        c.PriceFixed(1, 1, 1, 1),
        c.Clock(1),
        c.CloseBatch(),
        c.Redate(1, 1),
    )
    assert all(map(is_urgent, urgent))


def test_short_queue_goes_by_arrival() -> None:
    sent = [place(2, 1), cancel(3, 7), place(3, 2), c.Clock(5), place(2, 3), cancel_all(2)]
    taken, refused = lanes(sent).take(len(sent))
    assert (commands_of(taken), refused) == (sent, [])


def test_long_queue_serves_what_lowers_risk_first_and_keeps_a_share_for_the_rest() -> None:
    orders = [place(2, i) for i in range(20)]
    cancels = [cancel(3, 100 + i) for i in range(20)]
    made = lanes([*orders, *cancels])
    taken, refused = made.take(8)
    assert commands_of(taken) == cancels[:6] + orders[:2]
    assert not refused
    assert len(made) == 32


def test_share_that_urgent_commands_do_not_need_goes_to_orders() -> None:
    made = lanes([*(place(2, i) for i in range(20)), cancel(3, 1)])
    assert commands_of(made.take(8)[0]) == [cancel(3, 1), *(place(2, i) for i in range(7))]


def test_own_commands_go_before_everything() -> None:
    made = lanes([place(2, 1), *(cancel(3, i) for i in range(20))])
    made.put_first([c.CloseBatch(), c.OpenBatch()])
    assert commands_of(made.take(4)[0])[:3] == [c.CloseBatch(), c.OpenBatch(), cancel(3, 0)]


def test_cancel_that_overtakes_its_order_takes_it_out() -> None:
    sent = [place(2, i) for i in range(10)]
    made = lanes([*sent, cancel(2, 7), cancel(3, 6)])
    taken, refused = made.take(4)
    assert commands_of(taken) == [cancel(2, 7), cancel(3, 6), sent[0], sent[1]]
    assert commands_of(refused) == [sent[7]]
    (answer,) = refused[0].result
    assert (answer.code, answer.field) == (Reject.OVERTAKEN, "order")
    rest = [entry for _ in range(2) for entry in made.take(4)[0]]
    assert commands_of(rest) == sent[2:7] + sent[8:]
    assert len(made) == made.waiting == 0


def test_cancel_takes_out_no_order_that_came_after_it() -> None:
    made = lanes([*(place(3, i) for i in range(10)), cancel(2, 7), place(2, 7)])
    taken, refused = made.take(4)
    assert commands_of(taken)[0] == cancel(2, 7)
    assert not refused


def test_cancel_all_takes_out_what_it_covers_and_no_more() -> None:
    far = place(2, 8, symbol=OTHER)
    sent = [place(3, 1), *(place(2, i) for i in range(5)), far, place(2, 9)]
    made = lanes([*sent, cancel_all(2, CALL)])
    taken, refused = made.take(4)
    assert commands_of(refused) == [*sent[1:6], sent[7]]
    assert commands_of(taken) == [cancel_all(2, CALL), sent[0], far]
    made = lanes([*sent, cancel_all(2)])
    assert commands_of(made.take(4)[1]) == sent[1:]


def test_amend_of_an_order_that_waits_waits_behind_it() -> None:
    amend, other = c.AmendDown(2, 1, 1, SIGNER), c.AmendDown(3, 1, 1, SIGNER)
    made = lanes([place(2, 1), *(place(3, i) for i in range(5, 10)), amend, other])
    taken, _ = made.take(4)
    assert commands_of(taken)[:2] == [other, place(2, 1)]
    assert amend in commands_of(made.take(8)[0])


KINDS = {"place": place, "cancel": cancel, "all": lambda account, _: cancel_all(account)}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(2, 4), st.integers(0, 5))),
    st.integers(1, 9),
)
def test_everything_leaves_once_in_order_within_its_lane(
    sent: list[tuple[str, int, int]], limit: int
) -> None:
    made = lanes(KINDS[kind](account, number) for kind, account, number in sent)
    assert len(made) == len(sent)
    order_of: list[int] = []
    refused_of: list[int] = []
    while len(made):
        waited, urgent = made.waiting, len(made) - made.waiting
        taken, refused = made.take(limit)
        assert taken or refused
        assert len(taken) <= limit
        if waited + urgent > limit:
            served = sum(not is_urgent(entry.command) for entry in taken)
            assert served >= min(waited - len(refused), limit // ORDINARY_SHARE)
        for gone in refused:
            behind = [e for e in taken if is_urgent(e.command) and e.arrived > gone.arrived]
            assert any(e.command.account == gone.command.signed.order.account for e in behind)
        order_of += [entry.arrived for entry in taken]
        refused_of += [entry.arrived for entry in refused]
    assert sorted(order_of + refused_of) == list(range(1, len(sent) + 1))
    kinds = {arrived: sent[arrived - 1] for arrived in order_of}
    for lane in (("place",), ("cancel", "all")):
        passed = [arrived for arrived in order_of if kinds[arrived][0] in lane]
        assert passed == sorted(passed)
    # No order is placed behind a cancel of it that came later.
    for place_, arrived in enumerate(order_of):
        kind, account, number = kinds[arrived]
        if kind == "place":
            overtaking = [
                kinds[a] for a in order_of[:place_] if a > arrived and kinds[a][1] == account
            ]
            assert not any(k == "all" or (k == "cancel" and n == number) for k, _, n in overtaking)


# --- in the sequencer, while the disk is slow -----------------------------------------------------


class StalledJournal(Journal):
    """The real one, whose syncs wait until a test lets them go."""

    def __init__(self, directory: Path):
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        super().__init__(directory, IDENTITY)

    def sync(self) -> None:
        self.began.set()
        assert self.gate.wait(30)
        super().sync()


async def test_cancels_pass_the_orders_that_wait_for_a_stalled_writer(tmp_path: Path) -> None:
    journal = StalledJournal(tmp_path / "journal")
    engine = Exchange(WINDOWS)
    policy = Policy(max_group=8, max_queue=20)
    sequencer = Sequencer(
        journal, engine, new_batcher(), Archive(tmp_path / "batches"), lambda: START, policy
    )
    heard: list[tuple[c.Command, list[object]]] = []
    sequencer.subscribe(lambda _, command, events, __: heard.append((command, events)))
    await sequencer.start()
    for fact in FACTS:
        await sequencer.submit(fact)
    assert names(await sequencer.submit(order(2, "sell", 1))) == ["OrderAccepted", "OrderRested"]

    journal.gate.clear()
    journal.began.clear()
    first = asyncio.ensure_future(sequencer.submit(order(2, "sell", 2)))
    assert await asyncio.to_thread(journal.began.wait, 30)  # a group is being synced
    flood = [asyncio.ensure_future(sequencer.submit(order(3, "buy", 10 + i))) for i in range(20)]
    own = asyncio.ensure_future(sequencer.submit(order(2, "sell", 3)))
    cancels = [
        asyncio.ensure_future(sequencer.submit(c.CancelOrder(2, 1, owner_of(2)))),
        asyncio.ensure_future(sequencer.submit(c.CancelOrder(3, 12, owner_of(3)))),
    ]
    await asyncio.sleep(0)
    (busy,) = await own  # the queue is full for orders, and for nothing else
    assert (busy.code, busy.found) == (Reject.BUSY, "20 commands waiting")
    before = len(heard)
    journal.gate.set()
    await asyncio.gather(first, *flood, *cancels)
    await sequencer.stop()

    order_of = [command for command, _ in heard[before:]]
    assert cancels[0].result() == [OrderCanceled(2, 1, 1, CancelReason.USER)]
    assert order_of.index(c.CancelOrder(2, 1, owner_of(2))) == 1  # behind the group under way
    assert order_of.index(c.CancelOrder(3, 12, owner_of(3))) == 2
    answers = [names(task.result()) for task in flood]
    assert answers.pop(2) == ["Rejected"]  # the one that was canceled while it waited
    assert all("OrderAccepted" in answer for answer in answers)
    (unknown,) = cancels[1].result()
    assert isinstance(unknown, Rejected)
    assert unknown.code == Reject.ORDER_UNKNOWN
    again = Exchange(WINDOWS)
    with Journal(tmp_path / "journal", IDENTITY) as written:
        for _, command in written.replay():
            again.apply(command)
    assert again.state_hash() == engine.state_hash()
