"""What proves variants alike, how far transactions conflict, and what becomes of it in a row."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from gaslab.components import Component
from gaslab.environment import Environment
from gaslab.errors import InputError, NotEquivalent
from gaslab.measurement import Measurement, Slot
from gaslab.run import alike, case_of, conflicts_of
from gaslab.schedule import load_schedule
from gaslab.snapshot import parse_line, read, row_of
from tests.gaslab.made_up import experiment

A: Slot = (b"\1" * 20, 1)
B: Slot = (b"\1" * 20, 2)


@pytest.fixture(scope="module")
def plain() -> Measurement:
    """A transaction of 21,000 gas that touches nothing."""
    environment = Environment(load_schedule("osaka"))
    return environment.send(environment.accounts[1])


def _bench(name: str, exempt: tuple[str, ...] = (), **observed: object) -> Any:
    variant = SimpleNamespace(name=name, exempt=frozenset(exempt))
    return SimpleNamespace(variant=variant, observations=observed)


@pytest.mark.parametrize(
    ("base", "other", "told"),
    [
        ({"a": 1}, {"a": 2}, "a is 2, the baseline's is 1"),
        ({"a": 1, "b": 2}, {"a": 1}, "ring shows no b"),
        ({"a": 1}, {"a": 1, "b": 2}, "plain shows no b"),
        ({}, {"a": 1}, "the driver observed nothing"),
    ],
)
def test_variant_that_shows_another_thing_or_nothing_is_not_alike(tmp_path, base, other, told):
    about = experiment(tmp_path, "plain", "ring")
    with pytest.raises(NotEquivalent, match=told):
        alike(about, _bench("plain", **base), _bench("ring", **other))


def test_exempt_observation_may_differ_or_be_missing(tmp_path):
    about = experiment(tmp_path, "plain", "ring")
    alike(about, _bench("plain", a=1, b=1), _bench("ring", ("b",), a=1, b=2))
    alike(about, _bench("plain", a=1, b=1), _bench("ring", ("b",), a=1))


@pytest.mark.parametrize(("found", "same"), [(95, True), (94, False), (105, True), (106, False)])
def test_tolerance_holds_to_the_unit_on_both_sides(tmp_path, found, same):
    about = replace(experiment(tmp_path, "plain", "ring"), tolerance={"a": 5})
    if same:
        alike(about, _bench("plain", a=100), _bench("ring", a=found))
    else:
        with pytest.raises(NotEquivalent, match=f"a is {found}, the baseline's is 100"):
            alike(about, _bench("plain", a=100), _bench("ring", a=found))


@pytest.mark.parametrize(
    ("early", "late", "waits"),
    [
        ({"writes": {A}}, {"reads": {A}}, True),
        ({"writes": {A}}, {"writes": {A}}, True),
        ({"reads": {A}}, {"writes": {A}}, True),
        ({"reads": {A}}, {"reads": {A}}, False),
        ({"writes": {A}}, {"writes": {B}}, False),
        ({"reads": {A}, "writes": {B}}, {"reads": {A}}, False),
    ],
)
def test_transactions_conflict_if_either_writes_what_the_other_touches(plain, early, late, waits):
    both = [
        replace(plain, **{name: frozenset(slots) for name, slots in one.items()})
        for one in (early, late)
    ]

    assert conflicts_of(both) == ((42_000, 1) if waits else (21_000, 0))


def test_critical_path_is_the_heaviest_chain_and_not_the_longest(plain):
    def one(gas: int, *slots: Slot) -> Measurement:
        parts = {Component.INTRINSIC: gas}
        return replace(
            plain, gas=gas, execution=gas, floor=0, components=parts, writes=frozenset(slots)
        )

    assert conflicts_of([one(1, A), one(2, A), one(3, A), one(50, B)]) == (50, 3)
    assert conflicts_of([one(1, A), one(50, B), one(2, A, B), one(4, A)]) == (56, 4)


@pytest.mark.parametrize(
    ("error", "units"), [(Fraction(0), 0), (Fraction(1, 10**18), 1), (Fraction(1, 10**19), 1)]
)
def test_error_of_a_row_is_rounded_up(plain, error, units):
    case = case_of("own", "one", 1, "osaka", [plain], accuracies={"price": error})

    assert row_of(case).errors == {"price": units}
    assert parse_line(row_of(case).line) == row_of(case)


def test_snapshot_with_a_case_twice_is_refused_with_its_line(tmp_path, plain):
    line = row_of(case_of("own", "one", 1, "osaka", [plain])).line
    (tmp_path / "own.snap").write_text(f"# twice\n{line}\n{line}\n")
    with pytest.raises(InputError, match=r"own\.snap:3: found own/one/n=1/osaka, allowed each key"):
        read(tmp_path / "own.snap")
