"""Questions about who signed, as the logs tell them: asked, answered, given back."""

from enum import StrEnum
from typing import Final

import msgspec

from matcher.chain.logs import Log

EVENTS: Final = frozenset({"QuestionAsked", "QuestionAnswered", "QuestionReclaimed"})

Key = tuple[bytes, int, int, int]  # batch hash, chunk, place, side


class QuestionState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    RECLAIMED = "reclaimed"


class Question(msgspec.Struct, frozen=True):
    """One question."""

    batch: int
    batch_hash: bytes
    chunk: int
    place: int
    side: int
    asker: str
    asked_at: int  # seconds
    state: QuestionState = QuestionState.OPEN

    @property
    def key(self) -> Key:
        return self.batch_hash, self.chunk, self.place, self.side


class Questions:
    """All questions that matter: those open, and those of batches that are not forgotten."""

    def __init__(self) -> None:
        self._known: dict[bytes, Question] = {}  # by the contract's name of it

    def take(self, entry: Log) -> None:
        """Learn from a log; those of other events are passed over."""
        args = entry.args
        if entry.name == "QuestionAsked":
            self._known[args["question"]] = Question(
                batch=args["id"],
                batch_hash=args["batchHash"],
                chunk=args["chunk"],
                place=args["place"],
                side=args["side"],
                asker=args["asker"],
                asked_at=entry.time,
            )
        elif entry.name == "QuestionAnswered":
            self._end(args["question"], QuestionState.ANSWERED)
        elif entry.name == "QuestionReclaimed":
            self._end(args["question"], QuestionState.RECLAIMED)

    def _end(self, name: bytes, state: QuestionState) -> None:
        if name in self._known:
            self._known[name] = msgspec.structs.replace(self._known[name], state=state)

    def open(self) -> list[Question]:
        """Questions that nobody answered and whose bonds still lie there, the oldest first."""
        return [one for one in self._known.values() if one.state is QuestionState.OPEN]

    def about(self, batch_hash: bytes) -> list[Question]:
        """Everything that was asked about a batch."""
        return [one for one in self._known.values() if one.batch_hash == batch_hash]

    def forget(self, last: int) -> None:
        """Drop what was settled of batches up to `last`."""
        self._known = {
            name: one
            for name, one in self._known.items()
            if one.batch > last or one.state is QuestionState.OPEN
        }
