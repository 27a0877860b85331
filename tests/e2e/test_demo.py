"""The demo on the embedded chain, small: everything real but the size."""

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from demo import flow as generator
from demo import lobster, run
from demo.results import Results
from demo.show import Show
from demo.steps import Flow, FlowError, Place, Spoil, Step, Style
from matcher.archive import Archive
from matcher.chain import deployment
from tests.support.chain import Chain, account

RECORDED = Path(__file__).parents[1] / "unit" / "demo" / "messages.csv"
RICH = account("rich")


def settings_in(directory: Path, artifacts) -> run.Settings:
    """A chain of its own: the demo's clocks run far ahead."""
    chain = Chain(artifacts, [RICH.address])
    return run.Settings(chain.w3, RICH, "a test", directory / "out", lasts=False)


@pytest.fixture
def settings(artifacts, tmp_path, monkeypatch) -> run.Settings:
    monkeypatch.setattr(deployment, "DEPLOYMENTS", tmp_path / "deployments")
    return settings_in(tmp_path, artifacts)


@pytest.fixture(scope="module")
def played(artifacts, tmp_path_factory) -> tuple[run.Settings, Flow, Results]:
    """One small run, in which every kind of bad request occurs."""
    directory = tmp_path_factory.mktemp("demo")
    settings = settings_in(directory, artifacts)
    flow = generator.generate(seed=7, turns=300, duration=120_000)
    clumsy = next(n for n, plan in enumerate(flow.traders) if plan.style == Style.CLUMSY)
    bad = tuple(
        Step(flow.duration, clumsy, Place(10_000 + spoil, 0, True, 500, 1, spoil=spoil))
        for spoil in Spoil
    )
    flow = msgspec.structs.replace(flow, steps=(*flow.steps, *bad))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment, "DEPLOYMENTS", directory / "deployments")
        return settings, flow, run.run(settings, flow, silent())


def silent() -> Show:
    return Show(Console(quiet=True))


class Links(HTMLParser):
    """Everything that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]


def test_demo_generated_flow_accounts_for_every_atom(played):
    settings, _, results = played
    counts = dict(results.counts)
    assert results.sound
    assert results.unaccounted == 0
    assert [law.name for law in results.invariants[:8]] == [f"S{n}" for n in range(1, 9)]
    assert counts["fills"] == results.fills >= 50
    assert counts["batches"] == len(results.batches) >= 5
    assert counts["traders"] == 20
    assert all(batch.status == "final" for batch in results.batches)
    assert all(row.balanced for row in results.accounts)
    assert sum(row.premiums for row in results.accounts) == 0
    assert sum(row.fees for row in results.accounts) == 0
    assert sum(row.settled for row in results.accounts) == 0
    assert results.claimed == sum(row.exited for row in results.accounts) > 0
    assert len(results.settlements) == 2
    assert {batch.id for batch in results.batches} == set(
        Archive(settings.output / "demo" / "batches").ids()
    )


def test_demo_report_is_one_file_that_fetches_nothing(played):
    settings, flow, results = played
    page = run.finish(results, settings, flow, silent()).read_text()
    links = Links()
    links.feed(page)
    assert links.found == []
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", page)
    assert page.count("<svg") >= 5
    for batch in results.batches:
        assert batch.root.hex() in page
    for law in results.invariants:
        assert law.name in page


def test_demo_every_bad_request_is_refused_with_its_own_code(played):
    _, flow, results = played
    sent = [s.action.spoil for s in flow.steps if isinstance(s.action, Place)]
    bad = sum(spoil is not None for spoil in sent)
    assert set(sent) - {None} == set(Spoil)
    assert dict(results.facts)["bad requests, each refused with its own code"] == bad


def test_demo_bad_request_that_is_taken_ends_the_run(settings, monkeypatch):
    order = Place(1, 0, True, 500, 1, spoil=Spoil.OFF_TICK)
    flow = msgspec.structs.replace(generator.generate(turns=0), steps=(Step(0, 0, order),))
    flow = msgspec.structs.replace(flow, traders=flow.traders[:2])
    # An order that claims to be off the grid and is not.
    monkeypatch.setattr("demo.desk.Desk._with_fault", lambda _self, terms, *_: terms)
    with pytest.raises(FlowError, match="allowed a refusal with OFF_TICK"):
        run.run(settings, flow, silent())


def test_demo_recorded_flow_fills_the_orders_recorded(settings):
    flow = lobster.flow(RECORDED)
    results = run.run(settings, flow, silent())
    facts = dict(results.facts)
    assert results.sound
    assert facts["messages in the file"] == 14
    assert facts["lots of recorded executions"] == 105
    # All but the first, whose recorded order stood behind a better bid that the file placed.
    assert facts["of them filled the very order recorded"] == 85
    assert dict(results.counts)["fills"] == 4


def test_results_missing_atom_or_broken_law_is_not_sound(played):
    results = played[2]
    law = msgspec.structs.replace(results.invariants[0], holds=False)
    row = msgspec.structs.replace(results.accounts[1], cash=results.accounts[1].cash + 1)
    change = msgspec.structs.replace
    assert results.sound
    assert not change(results, vault=results.vault - 1).sound
    assert not change(results, invariants=(law, *results.invariants[1:])).sound
    assert not change(results, invariants=()).sound
    assert not change(results, accounts=(results.accounts[0], row, *results.accounts[2:])).sound
