"""`make demo-fraud` on anvil: the story of one lie, told whole. All three are for the eye."""

from pathlib import Path

import pytest

from tests.support.anvil import running_anvil
from tests.support.shell import Shell

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def here(monkeypatch, artifacts):
    monkeypatch.chdir(ROOT)  # where ape looks for scripts


def test_demo_fraud_of_an_unsigned_fill_ends_with_every_check_kept(tmp_path):
    with running_anvil() as anvil:
        devnet = Shell(f"ethereum:devnet:{anvil.url}")
        said = devnet.ok(f"demo_fraud --lie unauthorized --output {tmp_path}")
    for line in (
        "lets ann buy 2",  # some lots, at the most they can pay
        "asks who signed side 0 of word 0, chunk 0, batch 3",
        "proves batch 3 a lie: UNAUTHORIZED, Unanswered, chunk 0, word 0",
        "operator 1 is retired, its bond taken",
        "operator 2 is in charge",
        "1 lies, 1 convictions",
        "Nobody lost an atom, every liar lost the bond.",
    ):
        assert line in said, said
    assert "BROKEN" not in said


def test_demo_fraud_on_a_chain_without_a_url_is_refused(tmp_path):
    said = Shell("ethereum:local:test").refused(f"demo_fraud --output {tmp_path}")
    assert "allowed a chain that other processes reach by a URL" in said
