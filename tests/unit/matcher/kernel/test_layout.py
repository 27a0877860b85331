import numpy as np
import pytest

from matcher.kernel import fields, layout

RECORDS = {
    name.lower(): value for name, value in vars(layout).items() if isinstance(value, np.dtype)
}


@pytest.mark.parametrize("kind", RECORDS)
def test_record_fields_are_aligned_apart_and_inside(kind: str) -> None:
    record = RECORDS[kind]
    assert 64 % record.itemsize == 0 or record.itemsize % 64 == 0
    taken: set[int] = set()
    for field, offset in record.fields.values():
        span = set(range(offset, offset + field.itemsize))
        assert offset % field.itemsize == 0
        assert max(span) < record.itemsize
        assert not span & taken
        taken |= span


@pytest.mark.parametrize("kind", RECORDS)
def test_record_has_an_accessor_for_each_field(kind: str) -> None:
    """But nobody writes commands, and nobody reads events, from within the kernel."""
    for name in RECORDS[kind].names:
        assert hasattr(fields, f"{kind}_{name}") == (kind != "event")
        assert hasattr(fields, f"set_{kind}_{name}") == (kind != "command")


def test_records_have_the_sizes_that_addresses_are_computed_with() -> None:
    sizes = {kind: record.itemsize for kind, record in RECORDS.items()}
    assert sizes == {
        "command": 64,
        "event": 64,
        "order": 64,
        "level": 16,
        "far": 32,
        "side": 32,
        "book": 64,
        "holding": 32,
        "free": 4,
        "entry": 8,
        "word": 8,
        "signer": 8,
        "pair": 16,
        "context": 512,
    }


def test_far_level_holds_a_level_where_it_says() -> None:
    for name in layout.LEVEL.names:
        kind, offset = layout.LEVEL.fields[name][:2]
        assert layout.FAR.fields[name][:2] == (kind, offset + layout.FAR_LEVEL_OFFSET)
