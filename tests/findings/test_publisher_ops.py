"""The publisher remembered every op for ever: nobody tells it of the batches that place ops."""

import msgspec
import pytest

from matcher.feed import Feed
from matcher.processes.board import Bells
from matcher.processes.plan import PUBLISHER, Plan
from matcher.processes.publisher_process import PublisherProcess
from matcher.processes.shared import Shared
from tests.unit.matcher.processes import test_replica
from tests.unit.matcher.processes.test_replica import NAMES, journaled

plan = test_replica.plan  # the fixture


@pytest.fixture
def publishing(plan: Plan) -> Plan:
    names = (*NAMES[:2], PUBLISHER)
    return msgspec.structs.replace(plan, name=PUBLISHER, processes=names, publish="tops")


async def test_publisher_remembers_no_ops_that_wait_for_their_batch(publishing: Plan) -> None:
    told = journaled(publishing, 3)
    shared = Shared(publishing)
    try:
        shared.board.synced = len(told)
        process = PublisherProcess(publishing, shared.board, Bells(shared.board, publishing.bells))
        gateways = Feed()
        for feed in (process._feed, gateways):
            process._replica.subscribe(feed.on_events)
        await process._replica.catch_up()
    finally:
        shared.close()
    assert gateways.unplaced > 20
    assert process._feed.unplaced == 0
    revived = Feed(places=False)
    revived.load(gateways.dump())
    assert revived.unplaced == 0
    assert revived.fill_count == gateways.fill_count == process._feed.fill_count
