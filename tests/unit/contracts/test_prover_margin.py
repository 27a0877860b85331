"""MARGIN: who is guilty, who is not, and which witness is refused."""

from dataclasses import replace

import pytest

from matcher.reference.leaf import Account
from matcher.reference.openings import CalldataBody
from matcher.reference.state import State
from matcher.reference.words import Credit, Fill, Nop, Op, Release, Transfer, pack_chunk
from tests.support.chain import reverts
from tests.support.decree import NOBODY, Fault
from tests.support.exchange import TOKENS, Exchange, account_with, state_of
from tests.support.trials import CHUNK, Case, Trials

ACCOUNT = 5  # of whom states speak; nobody opened it
MODES = pytest.mark.parametrize("blobs", [False, True], ids=["calldata", "blobs"])
INNOCENT = (Fault.NONE, 0, CHUNK, NOBODY, bytes(32))


@pytest.fixture
def trials(exchange: Exchange) -> Trials:
    return Trials(exchange)


def moved(trials: Trials, before: Account, after: Account, *ops: Op, blobs: bool = False) -> Case:
    """A batch of two chunks: the first leaves `before`, the second, of these ops, `after`."""
    first, second = state_of({ACCOUNT: before, 7: account_with(1)}), state_of({ACCOUNT: after})
    return trials.commit(([], first), (ops, second), blobs=blobs)


def guilt(trials: Trials, case: Case, number: int = 1, place: int | None = None) -> Fault:
    """What MARGIN finds of the account, with all else as it must be."""
    found = trials.judged(trials.margin, case, case.margin(number, ACCOUNT, place))
    fault, chunk, where, challenger, root = found
    assert (chunk, challenger, root) == (number, NOBODY, bytes(32))
    assert where == (place if fault == Fault.RELEASE_KEPT else CHUNK)
    return Fault(fault)


# --- MarginBroken -----------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (0, -1, Fault.MARGIN_BROKEN),
        (100, -1, Fault.MARGIN_BROKEN),
        (-5, -6, Fault.MARGIN_BROKEN),
        (-5, -5, Fault.NONE),
        (-6, -5, Fault.NONE),
        (-5, 0, Fault.NONE),
        (100, 0, Fault.NONE),
        (100, 1, Fault.NONE),
        (-(1 << 63), (1 << 63) - 1, Fault.NONE),
        ((1 << 63) - 1, -(1 << 63), Fault.MARGIN_BROKEN),
    ],
)
def test_margin_of_cash_is_broken_below_zero_and_below_before(
    trials: Trials, blobs: bool, before: int, after: int, fault: Fault
) -> None:
    case = moved(trials, account_with(before), account_with(after), blobs=blobs)
    assert guilt(trials, case) == fault


def test_margin_of_the_first_chunk_is_taken_from_the_batch_before(trials: Trials) -> None:
    trials.commit(([], state_of({ACCOUNT: account_with(-3)})))
    worse = trials.commit(([], state_of({ACCOUNT: account_with(-4)})))
    assert guilt(trials, worse, number=0) == Fault.MARGIN_BROKEN
    better = trials.commit(([], state_of({ACCOUNT: account_with(-3)})))
    assert guilt(trials, better, number=0) == Fault.NONE


def test_margin_of_the_first_batch_is_taken_from_nothing(trials: Trials) -> None:
    case = trials.commit(([], state_of({ACCOUNT: account_with(-1)})))
    assert guilt(trials, case, number=0) == Fault.MARGIN_BROKEN


def test_margin_of_an_account_that_vanished_is_not_broken(trials: Trials) -> None:
    case = moved(trials, account_with(-9), Account())
    assert guilt(trials, case) == Fault.NONE


def test_margin_of_the_fee_account_is_judged_too(trials: Trials) -> None:
    states = [state_of({0: account_with(cash)}) for cash in (0, -1)]
    case = trials.commit(([], states[0]), ([], states[1]))
    assert trials.judged(trials.margin, case, case.margin(1, 0))[0] == Fault.MARGIN_BROKEN


def test_margin_of_positions_counts_the_worst_price(trials: Trials) -> None:
    """Instrument 1 is a call of strike 100, cap 200 tokens: short 2 lots may cost 200 tokens."""
    held = account_with(200 * TOKENS, i1=-2)
    case = moved(trials, Account(), held)
    assert guilt(trials, case) == Fault.NONE
    case = moved(trials, Account(), account_with(200 * TOKENS - 1, i1=-2))
    assert guilt(trials, case) == Fault.MARGIN_BROKEN
    case = moved(trials, account_with(200 * TOKENS - 2, i1=-2), account_with(-1))
    assert guilt(trials, case) == Fault.NONE


