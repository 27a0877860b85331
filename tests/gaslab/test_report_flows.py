"""Flows of a product that the documentation picks out."""

import pytest

from gaslab.errors import InputError
from gaslab.report.book import bind
from gaslab.report.tables import filled
from gaslab.snapshot import Row

ROWS = [
    Row("product", name, size, "prague", {"gas": gas, "execution": gas, "transactions": 1})
    for name, size, gas in (("ask", 1, 47_626), ("commit", 1, 66_640), ("commit", 30, 72_748))
]


def place(names: str) -> str:
    text = f"<!-- gaslab:flows{names} -->\n<!-- /gaslab -->\n"
    return filled(text, bind(ROWS, {}, layouts=False), "README.md")


def test_flows_that_are_named_come_in_this_order_with_all_their_sizes() -> None:
    lines = [
        line.split("|")[1].strip() for line in place(" commit,ask").splitlines() if "|" in line
    ]
    assert lines[2:] == ["commit", "commit, 30", "ask"]
    assert "| commit, 30 | 72,748 | 2,425 |" in place(" commit")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (" ask,asc", "README.md:1: found asc, allowed one of ask, commit"),
        ("", "README.md:1: found no name, allowed a name"),
    ],
)
def test_flow_that_is_not_there_is_refused(names: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        place(names)
