"""S9, fields and products beyond their widths: found, convicted, undone, and nobody loses by it."""

from __future__ import annotations

import pytest

from tests.support.conviction import convicted
from tests.support.liar import Lie
from tests.support.lies import widths
from tests.support.stage import Stage

LIES = {lie.name: lie for lie in widths.TABLE.lies}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_inv_s9_what_does_not_fit_is_convicted(lie: Lie, stage: Stage) -> None:
    convicted(lie, stage)