@pytest.mark.parametrize(("earlier", "fault"), [(0, Fault.MARGIN_BROKEN), (1, Fault.NONE)])
def test_margin_counts_a_price_fixed_before_built_at(
    trials: Trials, earlier: int, fault: Fault
) -> None:
    """The calls that were sold turned out worthless."""
    fixed = trials.exchange.settle(50 * TOKENS).time
    trials.chain.travel(9)
    states = state_of({}), state_of({ACCOUNT: account_with(0, i1=-2)})
    case = trials.commit(([], states[0]), ([], states[1]), built_at=fixed + earlier)
    assert guilt(trials, case) == fault


def test_margin_ignores_prices_fixed_after_the_batch(trials: Trials) -> None:
    case = moved(trials, Account(), account_with(0, i1=-2))
    trials.exchange.settle(50 * TOKENS)
    assert guilt(trials, case) == Fault.MARGIN_BROKEN


# --- ReleaseKept ------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize(
    ("left", "fault"), [(1, Fault.RELEASE_KEPT), (0, Fault.NONE), (-1, Fault.NONE)]
)
def test_release_keeps_something_back_if_worst_is_above_zero(
    trials: Trials, blobs: bool, left: int, fault: Fault
) -> None:
    ops = [Nop(), Release(ACCOUNT, 10, 1)]
    case = moved(trials, account_with(min(left, 0)), account_with(left), *ops, blobs=blobs)
    assert guilt(trials, case, place=1) == fault
    assert guilt(trials, case) == Fault.NONE  # not charged


def test_release_that_leaves_less_than_nothing_breaks_margin(trials: Trials) -> None:
    case = moved(trials, account_with(10), account_with(-1), Release(ACCOUNT, 11, 1))
    assert guilt(trials, case, place=0) == Fault.MARGIN_BROKEN


def test_release_that_kept_needs_nothing_of_the_state_before(trials: Trials) -> None:
    case = moved(trials, account_with(10), account_with(3), Release(ACCOUNT, 7, 1))
    untold = replace(case, states=(State(), State(), case.states[2]))
    assert untold.margin(1, ACCOUNT, 0) != case.margin(1, ACCOUNT, 0)
    assert guilt(trials, untold, place=0) == Fault.RELEASE_KEPT


@pytest.mark.parametrize(
    "op",
    [
        Release(ACCOUNT + 1, 7, 1),
        Credit(ACCOUNT, 7),
        Transfer(ACCOUNT, 7, 7, 7),
        Fill(0, ACCOUNT, 3, 1, 1, 1, 1, 1),
        Nop(),
    ],
    ids=lambda op: type(op).__name__,
)
def test_release_shown_that_is_none_of_the_account_is_refused(trials: Trials, op: Op) -> None:
    case = moved(trials, account_with(10), account_with(3), op)
    word = case.body.words[32]
    with reverts("NotReleaseOf", ACCOUNT, word):
        guilt(trials, case, place=0)


@pytest.mark.parametrize("place", [30, 31])
def test_root_shown_as_a_release_is_refused(trials: Trials, place: int) -> None:
    case = moved(trials, account_with(10), account_with(3))
    with reverts("NotReleaseOf", ACCOUNT, case.body.words[32 + place]):
        guilt(trials, case, place=place)


# --- witnesses --------------------------------------------------------------------------------


def test_account_before_that_is_not_in_the_state_is_refused(trials: Trials) -> None:
    case = moved(trials, account_with(-5), account_with(-4))
    liar = state_of({ACCOUNT: account_with(0), 7: account_with(1)})
    told = replace(case, states=(case.states[0], liar, case.states[2]))
    with reverts("AccountNotInState", ACCOUNT, liar.root(), case.states[1].root()):
        guilt(trials, told)


def test_account_after_that_is_not_in_the_state_is_refused(trials: Trials) -> None:
    case = moved(trials, account_with(0), account_with(4))
    liar = state_of({ACCOUNT: account_with(-1)})
    told = replace(case, states=(*case.states[:2], liar))
    with reverts("AccountNotInState", ACCOUNT, liar.root(), case.states[2].root()):
        guilt(trials, told)


def test_account_before_cannot_be_taken_from_another_chunk(trials: Trials) -> None:
    """Chunk 2 does not touch the account, which chunk 1 made poorer."""
    poor, rich = state_of({ACCOUNT: account_with(-5)}), state_of({ACCOUNT: account_with(0)})
    case = trials.commit(([], rich), ([], poor), ([], poor))
    told = replace(case, states=(case.states[0], rich, rich, poor))
    assert guilt(trials, case, number=1) == Fault.MARGIN_BROKEN
    with reverts("AccountNotInState", ACCOUNT, rich.root(), poor.root()):
        guilt(trials, told, number=2)


