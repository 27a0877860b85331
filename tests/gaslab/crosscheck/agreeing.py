"""What the two files of vectors' tests share: each runs the lab on half of the schedules."""

from functools import cache

from gaslab.crosscheck import vectors
from gaslab.crosscheck.coverage import WatchedLab
from gaslab.schedule import load_schedule


class Run:
    """The lab on all committed vectors of a schedule, once.

    Attributes
    ----------
    lab : WatchedLab
    differences : list of str
        Between lab and engine.
    generated : list of int
        Seeds whose scenario is not the one that the engine was asked.
    statuses : str
        A letter a transaction, the engine's.
    """

    def __init__(self, fork: str):
        self.lab = WatchedLab(load_schedule(fork))
        self.differences: list[str] = []
        self.generated: list[int] = []
        self.statuses = ""
        for vector in vectors.read(fork):
            story = vectors.story_of(fork, vector.seed)
            if vectors.digest(story) != vector.sent:
                self.generated.append(vector.seed)
            self.differences += vector.differences(self.lab.answer(story))
            self.statuses += vector.status


@cache
def run(fork: str) -> Run:
    return Run(fork)


def check_generator(fork: str) -> None:
    assert not run(fork).generated, "the generator has changed: `make crosscheck-update`"


def check_agreement(fork: str) -> None:
    found = run(fork)
    assert not found.differences, "\n".join(found.differences[:20])
    assert len(found.statuses) >= 1000


def check_statuses(fork: str) -> None:
    """All three in earnest, so that none can be got wrong unseen."""
    statuses = run(fork).statuses
    for letter, least in (("o", 400), ("f", 200), ("r", 30)):
        assert statuses.count(letter) >= least, letter


def check_opcodes(fork: str) -> None:
    found = run(fork).lab
    assert found.coverage.missing(found) == set()
