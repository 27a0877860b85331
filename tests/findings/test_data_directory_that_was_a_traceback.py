"""A node whose directory could not be written, or had a file where a part of it belongs, ended in
a traceback; in several processes the matcher died and was started again until it was given up.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher.node import Node
from matcher.processes.supervisor import Supervisor
from matcher.settings import Settings, SettingsError, require_directory

ALLOWED = "allowed a directory that this user can write"


def settings(data: Path) -> Settings:
    """Of a node that would fail at the chain next, as nobody listens at that port."""
    return Settings(rpc="http://127.0.0.1:1", data=data)


@pytest.mark.parametrize("part", ["journal", "snapshots", "batches", "blobs", "switches"])
def test_node_with_a_file_where_a_directory_belongs_names_it(part: str, tmp_path: Path) -> None:
    (tmp_path / part).write_text("mine")
    for node in (Node(settings(tmp_path)), Supervisor(settings(tmp_path), 1)):
        with pytest.raises(SettingsError) as refused:
            asyncio.run(node.run())
        assert str(refused.value) == f"data: found {tmp_path / part}: Not a directory; {ALLOWED}"
    assert [path.name for path in tmp_path.iterdir()] == [part]


def test_node_below_a_file_names_what_it_was_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    data = tmp_path / "file" / "data"
    for node in (Node(settings(data)), Supervisor(settings(data), 1)):
        with pytest.raises(SettingsError, match=f"^data: found {data}: Not a directory; {ALLOWED}"):
            asyncio.run(node.run())


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that another user can reach, as those of pytest are not."""
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)


def test_directory_of_another_user_is_refused(open_path: Path) -> None:
    (open_path / "journal").mkdir(mode=0o555)
    if os.access(open_path / "journal", os.W_OK):  # root may write anywhere: ask as somebody else
        asked = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(open_path)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert asked.returncode == 0, asked.stderr
        assert f"journal: not to be written; {ALLOWED}" in asked.stdout
    else:
        with pytest.raises(SettingsError, match=f"journal: not to be written; {ALLOWED}"):
            require_directory(open_path)


AS_NOBODY = """
import os, sys
from pathlib import Path
from matcher.settings import SettingsError, require_directory
data = Path(sys.argv[1])
data.chmod(0o777)
os.setresuid(65534, 65534, 65534)
try:
    require_directory(data)
except SettingsError as error:
    print(error)
"""


def test_directory_that_is_not_there_is_made(tmp_path: Path) -> None:
    require_directory(tmp_path / "new" / "data")
    assert (tmp_path / "new" / "data").is_dir()
