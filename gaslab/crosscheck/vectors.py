"""What the engines said of random scenarios, committed.

A file a schedule, a line a scenario: its seed and what the *engine* made of it, never the lab. So
ordinary tests compare the lab with engines that need not be there. Written only by
``make crosscheck-update``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from gaslab.crosscheck.generator import CANNOT, scenario
from gaslab.crosscheck.scenario import Answer, Outcome, Scenario
from gaslab.errors import InputError

FOLDER = Path(__file__).parent / "vectors"
# Whose word is written down, and how many scenarios of eight transactions each.
ENGINE = {
    "cancun": "eels",
    "prague": "eels",
    "osaka": "eels",
    "amsterdam-draft": "ethereumjs",
}
SCENARIOS = 130
LETTERS = {"ok": "o", "failed": "f", "refused": "r"}


@dataclass(frozen=True)
class Vector:
    """An engine's answer to a random scenario.

    Attributes
    ----------
    seed : int
    sent : str
        Digest of the scenario itself: says whether the generator still makes the same.
    gas : tuple of int
        One a transaction.
    status : str
        A letter a transaction: ok, failed, refused.
    rest : str
        Digest of all logs and of the watched storage at the end.
    """

    seed: int
    sent: str
    gas: tuple[int, ...]
    status: str
    rest: str

    def agrees(self, answer: Answer) -> bool:
        """Whether an answer is this one."""
        return (
            self.gas == tuple(one.gas for one in answer.outcomes)
            and self.status == _letters(answer.outcomes)
            and self.rest == _rest(answer)
        )

    def differences(self, answer: Answer) -> Iterator[str]:
        """Each point in which an answer is not this one."""
        letters = _letters(answer.outcomes)
        for i, outcome in enumerate(answer.outcomes):
            ours, theirs = (outcome.gas, letters[i]), (self.gas[i], self.status[i])
            if ours != theirs:
                note = f" ({outcome.note})" if outcome.note else ""
                yield f"seed {self.seed}, transaction {i}: lab {ours}{note}, engine {theirs}"
        if self.rest != _rest(answer):
            yield f"seed {self.seed}: logs or storage differ"


def vector(seed: int, story: Scenario, answer: Answer) -> Vector:
    """What is written down of an engine's answer."""
    return Vector(
        seed,
        digest(story),
        tuple(one.gas for one in answer.outcomes),
        _letters(answer.outcomes),
        _rest(answer),
    )


def story_of(fork: str, seed: int) -> Scenario:
    """The scenario that a vector is of."""
    return scenario(fork, seed, CANNOT[ENGINE[fork]])


def digest(story: Scenario) -> str:
    """Short word for a whole scenario."""
    text = json.dumps(story.to_json(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def read(fork: str, folder: Path = FOLDER) -> list[Vector]:
    """The committed vectors of a schedule, in the order of their seeds.

    Raises
    ------
    InputError
        There are none, or they are of another generator.
    """
    path = folder / f"{fork}.jsonl"
    if not path.is_file():
        raise InputError(path.name, "no file", "vectors; `make crosscheck-update` writes them")
    _, *lines = path.read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [Vector(**{**one, "gas": tuple(one["gas"])}) for one in found]


def engine_of(fork: str, folder: Path = FOLDER) -> str:
    """Which engine's word a schedule's vectors are, with its version."""
    with (folder / f"{fork}.jsonl").open() as file:
        head = json.loads(file.readline())
    return f"{head['engine']} {head['version']}"


def write(
    fork: str, engine: str, version: str, vectors: Iterable[Vector], folder: Path = FOLDER
) -> None:
    """Write a schedule's vectors anew."""
    lines = [{"schedule": fork, "engine": engine, "version": version}]
    lines += [asdict(one) for one in vectors]
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (folder / f"{fork}.jsonl").write_text(text)


def _letters(outcomes: Iterable[Outcome]) -> str:
    return "".join(LETTERS[one.status] for one in outcomes)


def _rest(answer: Answer) -> str:
    logs = "".join(one.logs for one in answer.outcomes)
    storage = ",".join(
        f"{address.hex()}:{slot:x}={value:x}"
        for (address, slot), value in sorted(answer.storage.items())
    )
    return hashlib.sha256(f"{logs} {storage}".encode()).hexdigest()[:12]
