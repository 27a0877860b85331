"""The README's table of gas, written from the committed snapshots.

``python -m tests.gas.table`` writes it; a test compares it.
"""

import json
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent.parent / "README.md"
BEGIN, END = "<!-- gas -->\n", "<!-- /gas -->\n"

ROWS = [  # what it is called in the README, snapshot, case, fills in it
    ("open an account with its first deposit", "vault", "open with first deposit", 0),
    ("deposit again", "vault", "repeat deposit", 0),
    ("ask for a forced withdrawal, first / again", "vault", "ask, first|ask, again", 0),
    (
        "hard cancel of everything the owner signed, first / again",
        "vault",
        "hard cancel, first|hard cancel, again",
        0,
    ),
    ("claim in a tree of 100,000 accounts, first / again", "vault", "first claim|repeat claim", 0),
    ("payout of a frozen account with 32 positions", "vault", "frozen claim of 32 positions", 0),
    ("commit a batch of one fill", "commit", "batch of one fill", 0),
    ("commit a full batch, 3,000 fills", "commit", "full batch", 3000),
    ("&nbsp;&nbsp;per fill", "commit", "full batch", -3000),
]


def table() -> str:
    """Markdown rows."""
    lines = []
    for name, file, cases, fills in ROWS:
        figures = json.loads((HERE / "snapshots" / f"{file}.json").read_text())
        gas = [figures[case]["gas"] for case in cases.split("|")]
        shown = " / ".join(f"{value / -fills:,.1f}" if fills < 0 else f"{value:,}" for value in gas)
        lines.append(f"| {name} | {shown} | `{file}.json` |\n")
    return "".join(lines)


def written() -> str:
    """The README with the table as it should be."""
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    assert tail, f"{README.name} has lost the marks of its gas table"
    return head + BEGIN + table() + END + tail


if __name__ == "__main__":
    README.write_text(written())
