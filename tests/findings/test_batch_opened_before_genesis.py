"""Facts that were told in several groups opened a batch before any time was known.

A follower's first poll tells facts first and the time of the block last. If they did not fit one
group, the sequencer opened a batch for the first group's deposits with builtAt 0, which no chain
takes.
"""

from pathlib import Path

from matcher import commands as c
from tests.support.life import GENESIS
from tests.support.pit import START
from tests.unit.matcher.test_sequencer import FACTS, Node

GENESIS_BUILT_AT = int.from_bytes(GENESIS[9:14], "big")


async def test_sequencer_opens_no_batch_before_the_last_batch_was_built(tmp_path: Path) -> None:
    node = Node(tmp_path, max_group=2)
    node.time = 0
    await node.sequencer.start()
    await node.tell(*FACTS)
    assert node.engine.wants_batch
    assert not node.engine.batch_open
    await node.tell(c.ChainBlock(7, b"\1" * 32, START))
    (batch,) = await node.sequencer.close_batch()
    assert batch.built_at == START > GENESIS_BUILT_AT
    await node.sequencer.stop()
