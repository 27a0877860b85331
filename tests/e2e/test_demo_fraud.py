"""`make demo-fraud` on anvil: three operators, three lies, three convictions, nobody loses."""

import os
import re
from pathlib import Path

import pytest

from tests.support.anvil import running_anvil
from tests.support.shell import Shell

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def here(monkeypatch, artifacts):
    monkeypatch.chdir(ROOT)  # where ape looks for scripts


def test_demo_fraud_of_every_lie_ends_with_every_check_kept(tmp_path):
    with running_anvil() as anvil:
        devnet = Shell(f"ethereum:devnet:{anvil.url}")
        said = devnet.ok(f"demo_fraud --output {tmp_path}")
    # How many batches the trades before a lie make is a matter of the clock.
    numbered = re.sub(r"batch \d+", "batch N", said)
    for line in (
        "are let out to mal",
        "proves batch N a lie: TRANSITION, WrongRoot, chunk 0, word 30",
        "lets moe sell 50 calls to mal for nothing",
        "proves batch N a lie: MARGIN, MarginBroken, chunk 0, word 30",
        "ann signed nothing",
        "asks who signed side 0 of word 0, chunk 0, batch N",
        "proves batch N a lie: UNAUTHORIZED, Unanswered, chunk 0, word 0",
        "operator 3 is retired, its bond taken",
        "operator 4 is in charge",
        "3 lies, 3 convictions",
        "Nobody lost an atom, every liar lost the bond.",
    ):
        assert line in numbered, said
    assert "BROKEN" not in said


def test_demo_fraud_in_blobs_is_convicted_by_blobs(tmp_path):
    with running_anvil() as anvil:
        devnet = Shell(f"ethereum:devnet:{anvil.url}")
        lies = "" if FUZZ else "--lie margin "  # which takes no long proof
        said = devnet.ok(f"demo_fraud --mode blob {lies}--output {tmp_path}")
    for line in (
        "watches every batch, with nothing but the chain's logs and blobs",
        "commits batch 1, 1 chunk in blobs",
        "lets moe sell 50 calls to mal for nothing",
        "a lie: MARGIN, MarginBroken, chunk 0, word 30",
        "Nobody lost an atom, every liar lost the bond.",
    ):
        assert line in said, said
    assert said.count("in blobs") == said.count("commits batch")
    assert "BROKEN" not in said


def test_demo_fraud_on_a_chain_without_a_url_is_refused(tmp_path):
    said = Shell("ethereum:local:test").refused(f"demo_fraud --output {tmp_path}")
    assert "allowed a chain that other processes reach by a URL" in said
