from matcher.chain.clock import ChainClock
from matcher.commands import ChainBlock
from tests.support.chain import Chain


def told(chain: Chain, number: int) -> ChainBlock:
    block = chain.w3.eth.get_block(number)
    return ChainBlock(block["number"], bytes(block["hash"]), block["timestamp"])


def test_clock_on_an_idle_chain_stands_a_second_before_the_next_block(chain: Chain) -> None:
    clock = ChainClock(chain.w3)
    latest = chain.w3.eth.get_block("latest")["timestamp"]
    assert clock.now() == latest
    chain.at(latest + 500)
    assert clock.now() == latest + 499 == chain.now - 1
    chain.mine()
    assert clock.now() == latest + 500


def test_clock_after_the_newest_block_goes_on_with_the_pending_one(chain: Chain) -> None:
    clock = ChainClock(chain.w3)
    chain.travel(300)
    assert clock.now_after(told(chain, chain.height)) == chain.now - 1


def test_clock_after_an_older_block_is_that_blocks_time(chain: Chain) -> None:
    clock = ChainClock(chain.w3)
    older = told(chain, chain.height)
    chain.travel(300)
    chain.mine()
    chain.travel(300)
    assert clock.now_after(older) == older.time


def test_clock_of_a_node_without_a_pending_block_adds_a_second(chain: Chain) -> None:
    class Blind(ChainClock):
        def _pending(self) -> None:
            return None

    chain.travel(300)
    moment = Blind(chain.w3).look()
    assert not moment.pending
    assert moment.next_time == moment.time + 1
    assert moment.now == moment.time
