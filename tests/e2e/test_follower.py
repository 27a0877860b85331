"""The follower on a node whose chain changes its mind."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest

from matcher import commands as c
from matcher.chain.follower import Follower
from matcher.errors import ReorgBelowConfirmed
from matcher.types import Windows
from tests.support.anvil import AnvilExchange, anvil_exchange, running_anvil
from tests.support.exchange import TOKENS, Roles

WINDOWS = Windows(challenge=600, answer=100, freeze=900, notice=60, lag=300)
CONFIRMATIONS = 4


@pytest.fixture(scope="module")
def listed(artifacts: Any, roles: Roles) -> Iterator[AnvilExchange]:
    with running_anvil() as anvil:
        exchange = anvil_exchange(anvil, roles, WINDOWS)
        exchange.open(roles.maker)
        yield exchange


def follower_of(exchange: AnvilExchange, start: c.ChainBlock | None = None) -> Follower:
    return Follower(exchange.anvil.w3, exchange.deployment, CONFIRMATIONS, start)


def facts_of(follower: Follower) -> list[c.Command]:
    told = itertools.chain.from_iterable(iter(follower.poll, []))
    return [command for command in told if not isinstance(command, c.ChainBlock)]


@pytest.mark.parametrize("seed", range(3))
def test_follower_over_reorgs_of_unconfirmed_blocks_tells_what_the_chain_ends_with(
    listed: AnvilExchange, seed: int
) -> None:
    """Deposits, empty blocks, reorganizations and restarts at random."""
    rng, anvil, maker = random.Random(seed), listed.anvil, listed.roles.maker
    anvil.mine(CONFIRMATIONS)  # what this test takes back is its own
    follower = follower_of(listed)
    told = facts_of(follower)
    reorgs = 0
    for _ in range(25):
        action = rng.choice(("deposit", "deposit", "mine", "reorg", "restart"))
        if action == "deposit":
            listed.deposit(maker, 2, TOKENS)
        elif action == "mine":
            anvil.mine(rng.randint(1, 3))
        elif action == "reorg":
            anvil.reorg(rng.randint(1, CONFIRMATIONS - 1))
            reorgs += 1
        else:
            follower = follower_of(listed, follower.told)
        told += facts_of(follower)
    anvil.mine(CONFIRMATIONS)
    told += facts_of(follower)
    assert reorgs > 2
    assert told == facts_of(follower_of(listed))
    deposited = listed.deployment.vault.functions.accountOf(2).call()[1]
    assert max(f.deposited for f in told if isinstance(f, c.Deposited)) == deposited


def test_follower_over_a_reorg_of_what_was_told_names_the_block(listed: AnvilExchange) -> None:
    anvil = listed.anvil
    listed.deposit(listed.roles.maker, 2, TOKENS)
    anvil.mine(CONFIRMATIONS)
    follower = follower_of(listed)
    facts_of(follower)
    told = follower.told
    assert told is not None
    anvil.reorg(CONFIRMATIONS + 1)  # the block of the deposit, too, or the same block came again
    anvil.mine()
    with pytest.raises(ReorgBelowConfirmed, match=f"expected 0x{told.hash.hex()}"):
        follower.poll()
