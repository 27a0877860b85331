"""S9, ops that break a rule of section 5: found, convicted, undone, and nobody loses by it."""

from __future__ import annotations

import pytest

from tests.support.conviction import convicted
from tests.support.liar import Lie
from tests.support.lies import ops
from tests.support.stage import Stage

LIES = {lie.name: lie for lie in ops.TABLE.lies}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_inv_s9_invalid_op_is_convicted(lie: Lie, stage: Stage) -> None:
    convicted(lie, stage)
