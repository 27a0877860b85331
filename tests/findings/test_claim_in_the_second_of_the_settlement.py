"""A frozen exchange's claim in the very second in which a price was fixed.

The Vault counts that price ("of this block too"); the audit did not, and found it paid twice.
"""

from dataclasses import replace

from matcher.reference import records as r
from matcher.reference.replay import replay
from tests.support.streams import random_stream
from tests.support.street import WINDOWS
from tests.support.tape import Tape


def test_audit_of_a_frozen_claim_counts_a_price_fixed_in_its_second() -> None:
    tape = Tape(chunk_limit=2).run(random_stream(4, 2500))
    tape.claim_everything()
    at = tape.exchange.floor.now + 10 * WINDOWS.final_after
    context, state = tape.exchange.floor.context, tape.batcher.state
    open_expiries = sorted(set(context.caps) - set(context.prices))
    assert open_expiries
    fixed = {key: (context.caps[key], at) for key in open_expiries}
    tape.records += [r.PriceFixed(*key, *price) for key, price in fixed.items()]
    tape.records.append(r.Frozen(2, at))
    now = replace(context, built_at=at + 1, prices=context.prices | fixed)
    before = replace(now, built_at=at)
    claimed = {fact.account: fact.claimed for fact in tape.records if isinstance(fact, r.Claimed)}
    more = 0
    for index in sorted(tape.exchange.floor.owners):
        account = state.account(index)
        waiting = context.deposited.get(index, 0) - account.credited
        due = account.exited + max(0, state.worst(index, now)) + waiting
        more += state.worst(index, now) > state.worst(index, before)
        if due > claimed.get(index, 0):
            tape.records.append(r.Claimed(index, due - claimed.get(index, 0), due, at))
    assert more  # somebody is worth more at the price than at the worst
    assert replay(tape.records).sound
