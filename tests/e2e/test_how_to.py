"""What the pages tell the reader to type, typed."""

import re
from pathlib import Path
from typing import Any

import pytest

from matcher.chain import deployment
from tests.e2e.test_challenger import WINDOWS, Stage
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.decree import Fault
from tests.support.exchange import Roles

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "challenge-a-batch.md"


@pytest.mark.parametrize("in_blobs", [False, True], ids=["calldata", "blobs"])
def test_proof_by_hand_of_the_page_convicts(
    artifacts: Any,
    roles: Roles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_blobs: bool,
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.setattr(deployment, "DEPLOYMENTS", tmp_path)
    with running_anvil() as anvil:
        exchange = anvil_exchange(anvil, roles, WINDOWS)
        stage = Stage(exchange, tmp_path)
        exchange.deployment.save(tmp_path / "31337.json")
        if in_blobs:
            stage.lie_in_blobs()
        else:
            stage.lie()
        typed: dict[str, Any] = {}
        exec(program.replace("http://127.0.0.1:8545", anvil.url), typed)
        said = capsys.readouterr().out.splitlines()[-1]  # after the log, where there is one
        assert said.startswith(f"({int(Fault.WRONG_ROOT)}, 0, 30, ")
        exchange.send(roles.outsider, typed["convict"])
        assert exchange.head() == 0
