"""S9, margins that are broken, and RELEASEs that keep something back: found, convicted, undone."""

from __future__ import annotations

import pytest

from tests.support.conviction import convicted
from tests.support.liar import Lie
from tests.support.lies import margins
from tests.support.stage import Stage

LIES = {lie.name: lie for lie in margins.TABLE.lies}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_inv_s9_broken_margin_is_convicted(lie: Lie, stage: Stage) -> None:
    convicted(lie, stage)
