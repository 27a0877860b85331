"""A node whose operator lied with another program was stopped for good by the lie's revert.

So no new operator could go on from the last honest root with what the node had kept. Now only the
revert of a batch that was published here stops it.
"""

from matcher import commands as c
from matcher.chain.follower import Follower
from tests.support.exchange import Exchange, account_with, state_of


def told(exchange: Exchange, ours: set[bytes]) -> list[c.Command]:
    chain = exchange.chain
    follower = Follower(
        chain.w3, exchange.deployment, ours=lambda _id, batch_hash: batch_hash in ours
    )
    found: list[c.Command] = []
    while not follower.caught_up:
        found += follower.poll()
    return [command for command in found if isinstance(command, c.Halted)]


def test_revert_of_a_batch_built_elsewhere_does_not_halt(exchange: Exchange) -> None:
    index = exchange.open(exchange.roles.maker)
    good = exchange.credit(index)
    lie = exchange.commit_root(state_of({index: account_with(cash=5, credited=5)}))
    exchange.revert_to(good)
    ours = {good.header.batch_hash()}
    assert told(exchange, ours) == []
    assert told(exchange, {*ours, lie.header.batch_hash()}) == [
        c.Halted(f"batch {lie.header.id} was reverted")
    ]
