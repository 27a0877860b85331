"""Fixtures of the differential tests."""

from collections.abc import Iterator

import pytest

from matcher.chain.artifacts import Artifacts
from matcher.chain.deployment import deploy
from tests.support.anvil import running_anvil
from tests.support.chain import ETHER
from tests.support.exchange import WINDOWS, Roles
from tests.support.judging import QuickCourt


@pytest.fixture(scope="module")
def court(artifacts: Artifacts, roles: Roles) -> Iterator[QuickCourt]:
    """TRANSITION on anvil, in an exchange of which nothing is known but its windows."""
    with running_anvil() as anvil:
        anvil.rich(*roles.everybody())
        fee_owner = roles.fees.address
        deployment = deploy(
            anvil.w3, roles.owner, windows=WINDOWS, fee_owner=fee_owner, min_bond=ETHER
        )
        yield QuickCourt(anvil, deployment)
