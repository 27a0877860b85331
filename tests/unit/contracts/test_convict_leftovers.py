"""Elements behind the last chunk of a blob are nobody's words: they neither convict nor protect.

The commitment is to them as well, so a liar might hope that nobody can open his words any more.
"""

from collections.abc import Callable, Sequence

import pytest

from matcher.reference.openings import MODULUS, BlobBody
from matcher.reference.tree import keccak
from matcher.reference.words import Credit, Fill, Op, Withdraw, pack_chunk
from tests.support.chain import Receipt, reverts
from tests.support.decree import Fault
from tests.support.exchange import TOKENS, Exchange, account_with, copy_state, state_of
from tests.support.registry import balance
from tests.support.trials import Case, Trials

ACCOUNT = 2
CREDIT = Credit(ACCOUNT, TOKENS)
LYING_CHUNK = pack_chunk([CREDIT], keccak(b"another root"))
MALFORMED_CHUNK = [1 << 254] * 32
TO_THE_END = [MODULUS - 1 - i for i in range(4096 - 32)]
BEHIND = pytest.mark.parametrize(
    "behind",
    [
        [7],
        LYING_CHUNK,
        [*MALFORMED_CHUNK, *MALFORMED_CHUNK[:8]],
        TO_THE_END,
    ],
    ids=["a word", "a lying chunk", "a malformed one", "the whole blob"],
)


@pytest.fixture
def trials(exchange: Exchange) -> Trials:
    assert exchange.open(exchange.roles.taker) == ACCOUNT
    return Trials(exchange)


def wrong_root(trials: Trials, behind: Sequence[int]) -> Receipt:
    lie = state_of({ACCOUNT: account_with(TOKENS + 1)})
    case = trials.commit(((CREDIT,), lie), blobs=True, behind=behind)
    witness = case.transition(0, trials.exchange.context)
    return trials.convict(trials.transition, case, witness)


def broken_margin(trials: Trials, behind: Sequence[int]) -> Receipt:
    case = trials.commit(((), state_of({5: account_with(-1)})), blobs=True, behind=behind)
    return trials.convict(trials.margin, case, case.margin(0, 5))


def unsigned(trials: Trials, behind: Sequence[int]) -> Receipt:
    ops: tuple[Op, ...] = (Withdraw(ACCOUNT, 1, 9), Fill(0, ACCOUNT, 3, 1, 5, 5, 5, 5))
    state = copy_state(trials.exchange.state)
    case = trials.commit((ops, state), blobs=True, behind=behind)
    trials.ask(case, place=1, side=1)
    trials.chain.travel(trials.exchange.windows.answer + 1)
    return trials.execute(case, place=1, side=1)


@BEHIND
@pytest.mark.parametrize(
    ("lie", "fault"),
    [
        (wrong_root, Fault.WRONG_ROOT),
        (broken_margin, Fault.MARGIN_BROKEN),
        (unsigned, Fault.UNANSWERED),
    ],
)
def test_convict_of_a_lie_with_something_behind_it_slashes_and_reverts(
    trials: Trials,
    behind: Sequence[int],
    lie: Callable[[Trials, Sequence[int]], Receipt],
    fault: Fault,
) -> None:
    before = balance(trials.chain, trials.registry.address)
    receipt = lie(trials, behind)
    assert receipt.event("BatchConvicted")["fault"] == fault
    assert receipt.event("BatchReverted")["id"] == 1
    assert trials.chain.call(trials.registry.head())[0] == 0
    assert balance(trials.chain, trials.registry.address) < before


def honest(trials: Trials, behind: Sequence[int]) -> Case:
    return trials.play((CREDIT,), blobs=True, behind=behind)


@BEHIND
def test_convict_of_an_honest_batch_with_something_behind_it_is_not_guilty(
    trials: Trials, behind: Sequence[int]
) -> None:
    case = honest(trials, behind)
    with reverts("NotGuilty", 1, 0, case.states[1].root()):
        trials.convict(trials.transition, case, case.transition(0, trials.exchange.context))
    with reverts("NotGuilty", 1, 0, bytes(32)):
        trials.convict(trials.margin, case, case.margin(0, ACCOUNT))


@pytest.mark.parametrize("behind", [LYING_CHUNK, MALFORMED_CHUNK], ids=["lying", "malformed"])
def test_convict_by_a_chunk_behind_the_last_is_refused(
    trials: Trials, behind: Sequence[int]
) -> None:
    """With an authentic witness: were it a chunk of the batch, it would convict."""
    case = honest(trials, behind)
    witness = case.transition(1, trials.exchange.context)
    with reverts("ChunkUnknown", 1, 1):
        trials.convict(trials.transition, case, witness)


def test_convict_with_the_words_alone_opens_nothing(trials: Trials) -> None:
    case = honest(trials, [7])
    assert isinstance(case.body, BlobBody)
    words = list(case.body.words[:32])
    bare = BlobBody(words)
    other = Case(case.header, case.previous, case.committed_at, bare, case.states)
    witness = other.transition(0, trials.exchange.context)
    with reverts("BlobsMismatch", bare.blobs_hash, case.header.blobs_hash):
        trials.convict(trials.transition, case, witness)
    (shown,) = case.body.versioned_hashes
    with reverts("WordNotInBlob", shown, 0, words[0]):
        trials.convict(trials.transition, case, shown + witness[32:])
