"""Words that are no chunk."""

from __future__ import annotations

from collections.abc import Callable

from matcher.reference.words import Release, pack
from tests.support.decree import Fault
from tests.support.exchange import TOKENS
from tests.support.liar import Liar
from tests.support.lies.table import Table
from tests.support.stage import FEES

TABLE = Table()
Spoil = Callable[[int], int]


def spoiled(chunk: int, place: int, spoil: Spoil) -> Callable[[Liar], None]:
    def tell(liar: Liar) -> None:
        liar.spoiled[chunk, place] = spoil

    return tell


def bit(number: int) -> Spoil:
    return lambda word: word | 1 << number


def kind(number: int) -> Spoil:
    """Another kind, and nothing else."""
    return lambda word: number << 240


# Places of the honest batch: (0, 0) CREDIT, (0, 1) FILL, (0, 2) NOP, (0, 4) TRANSFER, (0, 5)
# WITHDRAW, (1, 0) SETTLE, (2, 0) RELEASE, and the two ROOT words of the first chunks. `commit`
# itself refuses malformed ROOT words in the last.
SPOILED: dict[str, tuple[int, int, Spoil]] = {
    "bit_248_of_a_credit": (0, 0, bit(248)),
    "bit_255_of_a_fill": (0, 1, bit(255)),
    "bit_255_of_a_nop": (0, 2, bit(255)),
    "bit_248_of_a_root": (1, 30, bit(248)),
    "kind_of_a_future_liquidation": (0, 2, kind(0x07)),
    "kind_of_a_future_order": (0, 2, kind(0x0A)),
    "kind_of_a_future_witness_word": (0, 2, kind(0x10)),
    "kind_next_to_the_roots": (0, 2, kind(0xFD)),
    "kind_that_nobody_knows": (2, 29, kind(0x80)),
    "flag_1_of_a_fill": (0, 1, bit(233)),
    "flag_7_of_a_fill": (0, 1, bit(239)),
    "kind_of_the_last_future_witness_word": (0, 2, kind(0x1F)),
    "lowest_bit_of_a_credit": (0, 0, bit(0)),
    "lowest_bit_of_a_transfer": (0, 4, bit(0)),
    "lowest_bit_of_a_withdrawal": (0, 5, bit(0)),
    "lowest_bit_of_a_settle": (1, 0, bit(0)),
    "lowest_bit_of_a_release": (2, 0, bit(0)),
    "lowest_bit_of_a_high_root": (0, 30, bit(0)),
    "lowest_bit_of_a_low_root": (1, 31, bit(0)),
    "highest_reserved_bit_of_a_credit": (0, 0, bit(151)),
    "highest_reserved_bit_of_a_transfer": (0, 4, bit(79)),
    "highest_reserved_bit_of_a_withdrawal": (0, 5, bit(103)),
    "highest_reserved_bit_of_a_settle": (1, 0, bit(183)),
    "highest_reserved_bit_of_a_release": (2, 0, bit(127)),
    "highest_reserved_bit_of_a_high_root": (0, 30, bit(111)),
    "highest_reserved_bit_of_a_low_root": (0, 31, bit(111)),
    "nop_with_its_lowest_bit": (0, 2, bit(0)),
    "nop_with_its_highest_bit": (0, 2, bit(239)),
    "last_nop_with_a_bit": (2, 29, bit(17)),
    "root_high_among_the_ops": (0, 2, kind(0xFE)),
    "root_low_among_the_ops": (0, 29, kind(0xFF)),
    "nop_for_the_high_root": (0, 30, lambda word: 0),
    "nop_for_the_low_root": (1, 31, lambda word: 0),
    "low_root_for_the_high": (0, 30, lambda word: word | 1 << 240),
    "high_root_for_the_low": (0, 31, lambda word: word ^ 1 << 240),
}
for _name, (_chunk, _place, _spoil) in SPOILED.items():
    TABLE.add(_name, spoiled(_chunk, _place, _spoil), Fault.MALFORMED_CHUNK, _chunk)


@TABLE.lie(Fault.MALFORMED_CHUNK)
def release_of_the_fee_account_beside_a_fill(liar: Liar) -> None:
    liar.plan.put(0, 6, Release(FEES, 0, 1))


@TABLE.lie(Fault.MALFORMED_CHUNK, chunk=1)
def release_of_the_fee_account_before_a_fill(liar: Liar) -> None:
    liar.plan.chunks[1].insert(0, Release(FEES, 0, 1))


@TABLE.lie(Fault.MALFORMED_CHUNK)
def malformed_word_behind_an_invalid_op(liar: Liar) -> None:
    """A malformed chunk is no chunk, whatever else is wrong in it."""
    liar.spoiled[0, 0] = lambda word: word + (TOKENS << 152)
    liar.spoiled[0, 29] = lambda word: pack(Release(FEES, 0, 9)) | 1
