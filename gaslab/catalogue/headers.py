"""What a pair's source says of itself, so that it is said once.

The header of a file in contracts/lab holds a line for each of five labels, continued by lines that
are indented as far::

    /// Claim          A history that is bounded anyway costs one update per push, not one new slot.
    /// Rule           EIP-2200, EIP-2929: ...
    /// Pays           ...
    /// Does not pay   ...
    /// Readability    ...
"""

import re
from pathlib import Path
from typing import TypedDict

from gaslab.errors import InputError

LAB = Path(__file__).parents[2] / "contracts/lab"
LABELS = ("Claim", "Rule", "Pays", "Does not pay", "Readability")
_LINE = re.compile(rf"/// (?:({'|'.join(LABELS)}) {{2,}}| {{8,}})(\S.*)")


class Words(TypedDict):
    """Of an experiment, as `gaslab.experiment.Experiment` names them."""

    claim: str
    rule: str
    pays: str
    does_not_pay: str
    readability: str


def words_of(source: Path) -> Words:
    """The header's words.

    Raises
    ------
    InputError
        A label is missing or stands twice.
    """
    found: dict[str, str] = {}
    label = ""
    for line in source.read_text().splitlines():
        match = _LINE.fullmatch(line)
        if not match:
            label = ""
        elif match[1]:
            label = match[1]
            if label in found:
                raise InputError(f"{source.name}: {label}", "twice", "each label once")
            found[label] = match[2]
        elif label:
            found[label] += f" {match[2]}"
    for label in LABELS:
        if label not in found:
            raise InputError(f"{source.name}: {label}", "nothing", "a line of the header")
    return Words(
        claim=found["Claim"],
        rule=found["Rule"],
        pays=found["Pays"],
        does_not_pay=found["Does not pay"],
        readability=found["Readability"],
    )
