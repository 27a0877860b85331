"""The catalogue of rejects is complete and says what the gateway answers."""

import re
from pathlib import Path

import pytest

from matcher.errors import Reject, WireError
from matcher.events import Rejected
from matcher.gateway.faults import Refused

CATALOGUE = Path(__file__).parents[3] / "docs" / "reference" / "rejects.md"
ROW = re.compile(r"^\| (\d+) \| `(\w+)` \| (\d+) \| (.+?) \| (.*?)\s*\|$", re.MULTILINE)
STAGE = re.compile(r"^## (\d)xx", re.MULTILINE)


def test_catalogue_documents_every_code_once_and_no_other():
    rows = [(int(code), name) for code, name, *_ in ROW.findall(CATALOGUE.read_text())]
    assert rows == [(int(code), code.name) for code in Reject]


def test_catalogue_puts_each_code_under_its_stage():
    sections = re.split(STAGE, CATALOGUE.read_text())[1:]
    for stage, text in zip(sections[::2], sections[1::2], strict=True):
        codes = [int(code) for code, *_ in ROW.findall(text)]
        assert codes
        assert {code // 100 for code in codes} == {int(stage)}


@pytest.mark.parametrize("code", Reject, ids=lambda code: code.name)
def test_refused_answers_with_the_documented_status(code):
    documented = {name: int(status) for _, name, status, *_ in ROW.findall(CATALOGUE.read_text())}
    response = Refused(code, "order.price", "1501", "a multiple of 100").response()
    assert response.status_code == documented[code.name]
    assert ("retry-after" in response.headers) == (response.status_code == 503)


def test_refused_of_an_engine_reject_gives_the_senders_path():
    names = frozenset({"price", "id"})
    term = Refused.from_event(Rejected(Reject.OFF_TICK, "price", "1", "2"), "order", names)
    assert term.field == "order.price"
    other = Refused.from_event(Rejected(Reject.DURING_BATCH, "batch", "1", "2"), "order", names)
    assert other.field == "batch"


def test_refused_of_a_wire_error_carries_all_of_it():
    error = WireError("order.price", "5 (a JSON number)", "a string", Reject.NOT_AN_INTEGER)
    assert Refused.from_wire(error).body() == {
        "error": {
            "code": 103,
            "name": "NOT_AN_INTEGER",
            "field": "order.price",
            "found": "5 (a JSON number)",
            "allowed": "a string",
        }
    }
