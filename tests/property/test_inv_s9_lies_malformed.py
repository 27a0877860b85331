"""S9, words that are no chunk: found, convicted, undone, and nobody loses by it."""

from __future__ import annotations

import pytest

from tests.support.conviction import convicted
from tests.support.liar import Lie
from tests.support.lies import malformed
from tests.support.stage import Stage

LIES = {lie.name: lie for lie in malformed.TABLE.lies}


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_inv_s9_malformed_chunk_is_convicted(lie: Lie, stage: Stage) -> None:
    convicted(lie, stage)
