"""What can be done about what was found: one transaction each."""

from typing import ClassVar, Final

import msgspec

from matcher.challenger.questions import Key
from matcher.reference.header import Header

PROVERS: Final = {
    "TRANSITION": "transition_prover",
    "MARGIN": "margin_prover",
    "UNAUTHORIZED": "unauthorized_prover",
}

HeaderTuple = tuple[bytes, bytes, bytes, bytes, bytes, bytes]


def header_tuple(header: Header) -> HeaderTuple:
    """A header as contracts take it."""
    return (
        header.info().to_bytes(32, "big"),
        header.parent,
        header.chunks_root,
        header.state_root,
        header.blobs_hash,
        header.extra,
    )


class Action(msgspec.Struct, frozen=True):
    """Something to be sent.

    Attributes
    ----------
    verb : str
        What it does, for people and for metrics.
    """

    verb: ClassVar[str]
    header: Header

    @property
    def name(self) -> str:
        """What it is about, the same after a restart."""
        return f"{self.verb} batch {self.header.id}"


class Convict(Action, frozen=True):
    """A proof that reverts the batch."""

    verb: ClassVar[str] = "convict"
    previous: Header
    lie: str  # of PROVERS
    what: str  # the finding
    witness: bytes


class Execute(Action, frozen=True):
    """A question that nobody answered in time reverts the batch."""

    verb: ClassVar[str] = "execute"
    previous: Header
    question: Key
    witness: bytes

    @property
    def name(self) -> str:
        return _question_name(self.verb, self.header, self.question)


class Ask(Action, frozen=True):
    """A question, with its bond."""

    verb: ClassVar[str] = "ask"
    question: Key
    opening: bytes
    why: str

    @property
    def name(self) -> str:
        return _question_name(self.verb, self.header, self.question)


class Answer(Action, frozen=True):
    """The signed message that a question asked for; its bond is the answerer's."""

    verb: ClassVar[str] = "answer"
    question: Key
    message: bytes

    @property
    def name(self) -> str:
        return _question_name(self.verb, self.header, self.question)


class Reclaim(Action, frozen=True):
    """The bond of a question that died."""

    verb: ClassVar[str] = "reclaim"
    question: Key

    @property
    def name(self) -> str:
        return _question_name(self.verb, self.header, self.question)


def _question_name(verb: str, header: Header, question: Key) -> str:
    _, chunk, place, side = question
    return f"{verb} batch {header.id} chunk {chunk} op {place} side {side}"
