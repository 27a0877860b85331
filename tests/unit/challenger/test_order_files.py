"""Sources of order files: directories, archives, gateways; none of them believed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from matcher.challenger import order_files
from matcher.challenger.order_files import Folder, Gateway, NodeArchive, OrderFiles, source_of
from matcher.reference.orderfile import encode, file_hash
from tests.support.challenge import Shelf, events

DATA = encode(3, [])
HASH = file_hash(DATA)


class Served(BaseHTTPRequestHandler):
    """Batch 3 has its file, 4 none, 5 a wrong one, 6 fails, 7 drips without an end."""

    def do_GET(self) -> None:
        batch = self.path.split("/")[3]
        if self.path != f"/v1/batches/{batch}/orders" or batch in "46":
            self.send_error(404 if batch == "4" else 500)
            return
        self.send_response(200)
        self.end_headers()
        if batch == "7":
            try:
                while True:
                    self.wfile.write(b"[" * 4096)
            except OSError:
                return
        self.wfile.write(DATA if batch == "3" else b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["3.json", "00000003.json", f"{HASH.hex()}.json"])
def test_folder_finds_a_file_by_its_batch_or_hash(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(DATA)
    assert OrderFiles([Folder(tmp_path)]).find(3, HASH) == DATA
    assert OrderFiles([Folder(tmp_path)]).find(4, bytes(32)) is None


def test_node_archive_has_the_file_in_the_folder_of_its_batch(tmp_path: Path) -> None:
    folder = tmp_path / "batches" / "00000003"
    folder.mkdir(parents=True)
    (folder / "orders.json").write_bytes(DATA)
    source = source_of(str(tmp_path / "batches"))
    assert isinstance(source, NodeArchive)
    assert OrderFiles([source]).find(3, HASH) == DATA
    assert isinstance(source_of(str(tmp_path)), Folder)


def test_gateway_is_asked_for_the_file_of_a_batch(gateway: str) -> None:
    source = source_of(gateway + "/")
    assert isinstance(source, Gateway)
    files = OrderFiles([source])
    assert files.find(3, HASH) == DATA
    with capture_logs() as logs:
        assert files.find(4, HASH) is None
    assert logs == []  # it has none, and says so
    with capture_logs() as logs:
        assert files.find(5, HASH) is None
        assert files.find(6, HASH) is None
        assert files.find(6, HASH) is None
    assert events(logs) == ["order file of another hash", "order file source fails"]


def test_gateway_that_sends_without_an_end_is_left(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_files, "MOST_BYTES", 1 << 20)
    with capture_logs() as logs:
        assert OrderFiles([Gateway(gateway)]).find(7, HASH) is None
    assert "more than 1048576 bytes" in logs[0]["reason"]
    monkeypatch.setattr(order_files, "PATIENCE", 0.0)
    with capture_logs() as logs:
        assert OrderFiles([Gateway(gateway)]).find(7, HASH) is None
    assert "takes more than 0 s" in logs[0]["reason"]


def test_source_that_takes_long_is_left_alone_for_nine_times_as_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(order_files, "time", SimpleNamespace(monotonic=lambda: clock.now))

    class Slow(Shelf):
        def fetch(self, batch_id: int, extra: bytes) -> bytes | None:
            clock.now += 3
            return super().fetch(batch_id, extra)

    slow = Slow(files={3: DATA})
    files = OrderFiles([slow])
    assert files.find(3, HASH) == DATA
    for now, asked in ((104.0, 1), (129.9, 1), (130.0, 2)):
        clock.now = now
        assert (files.find(3, HASH) is not None) == (asked == 2)
        assert len(slow.asked) == asked


def test_next_source_is_asked_when_one_fails_or_lies(gateway: str, tmp_path: Path) -> None:
    nobody, liar = Gateway("http://127.0.0.1:1"), Shelf(files={3: b"{}"})
    (tmp_path / "3.json").write_bytes(DATA)
    with capture_logs() as logs:
        assert OrderFiles([nobody, liar, Folder(tmp_path)]).find(3, HASH) == DATA
    assert events(logs) == ["order file source fails", "order file of another hash"]
