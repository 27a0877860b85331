"""Follows the chain by its logs, and judges every batch once its block counts.

Nothing is remembered that the chain does not say. If a block that was read leaves the chain, or the
node contradicts itself, everything is read again from the last checkpoint, or from the deployment.
"""

import time
from collections import deque
from typing import Any, Final

import msgspec
import structlog
from web3 import Web3
from web3.exceptions import BlockNotFound, Web3Exception

from matcher.blobs.sources import Sources
from matcher.chain.audit.records import NAMES as RECORDS
from matcher.chain.audit.records import deployed_of, records_of
from matcher.chain.bodies import NAMES as BODIES
from matcher.chain.bodies import Bodies
from matcher.chain.clock import ChainClock, Moment
from matcher.chain.committed import EVENTS as BATCH_EVENTS
from matcher.chain.committed import CommittedBatches
from matcher.chain.deployment import Deployment
from matcher.chain.logs import SPAN, Log, LogReader, address_bytes
from matcher.challenger.checkpoint import Checkpoint, Checkpoints
from matcher.challenger.faults import CheckpointUnusable, LogsIncomplete
from matcher.challenger.order_files import OrderFiles
from matcher.challenger.questions import EVENTS as QUESTION_EVENTS
from matcher.challenger.questions import Questions
from matcher.errors import BlobMissing, DeploymentError, ProtocolError
from matcher.policy import MAX_CONFIRMATIONS
from matcher.reference import records as r
from matcher.reference.chain import Chain
from matcher.reference.header import Header, decode
from matcher.reference.judge import Judge, Standing

log = structlog.get_logger(__name__)

_WITHOUT_BODIES: Final = (RECORDS | QUESTION_EVENTS) - (BODIES - BATCH_EVENTS)
_ALL: Final = RECORDS | QUESTION_EVENTS
_FACTS_OF_BATCHES: Final = (r.BatchCommitted, r.BatchReverted)
KEPT_HEADERS: Final = 1 << 14  # as many as the ring has


class Block(msgspec.Struct, frozen=True):
    """A block, everything up to which was read."""

    number: int
    hash: bytes
    time: int  # seconds


class Counts(msgspec.Struct):
    """What was done since the start."""

    batches: int = 0
    chunks: int = 0
    ops: int = 0
    rebuilt: int = 0
    final_before_judged: int = 0
    seconds: float = 0.0  # spent on judging

    @property
    def speed(self) -> float:
        """Chunks judged per second."""
        return self.chunks / self.seconds if self.seconds else 0.0


