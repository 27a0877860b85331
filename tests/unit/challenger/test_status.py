"""Health, metrics and the line for people."""

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from matcher.challenger.challenger import Challenger
from matcher.challenger.status import StatusServer, health_of, line_of, metrics_of
from matcher.reference.tree import keccak
from tests.support.challenge import Arena, work


@pytest.fixture
def challenger(arena: Arena) -> Challenger:
    fill, _ = arena.trade()
    arena.lie([fill], roots={0: keccak(b"a root")})
    return arena.challenger()


def test_health_goes_from_behind_to_ok_and_counts_what_was_done(challenger: Challenger) -> None:
    before = health_of(challenger)
    assert (before.status, before.block, before.lies) == ("behind", 0, 0)
    work(challenger)
    health = health_of(challenger)
    assert (health.status, health.head, health.lies, health.waiting) == ("ok", 1, 1, 0)
    assert health.block == health.height > 0
    line = line_of(health)
    assert line.startswith(f"ok: block {health.block} of {health.height}, batch 1 judged, 0 final")
    assert "1 lies, 1 convicted" in line
    assert "1 ether earned" in line


def test_trouble_and_silence_of_the_chain_are_ailments(challenger: Challenger) -> None:
    work(challenger)
    challenger.trouble = "NotEnoughFunds: no ether"
    assert health_of(challenger).status == "ailing"
    assert line_of(health_of(challenger)).startswith("NotEnoughFunds: no ether: ")
    challenger.trouble = ""
    challenger.seen_at -= 61
    assert health_of(challenger).trouble == "no look at the chain for 60 s"


def test_server_shows_health_with_a_status_of_its_own_and_metrics(challenger: Challenger) -> None:
    work(challenger)
    with StatusServer(challenger, "127.0.0.1", 0) as server:
        with urlopen(f"{server.url}/v1/health") as answer:
            content = json.load(answer)
        assert content["tally"]["convicted"] == 1
        with urlopen(f"{server.url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        assert "# TYPE quoin_challenger_lies_total counter" in lines
        assert "quoin_challenger_rewards_total 1e+18" in lines
        assert "quoin_challenger_up 1.0" in lines
        challenger.trouble = "nobody answers"
        with pytest.raises(HTTPError, match="503"):
            urlopen(f"{server.url}/v1/health")
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{server.url}/")


def test_page_of_the_challenger_names_every_field_of_health(challenger: Challenger) -> None:
    page = Path(__file__).parents[3].joinpath("docs/reference/challenger.md").read_text()
    example = json.loads(page[page.index('    {"status"') : page.index("| field |")])
    from msgspec import json as encoder

    shown = encoder.decode(encoder.encode(health_of(challenger)))
    assert example.keys() == shown.keys()
    assert example["tally"].keys() == shown["tally"].keys()
    assert metrics_of(health_of(challenger)).endswith("\n")