def test_chunk_that_the_batch_does_not_have_is_refused(trials: Trials) -> None:
    case = moved(trials, account_with(-5), account_with(-4))
    witness = case.margin(1, ACCOUNT)
    with reverts("ChunkUnknown", 2, 2):
        trials.judged(trials.margin, case, (2).to_bytes(2, "big") + witness[2:])


def test_words_of_another_batch_are_refused(trials: Trials) -> None:
    first = moved(trials, account_with(0), account_with(-4))
    second = moved(trials, account_with(0), account_with(4))
    root, expected = (case.header.chunks_root for case in (first, second))
    with reverts("WordsNotInBatch", root, expected):
        trials.judged(trials.margin, second, first.margin(1, ACCOUNT))


def test_leaf_without_the_shape_of_one_is_refused(trials: Trials) -> None:
    """It can be the leaf of no right transition: TRANSITION convicts it."""
    case = moved(trials, account_with(0), account_with(-4, i0=5))
    with reverts("InvalidPosition", 0, 0, 0, 5):
        guilt(trials, case)


def test_chunk_that_states_no_root_is_refused(trials: Trials) -> None:
    before, after = state_of({}), state_of({ACCOUNT: account_with(-4)})
    words = pack_chunk([], before.root()) + pack_chunk([], after.root())
    words[30] = words[31]
    previous = trials.exchange.head.header
    batch = trials.exchange._commit(words, after, trials.chain.now - 1, bytes(32))
    body = CalldataBody(words)
    case = Case(batch.header, previous, batch.committed_at, body, (before, before, after))
    with reverts("RootMissing", words[30], words[31]):
        guilt(trials, case)


def test_instruments_that_nobody_listed_are_worth_nothing(trials: Trials) -> None:
    """A wrong transition put them there; MARGIN must not stop at them."""
    top = (1 << 24) - 1
    wild = {f"i{index}": (1 << 39) - 1 for index in (9, 77, top - 1)} | {f"i{top}": -(1 << 39)}
    case = moved(trials, account_with(0, **wild), account_with(-1, **wild))
    assert guilt(trials, case) == Fault.MARGIN_BROKEN
    case = moved(trials, account_with(-1, **wild), account_with(-1))
    assert guilt(trials, case) == Fault.NONE


def test_positions_of_any_size_do_not_stop_it(trials: Trials) -> None:
    least = {f"i{index}": -(1 << 39) for index in (1, 2, 3, 4)}
    most = {f"i{index}": (1 << 39) - 1 for index in (1, 2, 3, 4)}
    case = moved(trials, account_with((1 << 63) - 1, **most), account_with(-(1 << 63), **least))
    assert guilt(trials, case) == Fault.MARGIN_BROKEN


# --- through the registry ---------------------------------------------------------------------


@MODES
def test_broken_margin_reverts_the_batch_and_pays_who_proved_it(
    trials: Trials, blobs: bool
) -> None:
    case = moved(trials, account_with(0), account_with(-1), blobs=blobs)
    receipt = trials.convict(trials.margin, case, case.margin(1, ACCOUNT))
    assert receipt.event("BatchConvicted") == {
        "id": case.header.id,
        "prover": trials.margin.address,
        "fault": Fault.MARGIN_BROKEN,
        "chunk": 1,
        "place": CHUNK,
    }
    assert receipt.event("BatchReverted")["challenger"] == trials.roles.prover.address


def test_honest_batch_is_not_convicted_of_anybody(trials: Trials) -> None:
    """Those it names, those it does not, and those who are not there."""
    exchange = trials.exchange
    taker, maker, idle = (
        exchange.open(who)
        for who in (trials.roles.taker, trials.roles.maker, trials.roles.outsider)
    )
    exchange.credit(taker, maker, idle)
    case = trials.play(
        [Fill(0, taker, maker, 1, 10, 3, 1, 1)], [Fill(1, taker, maker, 2, 10, 3, 2, 2)]
    )
    for number in (0, 1):
        for account in (0, taker, maker, idle, ACCOUNT):
            found = trials.judged(trials.margin, case, case.margin(number, account))
            assert found == (Fault.NONE, number, CHUNK, NOBODY, bytes(32))
    with reverts("NotGuilty", case.header.id, 0, bytes(32)):
        trials.convict(trials.margin, case, case.margin(0, taker))
