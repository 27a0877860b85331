"""What must hold of leases after every command, whatever the stream and the number of shards."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import commands as c
from matcher.errors import ChainError
from matcher.events import Event, Rejected
from matcher.reference.exchange import Exchange
from matcher.shards.local import Shards
from matcher.types import FIRST_USER_ACCOUNT, MAX_POSITIONS
from tests.support.streams import streams
from tests.support.street import WINDOWS

some = settings(max_examples=8, deadline=None)
counts = st.sampled_from((2, 3, 5))
wide = streams(max_actions=80, markets=5)


def walk(shards: Shards, stream: Sequence[c.Command]):
    """Each command with what was answered."""
    for command in stream:
        try:
            yield command, shards.apply(command)
        except ChainError:
            yield command, []


def parts(shards: Shards, account: int):
    return [shard.account_view(account) for shard in shards.shards]


def accounts(shards: Shards) -> list[int]:
    return sorted(shards.shards[0].accounts)


@some
@given(counts, wide)
def test_inv_leases_sum_to_the_cash_that_the_model_knows(count, stream):
    shards, model = Shards(count, WINDOWS), Exchange(WINDOWS)
    for command, _ in walk(shards, stream):
        model.apply(command)
        for account in accounts(shards):
            leases = [part.cash for part in parts(shards, account)]
            assert sum(leases) == model.floor.account(account).cash


@some
@given(counts, wide)
def test_inv_no_shard_is_ever_below_zero_for_anybody(count, stream):
    shards = Shards(count, WINDOWS)
    for _, _ in walk(shards, stream):
        for account in accounts(shards):
            for part in parts(shards, account):
                assert part.worst >= 0
                assert part.worst_with_orders >= 0


@some
@given(counts, wide)
def test_inv_places_of_an_account_are_as_many_as_one_engine_allows(count, stream):
    shards = Shards(count, WINDOWS)
    for _, _ in walk(shards, stream):
        for account in accounts(shards):
            if account < FIRST_USER_ACCOUNT:
                continue
            places = [shard.part(account).places for shard in shards.shards]
            assert sum(places) == MAX_POSITIONS
            assert all(shard.spare(account) >= 0 for shard in shards.shards)


@some
@given(counts, wide)
def test_inv_a_refusal_and_the_leases_before_it_change_nothing_that_can_be_seen(count, stream):
    shards = Shards(count, WINDOWS)
    before = shards.state_text()
    for _, events in walk(shards, stream):
        after = shards.state_text()
        if is_refusal(events):
            assert after == before
        before = after


def is_refusal(events: list[Event]) -> bool:
    return len(events) == 1 and isinstance(events[0], Rejected)


@some
@given(counts, wide)
def test_inv_a_refusal_leaves_every_lease_as_it_was(count, stream):
    """Else whoever has nothing could keep all shards busy with lending."""
    shards = Shards(count, WINDOWS)
    before: dict[int, list[int]] = {}
    for _, events in walk(shards, stream):
        after = {a: [part.cash for part in parts(shards, a)] for a in accounts(shards)}
        if is_refusal(events):
            assert after == before
        before = after
