"""Blobs on disk, from sources, over HTTP."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from matcher.blobs import sources as s
from matcher.blobs.encoding import BLOB_BYTES, Sidecar
from matcher.blobs.server import make_app
from matcher.blobs.store import Store
from matcher.errors import BlobMissing, ProtocolError

PLACE = s.Place(block=7, block_hash=bytes(32), time=1_700_000_123, transaction=bytes(32))


@pytest.fixture(scope="module")
def sidecars() -> list[Sidecar]:
    return [Sidecar.of(bytes([0, i]) + bytes(1022)) for i in range(3)]


@pytest.fixture
def store(tmp_path: Path, sidecars: list[Sidecar]) -> Store:
    made = Store(tmp_path / "blobs")
    for sidecar in sidecars[:2]:
        assert made.put(sidecar.hashes[0], sidecar.blobs[0]) is True
    return made


def named(sidecar: Sidecar) -> str:
    return "0x" + sidecar.hashes[0].hex()


# --- on disk ------------------------------------------------------------------------------------


def test_store_gives_what_was_put_and_keeps_it_once(store: Store, sidecars: list[Sidecar]) -> None:
    first = sidecars[0]
    assert store.put(first.hashes[0], first.blobs[0]) is False
    assert store.get(first.hashes[0]) == first.blobs[0]
    assert store.hashes() == sorted(sidecar.hashes[0] for sidecar in sidecars[:2])
    assert Store(store.directory).hashes() == store.hashes()
    assert sidecars[2].hashes[0] not in store
    with pytest.raises(KeyError, match="is not in"):
        store.get(sidecars[2].hashes[0])


def test_store_of_a_blob_under_another_hash_writes_nothing(
    store: Store, sidecars: list[Sidecar]
) -> None:
    wrong = sidecars[2].hashes[0]
    for blob in (sidecars[0].blobs[0], b"", b"\xff" * BLOB_BYTES):
        with pytest.raises(ProtocolError):
            store.put(wrong, blob)
    assert wrong not in store
    assert len(list(store.directory.iterdir())) == 2


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b[:-1] + b"\1", lambda _: b""])
def test_store_with_a_spoiled_file_says_which_and_is_mended(
    store: Store, sidecars: list[Sidecar], change: Callable[[bytes], bytes]
) -> None:
    first = sidecars[0]
    path = store.directory / f"{named(first)}.blob"
    path.write_bytes(change(first.blobs[0]))
    with pytest.raises(ProtocolError, match=named(first)):
        store.get(first.hashes[0])
    with pytest.raises(s.SourceFailed):
        store.fetch(first.hashes[0], PLACE)
    assert store.put(first.hashes[0], first.blobs[0]) is True
    assert store.get(first.hashes[0]) == first.blobs[0]


# --- sources ------------------------------------------------------------------------------------


class Liar:
    name = "a liar"

    def __init__(self, blob: bytes | None):
        self._blob = blob

    def fetch(self, *_: object) -> bytes | None:
        return self._blob


def test_sources_pass_over_who_lies_or_has_none(store: Store, sidecars: list[Sidecar]) -> None:
    first, second = sidecars[:2]
    liars = [Liar(second.blobs[0]), Liar(None), Liar(b"short")]
    found = s.Sources([*liars, store])
    assert found.get(first.hashes[0], PLACE) == first.blobs[0]
    with pytest.raises(BlobMissing) as caught:
        s.Sources(liars).get(first.hashes[0], PLACE)
    text = str(caught.value)
    assert named(first) in text
    assert f"a liar: blob: found one of hash {named(second)}" in text
    assert "a liar has none" in text
    with pytest.raises(BlobMissing, match="no source is set"):
        s.Sources().get(first.hashes[0], PLACE)


def test_source_that_does_not_answer_is_passed_over(store: Store, sidecars: list[Sidecar]) -> None:
    nobody = "http://127.0.0.1:9"
    found = s.Sources([s.Archiver(nobody), s.BeaconNode(nobody), store])
    assert found.get(sidecars[0].hashes[0], PLACE) == sidecars[0].blobs[0]
    with pytest.raises(BlobMissing, match=r"the archiver http://127\.0\.0\.1:9: .*ConnectError"):
        s.Sources([s.Archiver(nobody)]).get(sidecars[0].hashes[0], PLACE)


def test_beacon_node_is_asked_for_the_slot_of_the_block(sidecars: list[Sidecar]) -> None:
    """As real networks name blocks: genesis and the seconds per slot are the node's."""
    asked: list[tuple[str, str]] = []

    async def genesis(_: Request) -> Response:
        return JSONResponse({"data": {"genesis_time": "1700000003"}})

    async def spec(_: Request) -> Response:
        return JSONResponse({"data": {"SECONDS_PER_SLOT": "12"}})

    async def blobs(request: Request) -> Response:
        asked.append((request.path_params["slot"], request.query_params["versioned_hashes"]))
        every = ["0x" + sidecar.blobs[0].hex() for sidecar in sidecars]
        return JSONResponse({"data": every})

    app = Starlette(
        routes=[
            Route("/eth/v1/beacon/genesis", genesis),
            Route("/eth/v1/config/spec", spec),
            Route("/eth/v1/beacon/blobs/{slot}", blobs),
        ]
    )
    node = s.BeaconNode("http://beacon")
    node._http = TestClient(app)
    for sidecar in sidecars:
        assert node.fetch(sidecar.hashes[0], PLACE) == sidecar.blobs[0]
    assert asked == [("10", named(sidecar)) for sidecar in sidecars]


