"""S9, the model's part: whoever follows the chain by its logs finds every lie, and where it is."""

from __future__ import annotations

import pytest

from tests.support.decree import Fault
from tests.support.liar import Liar, Lie
from tests.support.lies import LIES
from tests.support.stage import Stage


def test_inv_s9_model_finds_no_lie_in_the_honest_batch(stage: Stage) -> None:
    verdict = Liar.on(stage).tell().verdict()
    assert verdict.sound, verdict
    assert (verdict.ops, verdict.fills, verdict.order_file) == (10, 3, True)


@pytest.mark.parametrize("lie", LIES.values(), ids=list(LIES))
def test_inv_s9_model_finds_the_lie(lie: Lie, stage: Stage) -> None:
    liar = Liar.on(stage)
    lie.tell(liar)
    found = liar.tell().verdict().findings
    assert found, "the model finds nothing"
    first = found[0]
    assert (first.lie, first.where) == (lie.kind, f"chunk {lie.chunk}"), found
    assert expected_text(lie) in first.what, found


def expected_text(lie: Lie) -> str:
    """What the model says of the fault that the chain convicts."""
    if lie.fault == Fault.MALFORMED_CHUNK:
        return "MalformedChunk"
    if lie.fault == Fault.WRONG_ROOT:
        return "follows"
    if lie.fault == Fault.UNANSWERED:
        return f"op {lie.place}, side {lie.side}: "
    if lie.fault in (Fault.MARGIN_BROKEN, Fault.RELEASE_KEPT):
        kept = lie.fault == Fault.RELEASE_KEPT
        return f"account {lie.account}: " if not kept else "kept something back"
    return f"InvalidOp: {lie.fault.name}"


def test_catalogue_has_a_lie_for_every_fault() -> None:
    told = {lie.fault for lie in LIES.values()}
    assert told == set(Fault) - {Fault.NONE}
