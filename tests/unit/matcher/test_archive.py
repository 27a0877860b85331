from pathlib import Path

import msgspec
import pytest

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import Batch
from matcher.errors import ProtocolError
from tests.support.pit import Pit


def batches() -> list[Batch]:
    pit = Pit()
    pit.reopen()
    pit.place(2, "sell", 1000, 1)
    pit.place(3, "buy", 1000, 1)
    pit.apply(c.CloseBatch())
    return pit.batches


def test_read_returns_what_was_written(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    made = batches()
    assert archive.latest() is None
    assert all(archive.write(batch) for batch in made)
    assert archive.ids() == [1, 2]
    assert archive.latest() == 2
    assert [Archive(tmp_path).read(i) for i in (1, 2)] == made
    assert 2 in archive
    assert 3 not in archive


def test_write_of_the_same_batch_changes_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    batch = batches()[0]
    archive.write(batch)
    assert not archive.write(batch)


@pytest.mark.parametrize("field", ["operator", "built_at"])
def test_write_of_another_batch_under_its_id_raises(tmp_path: Path, field: str) -> None:
    archive = Archive(tmp_path)
    batch = batches()[0]
    archive.write(batch)
    other = other_header(batch, **{field: 9})
    with pytest.raises(ProtocolError, match=r"batch 1: .* holds another one.* header differs"):
        archive.write(other)
    assert archive.read(1) == batch


def other_header(batch: Batch, **changed: int) -> Batch:
    header = msgspec.structs.replace(batch.fields, **changed)
    return Batch(header.encode(), batch.words, batch.order_file)


def test_write_of_a_batch_that_contradicts_itself_raises(tmp_path: Path) -> None:
    batch = batches()[0]
    with pytest.raises(ProtocolError, match="order file"):
        Archive(tmp_path).write(Batch(batch.header, batch.words, b"{}"))
    assert Archive(tmp_path).ids() == []


def test_replace_takes_another_header_of_the_same_words_only(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first, second = batches()
    archive.write(first)
    archive.replace(other_header(first, built_at=first.built_at + 5))
    assert archive.read(1).built_at == first.built_at + 5
    with pytest.raises(ProtocolError, match="only the header"):
        archive.replace(other_header(second, id=1))


def test_interrupted_write_is_not_seen_and_is_cleaned_up(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    first, second = batches()
    left = tmp_path / ".new-left"
    left.mkdir()
    (left / "header.bin").write_bytes(first.header)
    assert archive.ids() == []
    archive.write(first)
    archive.write(second)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000001", "00000002"]


def test_read_of_a_batch_changed_on_disk_raises(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    batch = batches()[0]
    archive.write(batch)
    path = tmp_path / "00000001" / "words.bin"
    path.write_bytes(batch.words[:-1] + b"\xff")
    with pytest.raises(ProtocolError, match="words are not those"):
        archive.read(1)


def test_read_of_an_unknown_batch_raises_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="batch 7 is not in"):
        Archive(tmp_path).read(7)
