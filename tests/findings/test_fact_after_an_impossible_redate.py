"""A batcher told lines and events that had refused a redate overlooked the fact that came next.

The refusal left the stream in the middle of a command, with its fact observed; the first fact of
what was told afterward counted as that one. An instrument listed then was unknown for ever.
"""

import numpy as np
import pytest

from matcher import commands as c
from matcher.batch import genesis
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import COMMAND
from matcher.lines import Encoder
from matcher.names import Names
from matcher.settlement.batcher import Batcher
from matcher.settlement.redate import RedateError
from tests.support.street import START, WINDOWS


def test_fact_told_after_an_impossible_redate_is_observed() -> None:
    encoder, kernel = Encoder(Names(WINDOWS.lag)), Matching(lag=WINDOWS.lag)
    batcher = Batcher(genesis(START - 1000), WINDOWS, 3)

    def tell(command: c.Command) -> None:
        lines = np.frombuffer(encoder.encode(command), COMMAND)
        ends = np.zeros(1, np.int64)
        batcher.add_events(lines, ends, kernel.run(lines, ends))

    tell(c.Clock(START))
    with pytest.raises(RedateError):
        tell(c.Redate(7, START))
    tell(c.MarketListed(1, "BTC", 100, 1_000_000))
    assert 1 in batcher.facts.listings.markets
