"""The engines themselves; skipped where they are not installed (`make engines`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gaslab.crosscheck import engine as engines
from gaslab.crosscheck import vectors
from gaslab.crosscheck.__main__ import main
from gaslab.crosscheck.compare import mismatches, ours
from gaslab.crosscheck.engine import ENGINES, Engine, EngineFailed, Process
from gaslab.crosscheck.generator import CANNOT, scenario
from gaslab.crosscheck.lab import Lab
from gaslab.errors import EngineMissing
from gaslab.schedule import load_schedule

FRESH = 500_000  # seeds that no vector has


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    try:
        found = ENGINES[request.param]()
    except EngineMissing as missing:
        pytest.skip(str(missing))
    with found:
        yield found


def test_engine_on_fresh_seeds_agrees_with_the_lab(engine: Engine) -> None:
    for fork in engine.forks:
        lab = Lab(load_schedule(fork))
        for seed in range(FRESH, FRESH + 3):
            story = scenario(fork, seed, CANNOT[engine.name])
            found = list(mismatches(ours(lab, story), engine.name, story, engine.answer(story)))
            assert not found, "\n".join(map(str, found))


def test_engine_against_a_wrong_schedule_is_seen_to_disagree(engine: Engine) -> None:
    fork = engine.forks[0]
    wrong = Lab(load_schedule(fork).with_constant("transaction.base", 20_999))
    story = scenario(fork, FRESH, CANNOT[engine.name])
    assert list(mismatches(ours(wrong, story), engine.name, story, engine.answer(story)))


def test_engine_asked_again_says_what_is_committed(engine: Engine) -> None:
    for fork in engine.forks:
        if vectors.ENGINE[fork] == engine.name:
            for committed in vectors.read(fork)[:3]:
                story = vectors.story_of(fork, committed.seed)
                assert vectors.vector(committed.seed, story, engine.answer(story)) == committed


def test_engine_that_is_not_installed_is_told_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="make engines"):
        Process("nobody", ("nobody",), tmp_path / "nowhere")


def test_engine_that_ends_early_fails_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="brief ended"):
        Process("brief", ("true",), tmp_path)


@pytest.mark.parametrize("wrong", [False, True])
def test_check_exits_by_whether_all_agree(monkeypatch: pytest.MonkeyPatch, wrong: bool) -> None:
    try:
        engines.eels().__exit__(None, None, None)
    except EngineMissing as missing:
        pytest.skip(str(missing))
    if wrong:
        schedule = load_schedule("cancun").with_constant("slot.cold", 2_101)
        monkeypatch.setattr("gaslab.crosscheck.__main__.load_schedule", lambda _: schedule)
    options = ["--engine", "eels", "--schedule", "cancun", "--source", "random", "--seeds", "2"]
    found = CliRunner().invoke(main, ["check", *options])
    assert (found.exit_code != 0) is wrong, found.output
    assert ("disagree" in found.output) is wrong
