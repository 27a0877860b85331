"""S9 in blob mode: words opened with KZG proofs convict the same lies, and no honest batch."""

from __future__ import annotations

import pytest

from tests.support.acquittal import MARGIN, TRANSITION, charges, convict
from tests.support.conviction import convicted
from tests.support.liar import Liar
from tests.support.lies import LIES
from tests.support.stage import Stage

# One of each prover and of each way to be wrong: KZG proofs take their time.
TOLD = (
    "bit_248_of_a_credit",
    "release_of_the_fee_account_before_a_fill",
    "credit_of_one_atom_too_much",
    "withdrawal_again_two_chunks_later",
    "fee_one_atom_too_high",
    "root_in_the_middle",
    "root_of_the_last_chunk",
    "withdrawal_of_one_atom_too_much",
    "release_of_one_atom_too_little",
    "fill_that_the_taker_never_signed",
    "one_lot_more_than_the_maker_ordered_in_two_fills",
    "transfer_to_another_than_was_signed",
)


@pytest.mark.parametrize("name", TOLD)
def test_inv_s9_lie_in_blobs_is_convicted(name: str, stage: Stage) -> None:
    convicted(LIES[name], stage, in_blobs=True)


def test_inv_s9_honest_batch_in_blobs_is_not_convicted(stage: Stage) -> None:
    liar = Liar.on(stage)
    liar.plan.in_blobs = True
    told = liar.tell()
    assert told.verdict().sound
    seen = set()
    for charge in charges(told):
        if (charge.prover, charge.chunk) in seen:
            continue
        seen.add((charge.prover, charge.chunk))
        found = convict(told, charge.prover, charge.witness)
        assert found == ("NotGuilty", (told.batch.header.id, charge.chunk, charge.root))
    assert seen == {(prover, chunk) for prover in (TRANSITION, MARGIN) for chunk in range(3)}
