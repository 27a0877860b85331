"""S9, what nobody signed, or not so: asked about, not answered, convicted, undone."""

from __future__ import annotations

import pytest

from tests.support.conviction import convicted
from tests.support.liar import Lie
from tests.support.lies import signatures
from tests.support.stage import Stage

LIES = {lie.name: lie for lie in signatures.TABLE.lies}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_inv_s9_missing_signature_is_convicted(lie: Lie, stage: Stage) -> None:
    convicted(lie, stage)