class Watch:
    """What the chain says, and what is wrong with it.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    blobs : Sources
    files : OrderFiles
    checkpoints : Checkpoints, optional
        Without them everything is read from the deployment on, each time.
    confirmations : int
        A block counts once so many stand from it on, itself included.
    span : int
        Blocks read at once, at most.

    Attributes
    ----------
    judge : Judge
    questions : Questions
    batches : CommittedBatches
        As of the last block read, those not judged yet among them.
    read : Block or None
        The last block whose logs were read.
    """

    def __init__(
        self,
        w3: Web3,
        deployment: Deployment,
        blobs: Sources,
        files: OrderFiles,
        checkpoints: Checkpoints | None = None,
        confirmations: int = 1,
        span: int = SPAN,
    ):
        if not 1 <= confirmations <= MAX_CONFIRMATIONS:
            raise ValueError(
                f"confirmations: found {confirmations}, allowed 1 to {MAX_CONFIRMATIONS}"
            )
        self._w3 = w3
        self._deployment = deployment
        self._blobs = blobs
        self._files = files
        self._checkpoints = checkpoints
        self._confirmations = confirmations
        self._span = span
        self._reader = LogReader(w3, deployment, span)
        self._clock = ChainClock(w3)
        registry = address_bytes(deployment.registry.address)
        self._exchange = (deployment.chain_id, registry, deployment.genesis_hash)
        self._checked_chain = False
        self._moment: Moment | None = None
        self.counts = Counts()
        self.reset()

    def reset(self) -> None:
        """Forget everything; the next `step` begins anew."""
        self.read: Block | None = None
        self.frozen = False
        self.batches = CommittedBatches(self._deployment.windows.final_after)
        self.questions = Questions()
        self.headers: dict[bytes, Header] = {}  # by batch hash, the newest
        self.judge = Judge(Chain.of([deployed_of(self._deployment)]))
        self._bodies = Bodies(self._blobs)
        self._queue: deque[Log] = deque()  # batch logs that were read and not judged
        self._places: dict[int, tuple[int, int]] = {}  # batch to place of its commit's log
        self._begin_at: Checkpoint | None = None
        self._begun = False
        self._looked: dict[bytes, int] = {}  # when files were looked for, by batch hash
        self._final: tuple[Header, tuple[int, int]] | None = None  # newest let go, and its place
        self._kept = 0  # batch of the checkpoint
        self._compared: Block | None = None

    # --- what others ask ----------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Time of the next block, as of the last look, seconds."""
        return self._moment.next_time if self._moment else 0

    @property
    def moment(self) -> Moment | None:
        return self._moment

    @property
    def caught_up(self) -> bool:
        """Everything that counts was read and judged, as of the last look."""
        return (
            self.read is not None
            and self._moment is not None
            and not self._queue
            and self.read.number >= self._target(self._moment.number)
        )

    @property
    def waiting(self) -> int:
        """Batches that were read and not judged yet."""
        return sum(entry.name == "BatchCommitted" for entry in self._queue)

    def is_final(self, batch: Standing) -> bool:
        """Whether no proof about a batch could land any more."""
        windows = self._deployment.windows
        return self.now >= batch.verdict.committed_at + windows.final_after

    def stands(self, batch: Standing) -> bool:
        """Whether a batch stands by all that was read, not only by what was judged."""
        found = self.batches.get(batch.header.id)
        return found is not None and found.hash == batch.verdict.batch_hash

    def is_settled(self, batch: Standing) -> bool:
        """Whether a batch is final, and was so when the last log was written that was judged by."""
        known = self._queue[0].time if self._queue else self.read.time if self.read else 0
        return known >= batch.verdict.committed_at + self._deployment.windows.final_after

    # --- following ----------------------------------------------------------------------------

    def step(self) -> bool:
        """Read the next blocks that count, or judge the next batch; whether there was anything.

        Raises
        ------
        BlobMissing
            No source has a blob of the next batch; the next step tries again.
        ChainError
            The node contradicts itself. Everything is read again.
        DeploymentError
            The exchange is not on this chain.
        """
        self._require_chain()
        self._moment = self._clock.look()
        if not self._stands(self._moment):
            return False
        if not self._begun:
            self._begin()
        try:
            return self._go_on(self._moment)
        except (BlobMissing, OSError, Web3Exception):
            raise
        except ProtocolError as error:  # a header that is none
            self._rebuild("the node contradicts itself")
            raise LogsIncomplete(str(error)) from error
        except Exception as error:
            # Whatever was half done is done anew.
            self._rebuild(f"{type(error).__name__}")
            raise

    def _go_on(self, moment: Moment) -> bool:
        """Judge what was read; what cannot be judged may fall in the blocks that come."""
        if not self._queue:
            return self._read_on(moment)
        try:
            return self._judge_next()
        except BlobMissing:
            if not self._read_on(moment):
                raise
            return True

    def _require_chain(self) -> None:
        """The deployment's own block is on this chain."""
        if self._checked_chain:
            return
        number, expected = self._deployment.genesis_block, self._deployment.genesis_hash
        found = self._hash_at(number)
        if found is None or "0x" + found.hex() != expected:
            text = "none" if found is None else "0x" + found.hex()
            raise DeploymentError(
                f"block {number}: found {text}, expected the deployment's {expected}"
            )
        self._checked_chain = True

    def _stands(self, moment: Moment) -> bool:
        """Whether the last block read is on the chain; if another is in its place, begin anew."""
        if self.read is None:
            return True
        found = self._hash_at(self.read.number) if moment.number >= self.read.number else None
        if found is None:
            return False  # the node is behind
        if found != self.read.hash:
            log.warning(
                "the chain was reorganized below what was read",
                block=self.read.number,
                found="0x" + found.hex(),
                expected="0x" + self.read.hash.hex(),
            )
            self._rebuild("reorganized")
        return True

    def _rebuild(self, why: str) -> None:
        log.warning("reading everything again", why=why)
        self.counts.rebuilt += 1
        self._checked_chain = False
        self.reset()

    def _begin(self) -> None:
        """Begin at the checkpoint, if there is one that can be used."""
        if self._checkpoints is not None:
            try:
                found = self._checkpoints.load(self._exchange)
                if found is not None:
                    self.judge = Judge(self.judge.chain, state=found.state())
                    self._begin_at = found
            except CheckpointUnusable as error:
                self._set_aside(error)
        self._begun = True

    def _set_aside(self, error: Exception) -> None:
        assert self._checkpoints is not None
        log.warning("checkpoint not used", reason=str(error))
        self._checkpoints.discard()

    def _read_on(self, moment: Moment) -> bool:
        """The logs of the next blocks that count: facts are learned, batches queued."""
        first = self._deployment.genesis_block if self.read is None else self.read.number + 1
        last = min(self._target(moment.number), first + self._span - 1)
        names = _ALL
        if self._begin_at is not None and first < self._begin_at.block:
            last = min(last, self._begin_at.block - 1)
            names = _WITHOUT_BODIES
        if last < first:
            self._compare_heads()
            return False
        end: Any = self._w3.eth.get_block(last)
        logs = self._reader.read(first, last, names)
        if self._hash_at(last) != bytes(end["hash"]) or self._hash_at(moment.number) is None:
            log.info("blocks changed while they were read", first=first, last=last)
            return False
        for entry in logs:
            self._learn(entry)
        if self._begin_at and last >= self._begin_at.block and self.judge.head.id == 0:
            self._refuse_checkpoint(f"batch {self._begin_at.batch} was not committed there")
        self.read = Block(last, bytes(end["hash"]), end["timestamp"])
        return True

    def _learn(self, entry: Log) -> None:
        """Take a fact at once: a prover judges by all of them, too."""
        self._bodies.take(entry)
        self.questions.take(entry)
        if entry.name in BATCH_EVENTS:
            self.batches.take([entry])
            self._queue_batch(entry)
        elif entry.name not in BODIES | QUESTION_EVENTS:
            for fact in records_of([entry], self._bodies):
                self.judge.chain.learn(fact)
                self.frozen |= isinstance(fact, r.Frozen)

    def _queue_batch(self, entry: Log) -> None:
        if not entry.args["id"]:
            return  # genesis
        if entry.name == "BatchCommitted":
            header = decode(b"".join(entry.args["header"]))
            self.headers[entry.args["batchHash"]] = header
            while len(self.headers) > KEPT_HEADERS:
                del self.headers[next(iter(self.headers))]
        begin, place = self._begin_at, (entry.block, entry.index)
        if begin is None or place > (begin.block, begin.index):
            self._queue.append(entry)
        elif place == (begin.block, begin.index):
            self._stand_on(entry, begin)

    def _stand_on(self, entry: Log, checkpoint: Checkpoint) -> None:
        """The commit of the checkpoint's batch: it must state the checkpoint's root."""
        header = self.headers.get(entry.args["batchHash"])
        if (
            entry.name != "BatchCommitted"
            or header is None
            or header.batch_hash() != checkpoint.batch_hash
        ):
            self._refuse_checkpoint(f"batch {checkpoint.batch} is another one on this chain")
        elif header.state_root != self.judge.state.root():
            self._refuse_checkpoint(
                f"batch {header.id} states root 0x{header.state_root.hex()}, the accounts have"
                f" 0x{self.judge.state.root().hex()}"
            )
        else:
            self.judge.head = header
            self._final = header, (entry.block, entry.index)
            self._kept = header.id
            log.info("checkpoint used", batch=header.id, accounts=len(checkpoint.accounts))

    def _refuse_checkpoint(self, why: str) -> None:
        """Drop the checkpoint; who calls this is unwound, and everything is read again."""
        error = CheckpointUnusable(why)
        self._set_aside(error)
        raise error

    def _compare_heads(self) -> None:
        """The contract's own word must be what its logs said: else some were not shown."""
        if self.read is None or self._compared == self.read or self._queue:
            return
        functions, number = self._deployment.registry.functions, self.read.number
        head = functions.head().call(block_identifier=number)[0]
        word = bytes(functions.ringWord(head).call(block_identifier=number))
        newest = self.batches.get(self.batches.head)
        expected = newest.hash if newest else self.judge.head.batch_hash()
        if head != self.batches.head or word[:27] != expected[:27]:
            raise LogsIncomplete(
                f"block {number}: the head is batch {head} (0x{word[:27].hex()}..), the logs say"
                f" {self.batches.head} (0x{expected[:27].hex()}..): the node does not show"
                " every log"
            )
        self._compared = self.read

    # --- judging ------------------------------------------------------------------------------

    def _judge_next(self) -> bool:
        """Judge up to one batch of those read."""
        entry = self._queue[0]
        if entry.name == "BatchCommitted" and self._reverted_later(entry):
            self._queue.popleft()  # nobody needs to know what it was worth
            return True
        if entry.name == "BatchReverted" and self.judge.batch(entry.args["id"]) is None:
            self._queue.popleft()
            return True
        (fact,) = records_of([entry], self._bodies)
        self._queue.popleft()
        if isinstance(fact, r.BatchReverted):
            self.judge.revert(fact)
            log.warning("batch reverted", batch=fact.id, head=self.judge.head.id)
            return True
        assert isinstance(fact, r.BatchCommitted)
        self._find_order_file(fact.header)
        batch = self._judge(fact)
        self._places[batch.header.id] = (entry.block, entry.index)
        return True

    def _reverted_later(self, entry: Log) -> bool:
        """Whether a batch that was read fell in a block that was read, too."""
        following = list(self._queue)[1:]
        return any(
            later.name == "BatchReverted" and later.args["id"] <= entry.args["id"]
            for later in following
        )

    def _find_order_file(self, header: Header) -> None:
        data = self._files.find(header.id, header.extra)
        if data is not None:
            self.judge.chain.learn(r.OrderFilePublished(header.id, data))

    def _judge(self, fact: r.BatchCommitted) -> Standing:
        began = time.perf_counter()
        verdict = self.judge.judge(fact)
        self.counts.seconds += time.perf_counter() - began
        batch = self.judge.standing[-1]
        self.counts.batches += 1
        self.counts.chunks += verdict.chunks
        self.counts.ops += verdict.ops
        final = self.is_final(batch)
        self.counts.final_before_judged += final
        say = log.info if verdict.sound else log.error
        say(
            "batch judged",
            batch=verdict.id,
            chunks=verdict.chunks,
            ops=verdict.ops,
            order_file=verdict.order_file,
            sound=verdict.sound,
            findings=[str(finding)[:200] for finding in verdict.findings[:3]],
            final=final,
        )
        return batch

    def look_for_file(self, batch: Standing) -> bool:
        """Look again for the order file of a batch that was judged without; judge by it then.

        Ever more rarely: after an eighth of the time that passed since the commit.
        """
        header, verdict = batch.header, batch.verdict
        if verdict.order_file:
            return True
        pause = max(2, (self.now - verdict.committed_at) // 8)
        if self.now < self._looked.get(verdict.batch_hash, 0) + pause:
            return False
        self._looked[verdict.batch_hash] = self.now
        self._find_order_file(header)
        if header.extra not in self.judge.chain.order_files:
            return False
        self.judge.read_file(batch)
        log.info("order file found", batch=header.id, findings=len(verdict.findings))
        return True

    # --- what becomes final -------------------------------------------------------------------

    def settle(self, at_once: bool = False) -> int:
        """Let go of what became final, and keep a checkpoint now and then, or `at_once`.

        A batch with a wrong transition, and those that stand on it, are kept.

        Returns
        -------
        int
            The newest batch that is final and was let go; 0 if there was none.
        """
        number = 0
        for batch in self.judge.standing:
            if not self.is_settled(batch) or batch is self.judge.lost:
                break
            number = batch.header.id
            self._final = batch.header, self._places.pop(number)
            self._looked.pop(batch.verdict.batch_hash, None)
        if number:
            self.judge.forget(number)
            self.questions.forget(number)
        self._keep(at_once)
        return number

    def _keep(self, at_once: bool) -> None:
        """Keep the state after the newest final batch."""
        if self._checkpoints is None or self._final is None:
            return
        header, place = self._final
        if header.id == self._kept or not (at_once or self._checkpoints.due()):
            return
        state = self.judge.state_after(header.id)
        self._checkpoints.save(Checkpoint.of(self._exchange, header, place, state))
        self._kept = header.id
        log.info("checkpoint kept", batch=header.id, accounts=len(state.accounts))

    # --- parts --------------------------------------------------------------------------------

    def _target(self, height: int) -> int:
        """The newest block that counts."""
        return height - self._confirmations + 1

    def _hash_at(self, number: int) -> bytes | None:
        try:
            return bytes(self._w3.eth.get_block(number)["hash"])
        except BlockNotFound:
            return None
