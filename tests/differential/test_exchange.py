"""The kernel's exchange and the reference model answer every command alike."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings

from matcher import commands as c
from matcher.errors import ChainError, Reject
from matcher.events import CancelReason
from matcher.exchange import Exchange
from matcher.lines import Encoder
from matcher.names import Names
from matcher.reference.exchange import Exchange as Model
from tests.support.fuzz import known_kinds, new_exchange, run_slice
from tests.support.scenes import SCENES
from tests.support.streams import random_stream, streams
from tests.support.street import START, WINDOWS, address
from tests.support.twins import Twins, answer_of, first_difference, shrink

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
LENGTH = 20_000 if FUZZ else 2_000  # commands of a slice
SEEDS = range(5) if FUZZ else range(1)

# What the slices must reach, or they test less than they say. BUSY and the 1xx codes are not the
# exchange's to give here; DURING_BATCH and the others are.
EXPECTED_CODES = {code for code in Reject if 200 < code < 600} - {
    Reject.BAD_SIGNATURE,
    Reject.HIGH_S,
    Reject.BUSY,
}


@pytest.fixture(scope="module")
def reached() -> tuple[Counter[Reject], Counter[CancelReason], Counter[str]]:
    """Every scene beside the model, dumped, loaded and replayed; what its streams reached."""
    codes: Counter[Reject] = Counter()
    reasons: Counter[CancelReason] = Counter()
    kinds: Counter[str] = Counter()
    for seed in SEEDS:
        for scene in SCENES:
            twins = run_slice(scene, seed, LENGTH)
            codes += twins.codes
            reasons += twins.reasons
            kinds += twins.kinds
    return codes, reasons, kinds


def test_exchange_in_every_scene_equals_the_reference(
    reached: tuple[Counter[Reject], Counter[CancelReason], Counter[str]],
) -> None:
    """Agreement says nothing about a reject, a cancel or a command that is never reached."""
    codes, reasons, kinds = reached
    assert EXPECTED_CODES - codes.keys() == set()
    # A fill cannot break margin (matching.md), so MARGIN comes from fee changes alone.
    assert set(CancelReason) - reasons.keys() == set()
    assert {kind.__name__ for kind in known_kinds()} - kinds.keys() == set()


@settings(deadline=None)  # the first example compiles
@given(streams(scene=SCENES["plain"]))
def test_exchange_on_any_stream_equals_the_reference(commands: list[c.Command]) -> None:
    twins = Twins(new_exchange(), Model(WINDOWS))
    for command in commands:
        twins.tell(command, answer_of(twins.model, command))
    twins.compare()
    twins.check()


def test_exchange_as_plain_python_equals_the_reference() -> None:
    """The same source without compilation, where each address and width is checked."""
    scenes = [argument for scene in SCENES for argument in ("--scene", scene)]
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.fuzz",
            "--commands",
            "3000",
            "--slice",
            "430",
            *scenes,
        ],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith("plain Python"), ran.stdout
    assert "3,000 commands ran equal" in ran.stdout, ran.stdout


# --- facts that the chain cannot tell, as lines ------------------------------------------------


STRAY = (
    c.Deposited(77, 1, START),
    c.Asked(77, 1, START),
    c.OrdersUntilSet(77, START),
    c.KeySet(77, address("key"), START, START),
    c.FeesSet(9, 0, 0, 0, 0, START),
    c.ExpiryOpened(9, 500_000, 5),
    c.InstrumentListed(9, 9, 0, 500_000, 5),
    c.InstrumentListed(9, 1, 0, 400_000, 5),
    c.PriceFixed(1, 400_000, 5, START),
)


@pytest.mark.parametrize("fact", STRAY, ids=lambda fact: type(fact).__name__)
def test_lines_of_a_fact_that_the_chain_cannot_tell_are_refused_by_the_kernel(
    fact: c.Command,
) -> None:
    """Whoever wrote these lines knew more than the exchange that reads them."""
    writer = Encoder(Names(WINDOWS.lag))
    for known in (
        c.MarketListed(1, "BTC", 10, 1000),
        c.MarketListed(9, "ETH", 10, 1000),
        c.ExpiryOpened(1, 400_000, 50),
        c.ExpiryOpened(9, 500_000, 50),
        c.AccountOpened(77, address("owner")),
    ):
        writer.encode(known)
    exchange = new_exchange()
    exchange.apply(c.MarketListed(1, "BTC", 10, 1000))
    before = exchange.state_text()
    with pytest.raises(ChainError):
        exchange.apply_lines(writer.encode(fact))
    assert exchange.state_text() == before
    exchange.check()


# --- that a difference is found and shrunk -----------------------------------------------------


class Forgetful(Exchange):
    """An exchange that does not say what it amended."""

    def apply(self, command: c.Command) -> list[object]:  # type: ignore[override]
        events = super().apply(command)
        return [] if isinstance(command, c.AmendDown) and events else list(events)


def test_a_planted_difference_is_found_and_shrunk_to_few_commands() -> None:
    make: Callable[[], Forgetful] = lambda: Forgetful(WINDOWS)  # noqa: E731
    commands = list(random_stream(3, 400, scene=SCENES["plain"]))
    assert first_difference(make, commands) is not None
    assert first_difference(new_exchange, commands) is None
    shrunk = shrink(make, commands)
    assert len(shrunk) < 20
    assert first_difference(make, shrunk) is not None
    assert isinstance(shrunk[-1], c.AmendDown)
