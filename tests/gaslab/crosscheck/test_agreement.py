"""The table of who agrees."""

import json
from collections import Counter
from pathlib import Path

from gaslab.crosscheck import agreement
from gaslab.crosscheck.agreement import Agreement


def made_up(engine: str, schedule: str, random: int, disagreeing: int = 0) -> Agreement:
    counts = Counter({"catalogue": 2000, "random": random})
    return Agreement(engine, "1.2", schedule, counts, disagreeing=disagreeing, snapshot="abc")


def test_table_counts_by_source_and_says_who_does_not_agree() -> None:
    rows = [made_up("b", "osaka", 1040, 3), made_up("a", "osaka", 1041), made_up("b", "cancun", 9)]
    lines = agreement.markdown(rows).splitlines()
    assert lines[4:7] == [
        "| cancun | b 1.2 | 2,000 | 0 | 9 | 2,009 of 2,009 |",
        "| osaka | a 1.2 | 2,000 | 0 | 1,041 | 3,041 of 3,041 |",
        "| osaka | b 1.2 | 2,000 | 0 | 1,040 | 3,037 of 3,040 |",
    ]


def test_table_written_again_for_one_schedule_keeps_the_others(tmp_path: Path) -> None:
    agreement.write([made_up("a", "osaka", 5), made_up("a", "cancun", 6)], tmp_path)
    fresh = [made_up("a", "osaka", 7)]
    agreement.write([*fresh, *agreement.others(fresh, tmp_path)], tmp_path)
    rows = json.loads((tmp_path / "agreement.json").read_text())["rows"]
    assert [(row["schedule"], row["compared"]["random"]) for row in rows] == [
        ("cancun", 6),
        ("osaka", 7),
    ]


def test_table_committed_is_without_disagreement_and_over_a_thousand_random_each() -> None:
    rows = json.loads((agreement.HERE / "agreement.json").read_text())["rows"]
    assert {row["schedule"] for row in rows} == set(agreement.NAMES)
    for row in rows:
        assert row["disagreeing"] == 0
        assert row["compared"]["random"] >= 1000
