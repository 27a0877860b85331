import numpy as np
import pytest

from matcher.kernel import context, fields, layout

RECORDS = {
    name.lower(): value for name, value in vars(layout).items() if isinstance(value, np.dtype)
}
READ = {"command", "fact", "annex", "rates"}  # nobody writes them within the kernel
TOLD = {"event", "event_numbers"}  # nobody reads them there


@pytest.mark.parametrize("kind", RECORDS)
def test_record_fields_are_aligned_apart_and_inside(kind: str) -> None:
    record = RECORDS[kind]
    assert 64 % record.itemsize == 0 or record.itemsize % 16 == 0
    taken: set[int] = set()
    for field, offset in record.fields.values():
        span = set(range(offset, offset + field.itemsize))
        assert offset % min(field.itemsize, 8) == 0 or field.kind == "V"
        assert max(span) < record.itemsize
        assert not span & taken
        taken |= span


@pytest.mark.parametrize("kind", sorted(RECORDS.keys() - {"signed"}))
def test_record_has_an_accessor_for_each_field(kind: str) -> None:
    """A SIGNED is read as ANNEX, word by word."""
    room = context if kind == "context" else fields
    for name in RECORDS[kind].names:
        assert hasattr(room, f"{kind}_{name}") == (kind not in TOLD)
        assert hasattr(room, f"set_{kind}_{name}") == (kind not in READ)


def test_records_have_the_sizes_that_addresses_are_computed_with() -> None:
    sizes = {kind: record.itemsize for kind, record in RECORDS.items()}
    assert sizes == {
        "command": 64,
        "fact": 64,
        "signed": 64,
        "annex": 64,
        "rates": 64,
        "event": 64,
        "event_numbers": 64,
        "order": 64,
        "level": 16,
        "far": 32,
        "side": 32,
        "book": 128,
        "market": 64,
        "series": 64,
        "account": 128,
        "signer": 64,
        "holding": 64,
        "slot": 48,
        "page": 16,
        "plan": 64,
        "head": 4,
        "entry": 8,
        "word": 8,
        "pair": 16,
        "context": 1024,
    }


def test_annex_is_a_signed_word_by_word() -> None:
    signed, annex = layout.SIGNED.fields, layout.ANNEX.fields
    assert signed["digest"][1] == annex["digest_0"][1]
    assert signed["address"][1] == annex["address_0"][1]
    assert annex["address_2"][1] + 4 == signed["address"][1] + 20


def test_far_level_holds_a_level_where_it_says() -> None:
    for name in layout.LEVEL.names:
        kind, offset = layout.LEVEL.fields[name][:2]
        assert layout.FAR.fields[name][:2] == (kind, offset + layout.FAR_LEVEL_OFFSET)
