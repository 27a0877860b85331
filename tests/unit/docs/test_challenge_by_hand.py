"""The proof by hand of the how-to, as it is printed there, on a lie of a real chain."""

import re
from pathlib import Path
from typing import Any

from tests.support.exchange import Exchange, account_with, state_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "challenge-a-batch.md"
WRONG_ROOT = 19


def test_proof_by_hand_convicts(exchange: Exchange) -> None:
    roles, chain = exchange.roles, exchange.chain
    index = exchange.open(roles.maker)
    exchange.credit(index)
    lie = exchange.commit_root(state_of({index: account_with(cash=5, credited=5)}))
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line for line in code.splitlines() if not re.match(r"(w3|deployment) = ", line)]
    assert len(lines) == len(code.splitlines()) - 2
    said: list[Any] = []
    names = {"w3": chain.w3, "deployment": exchange.deployment, "print": said.append}
    exec(compile("\n".join(lines), str(PAGE), "exec"), names)
    assert said[0][0] == WRONG_ROOT
    receipt = chain.send(roles.challenger, names["convict"])
    assert receipt.event("BatchReverted")["id"] == lie.header.id
    assert receipt.event("BatchReverted")["challenger"] == roles.challenger.address