def test_source_that_sends_without_end_is_cut_off(sidecars: list[Sidecar]) -> None:
    async def endless(_: Request) -> Response:
        return Response(bytes(30 * BLOB_BYTES))

    archiver = s.Archiver("http://archiver")
    archiver._http = TestClient(Starlette(routes=[Route("/v1/blobs/{hash}", endless)]))
    with pytest.raises(s.SourceFailed, match="more than"):
        archiver.fetch(sidecars[0].hashes[0], PLACE)


# --- over HTTP ----------------------------------------------------------------------------------


@pytest.fixture
def http(store: Store) -> httpx.Client:
    health = {"healthy": True, "missing": 0}
    return TestClient(make_app(store, lambda: health))


def test_server_gives_blobs_pages_and_health(
    http: httpx.Client, store: Store, sidecars: list[Sidecar]
) -> None:
    answer = http.get("/v1/blobs/" + named(sidecars[0]))
    assert (answer.status_code, answer.content) == (200, sidecars[0].blobs[0])
    assert "immutable" in answer.headers["cache-control"]
    every = ["0x" + each.hex() for each in store.hashes()]
    assert http.get("/v1/blobs").json() == {"blobs": every, "kept": 2}
    page = http.get("/v1/blobs", params={"limit": "1", "after": every[0]}).json()
    assert page == {"blobs": every[1:], "kept": 2}
    assert http.get("/v1/health").json()["healthy"] is True
    ailing = TestClient(make_app(store, lambda: {"healthy": False}))
    assert ailing.get("/v1/health").status_code == 503


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/v1/blobs/0x01" + "00" * 31, 404, "no blob of this hash"),
        ("/v1/blobs/0x02" + "00" * 31, 400, "versionedHash: found"),
        ("/v1/blobs/0x01", 400, "allowed 0x01 and 62 hexadecimal digits"),
        ("/v1/blobs/..%2f..%2fetc", 404, "Not Found"),
        ("/v1/blobs/0X01" + "00" * 31, 400, "versionedHash"),
        ("/v1/blobs?limit=0", 400, "limit: found '0', allowed 1 to 1000"),
        ("/v1/blobs?limit=1001", 400, "limit"),
        ("/v1/blobs?limit=x", 400, "limit"),
        ("/v1/blobs?after=7", 400, "after"),
        ("/v1/blobs?page=7", 400, "page: found a parameter"),
        ("/v2", 404, "Not Found"),
    ],
)
def test_server_of_bad_input_says_field_found_and_allowed(
    http: httpx.Client, path: str, status: int, text: str
) -> None:
    answer = http.get(path)
    assert answer.status_code == status
    assert text in answer.json()["error"]


def test_server_of_a_spoiled_blob_does_not_give_it(
    http: httpx.Client, store: Store, sidecars: list[Sidecar]
) -> None:
    (store.directory / f"{named(sidecars[0])}.blob").write_bytes(bytes(BLOB_BYTES - 1) + b"\1")
    answer = http.get("/v1/blobs/" + named(sidecars[0]))
    assert answer.status_code == 500
    assert "cannot be read" in answer.json()["error"]
