"""What to do next, from what the chain says alone: so a restart forgets nothing."""

import random
from collections.abc import Iterator
from typing import Final

import structlog

from matcher.challenger import witnesses
from matcher.challenger.actions import Action, Answer, Ask, Convict, Execute, Reclaim
from matcher.challenger.policy import Policy
from matcher.challenger.questions import Key, Question
from matcher.challenger.watch import Watch
from matcher.reference.authorization import sides_of
from matcher.reference.judge import Finding, Standing, Unsigned, WrongMargin, WrongTransition
from matcher.types import Windows

log = structlog.get_logger(__name__)

# Why something is asked about.
_MISSING: Final = "the order file is missing"
_WATCHED: Final = "the order file is missing, and the account is watched"


class Planner:
    """Reads a watch and says what should be sent.

    Parameters
    ----------
    watch : Watch
    windows : Windows
    policy : Policy
    address : str
        Whose questions are ours.
    rng : random.Random, optional
        Chooses what is asked about where the order file is missing. Nobody else may foresee it.
    """

    def __init__(
        self,
        watch: Watch,
        windows: Windows,
        policy: Policy,
        address: str,
        rng: random.Random | None = None,
    ):
        self._watch = watch
        self._windows = windows
        self._policy = policy
        self._address = address.lower()
        self._rng = rng or random.SystemRandom()
        self._samples: dict[bytes, list[Unsigned]] = {}  # by batch hash, where a file is missing
        self._messages: dict[Key, bytes | None] = {}  # answers, by question
        self._cannot: set[tuple[str, object]] = set()  # was said

    def actions(self) -> Iterator[Action]:
        """Everything that is due, the most urgent first. Made one by one, for witnesses are dear.

        A proof comes before a question, since it ends what stands on the lie; an answer before a
        question of ours, since somebody waits for it.
        """
        if self._policy.convict:
            yield from self._convictions()
            yield from self._executions()
        yield from self._answers()
        if self._policy.convict:
            yield from self._asks()
        yield from self._reclaims()

    def proved(self) -> tuple[Standing, Finding] | None:
        """The first batch that stands, is not final, and that a proof convicts at once."""
        for batch in self._watch.judge.standing:
            if not self._watch.stands(batch):
                return None  # nor do those after it
            for finding in batch.verdict.findings:
                if isinstance(finding.proof, WrongTransition | WrongMargin):
                    if not self._watch.is_final(batch):
                        return batch, finding
                    break
        return None

    # --- proofs -------------------------------------------------------------------------------

    def _convictions(self) -> Iterator[Convict]:
        found = self.proved()
        if found is None:
            return
        batch, finding = found
        proof = finding.proof
        assert isinstance(proof, WrongTransition | WrongMargin)
        yield Convict(
            header=batch.header,
            previous=batch.parent,
            lie=finding.lie,
            what=str(finding),
            witness=witnesses.of_lie(self._watch.judge, batch, proof),
        )

    def _executions(self) -> Iterator[Execute]:
        """Questions that nobody answered in A, and that we cannot answer either: ours at once,
        others' after half of the time that is left, for the reward is theirs.
        """
        for question in self._watch.questions.open():
            batch = self._open_batch(question)
            if batch is None:
                continue
            due = question.asked_at + self._windows.answer
            if not self._is_ours(question):
                due += (self._final_at(batch) - due) // 2
            if self._watch.now > due and self._message(batch, question) is None:
                _, chunk, place, side = question.key
                witness = witnesses.of_silence(chunk, place, side)
                yield Execute(batch.header, batch.parent, question.key, witness)

    # --- questions ----------------------------------------------------------------------------

    def _asks(self) -> Iterator[Ask]:
        """Questions about sides that nobody is known to have signed."""
        ours = sum(map(self._is_ours, self._watch.questions.open()))
        room = self._policy.open_questions - ours
        proved = self.proved()
        last = proved[0].header.id if proved else None  # it falls with that, and all after it
        for batch in list(self._watch.judge.standing):
            if not self._watch.stands(batch) or (last is not None and batch.header.id >= last):
                return
            if self._watch.now > batch.verdict.committed_at + self._windows.challenge:
                continue
            asked = self._watch.questions.about(batch.header.batch_hash())
            spots = {(one.chunk, one.place, one.side) for one in asked}
            doubts = self._doubts(batch)
            watched = sum(why is _WATCHED for _, why in doubts)
            left = self._policy.questions + watched - sum(map(self._is_ours, asked))
            for unsigned, why in doubts:
                if left <= 0:
                    break
                if (unsigned.chunk, unsigned.place, unsigned.side) in spots:
                    continue
                if room <= 0:
                    self._say_once("no more questions are asked", "bonds", most=ours)
                    return
                left, room = left - 1, room - 1
                yield self._ask(batch, unsigned, why)

    def _ask(self, batch: Standing, unsigned: Unsigned, why: str) -> Ask:
        key = (batch.header.batch_hash(), unsigned.chunk, unsigned.place, unsigned.side)
        opening = witnesses.opening(batch, unsigned.chunk, unsigned.place)
        return Ask(batch.header, key, opening, why)

    def _doubts(self, batch: Standing) -> list[tuple[Unsigned, str]]:
        """What of a batch should be asked about; of a missing file what is watched, first."""
        if not batch.verdict.signatures:
            return []
        if batch.verdict.order_file or self._watch.look_for_file(batch):
            self._samples.pop(batch.header.batch_hash(), None)
            return [
                (finding.proof, finding.what)
                for finding in batch.verdict.findings
                if isinstance(finding.proof, Unsigned)
            ]
        patience = self._policy.file_patience
        if patience is None:
            patience = self._windows.challenge // 4
        if self._watch.now < batch.verdict.committed_at + patience:
            return []
        sample = self._sample(batch)
        if sample:
            self._say_once("order file missing", batch.header.batch_hash(), batch=batch.header.id)
        watched = self._watched(batch)
        drawn = [unsigned for unsigned in sample if unsigned not in watched]
        return [(one, _WATCHED) for one in watched] + [(one, _MISSING) for one in drawn]

    def _watched(self, batch: Standing) -> list[Unsigned]:
        """The sides of a batch that name an account we watch."""
        if not self._policy.accounts:
            return []
        return [one for one, account in self._sides(batch) if account in self._policy.accounts]

    def _sides(self, batch: Standing) -> Iterator[tuple[Unsigned, int]]:
        """Every side of a batch that somebody must have signed, and whose account it is."""
        for number, ops, _ in self._watch.judge.chunks(batch):
            for place, op in enumerate(ops):
                for side in sides_of(op):
                    yield Unsigned(number, place, side.number), side.account

    def _sample(self, batch: Standing) -> list[Unsigned]:
        """Some sides of a batch whose order file is missing, that nobody could foresee."""
        name = batch.header.batch_hash()
        if name not in self._samples:
            sides = [unsigned for unsigned, _ in self._sides(batch)]
            count = min(len(sides), self._policy.questions)
            self._samples[name] = self._rng.sample(sides, count)
        return self._samples[name]

    def _answers(self) -> Iterator[Answer]:
        """Messages for questions that the published files answer; for ours in any case."""
        for question in self._watch.questions.open():
            if not (self._policy.answer or self._is_ours(question)):
                continue
            batch = self._open_batch(question)
            message = None if batch is None else self._message(batch, question)
            if batch is not None and message is not None:
                yield Answer(batch.header, question.key, message)
            elif batch is not None:
                self._say_once("question without an answer", question.key, batch=question.batch)

    def _message(self, batch: Standing, question: Question) -> bytes | None:
        """What answers a question, if a published file does; looked for once."""
        if question.key not in self._messages:
            if not self._watch.look_for_file(batch):
                return None
            self._messages[question.key] = witnesses.answer(self._watch.judge, batch, question)
        return self._messages[question.key]

    def _reclaims(self) -> Iterator[Reclaim]:
        """Our bonds in questions that died."""
        for question in self._watch.questions.open():
            if not self._is_ours(question) or not self._is_dead(question):
                continue
            header = self._watch.headers.get(question.batch_hash)
            if header is None:
                self._say_once("bond of an old question", question.key, batch=question.batch)
                continue
            yield Reclaim(header, question.key)

    # --- parts --------------------------------------------------------------------------------

    def _is_ours(self, question: Question) -> bool:
        return question.asker.lower() == self._address

    def _open_batch(self, question: Question) -> Standing | None:
        """The batch of a question, if it stands and is not final."""
        batch = self._watch.judge.batch(question.batch)
        if batch is None or batch.header.batch_hash() != question.batch_hash:
            return None
        if not self._watch.stands(batch):
            return None
        return None if self._watch.is_final(batch) else batch

    def _is_dead(self, question: Question) -> bool:
        """Whether a question's batch was reverted, or is final."""
        batch = self._watch.batches.get(question.batch)
        if batch is None or batch.hash != question.batch_hash:
            return True
        return self._watch.now >= self._watch.batches.final_at(batch)

    def _final_at(self, batch: Standing) -> int:
        return batch.verdict.committed_at + self._windows.final_after

    def _say_once(self, event: str, about: object, **fields: object) -> None:
        if (event, about) not in self._cannot:
            self._cannot.add((event, about))
            log.warning(event, **fields)
