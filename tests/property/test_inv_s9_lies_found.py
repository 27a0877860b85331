"""S9, the honest half of the catalogue: the batch that every lie changes is sound itself."""

from __future__ import annotations

from tests.support.decree import Fault
from tests.support.liar import Liar
from tests.support.lies import LIES
from tests.support.stage import Stage


def test_inv_s9_model_finds_no_lie_in_the_honest_batch(stage: Stage) -> None:
    verdict = Liar.on(stage).tell().verdict()
    assert verdict.sound, verdict
    assert (verdict.ops, verdict.fills, verdict.order_file) == (10, 3, True)


def test_catalogue_has_a_lie_for_every_fault() -> None:
    told = {lie.fault for lie in LIES.values()}
    assert told == set(Fault) - {Fault.NONE}
