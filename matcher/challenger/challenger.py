"""The challenger: looks at the chain, judges, and sends what is due, step by step."""

import threading
import time
from typing import Any, Final

import msgspec
import structlog
from eth_abi.exceptions import DecodingError
from eth_account.signers.local import LocalAccount
from web3.exceptions import Web3Exception
from web3.logs import DISCARD
from web3.types import TxReceipt

from matcher.blobs.sources import Sources
from matcher.chain.deployment import Deployment
from matcher.chain.fees import FeePolicy
from matcher.challenger.actions import Action
from matcher.challenger.checkpoint import Checkpoints
from matcher.challenger.faults import FinalLie
from matcher.challenger.order_files import OrderFiles
from matcher.challenger.plan import Planner
from matcher.challenger.policy import Policy
from matcher.challenger.post import Fate, Outcome, Post
from matcher.challenger.questions import QuestionState
from matcher.challenger.watch import Watch
from matcher.errors import BlobMissing, ChainError, DeploymentError
from matcher.reference.judge import Standing

log = structlog.get_logger(__name__)

MAX_PAUSE: Final = 10.0  # seconds between two tries
# Answers of a connection that fails, of a node that is behind or wrong: to be tried again.
PASSING: Final = (
    OSError,
    Web3Exception,
    DecodingError,
    ChainError,
    KeyError,
    TypeError,
    ValueError,
)

# Why an action need not or cannot be sent, by the contract's error.
OVERTAKEN: Final = {
    "BatchNotCommitted": "the batch was reverted already",
    "PreviousMismatch": "the batch was reverted already",
    "AskedAlready": "it was asked already",
    "QuestionNotOpen": "the question was settled already",
}


class Tally(msgspec.Struct):
    """What was done since the start, and what it brought."""

    convicted: int = 0  # batches, by a proof or an unanswered question
    asked: int = 0
    answered: int = 0
    reclaimed: int = 0
    overtaken: int = 0  # somebody else did it first
    refused: int = 0  # contracts did not take it
    failed: int = 0  # reverted in a block
    rewards: int = 0  # wei
    bonds: int = 0  # wei, of questions answered or given back
    spent: int = 0  # wei, for gas
    lies: int = 0  # batches found to lie
    final_lies: int = 0  # of them, those that became final


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What shapes a challenger beside the chain.

    Attributes
    ----------
    account : LocalAccount, optional
        Signs and pays. Without it nothing is sent.
    dry_run : bool
        Say what would be sent, and send nothing.
    confirmations : int
    poll : float
        Seconds of the wall clock between two looks at the chain.
    """

    account: LocalAccount | None = None
    dry_run: bool = False
    confirmations: int = 1
    poll: float = 0.5
    policy: Policy = Policy()
    fees: FeePolicy = FeePolicy()


class Challenger:
    """One challenger of one exchange.

    Parameters
    ----------
    deployment : Deployment
        Its ``w3`` is the chain.
    options : Options
    files : OrderFiles, optional
    blobs : Sources, optional
    checkpoints : Checkpoints, optional

    Attributes
    ----------
    watch : Watch
    tally : Tally
    trouble : str
        What is wrong; empty if nothing is.
    """

    def __init__(
        self,
        deployment: Deployment,
        options: Options,
        files: OrderFiles | None = None,
        blobs: Sources | None = None,
        checkpoints: Checkpoints | None = None,
    ):
        self.deployment = deployment
        self.options = options
        self.watch = Watch(
            deployment.w3,
            deployment,
            blobs or Sources(),
            files or OrderFiles(),
            checkpoints,
            options.confirmations,
        )
        self.acts = options.account is not None and not options.dry_run
        self.post = Post(
            deployment.w3, deployment, options.account if self.acts else None, options.fees
        )
        mine = options.account.address if options.account else self.post.address
        self.planner = Planner(self.watch, deployment.windows, options.policy, mine)
        self.tally = Tally()
        self.trouble = ""
        self.seen_at = time.monotonic()  # when the chain last answered
        self._said: dict[str, str] = {}  # what was said of an action that was not sent
        self._lies: set[bytes] = set()  # batch hashes
        self._final_lies: set[bytes] = set()
        self._would: list[str] = []
        self._done: set[str] = set()

    # --- life ---------------------------------------------------------------------------------

    def run(self, ending: threading.Event) -> None:
        """Work until `ending` is set.

        Raises
        ------
        FinalLie, DeploymentError
        """
        pause = self.options.poll
        log.info("challenger begins", account=self.post.address, acts=self.acts)
        while not ending.is_set():
            if self.try_step():
                pause = self.options.poll
                continue
            if not self.trouble:
                pause = self.options.poll
            ending.wait(pause)
            if self.trouble:
                pause = min(2 * pause, MAX_PAUSE)
        self.watch.settle(at_once=True)
        log.info("challenger ends", **msgspec.structs.asdict(self.tally))

    def run_once(self, ending: threading.Event) -> None:
        """Judge everything there is, do what is due, and return once nothing is under way.

        Raises
        ------
        ChainError
            If the chain does not answer: what it said last.
        """
        failures = 0
        while not ending.is_set():
            if self.try_step():
                failures = 0
                continue
            failures = failures + 1 if self.trouble else 0
            if failures > 5:
                raise ChainError(self.trouble)
            idle = self.watch.caught_up and not self.post.under_way and not self.trouble
            if idle:
                break
            ending.wait(self.options.poll)
        self.watch.settle(at_once=True)

    def try_step(self) -> bool:
        """`step`, but what passes is said once and tried again; whether there is more to do."""
        try:
            more = self.step()
        except (FinalLie, DeploymentError):
            raise
        except PASSING as error:
            text = f"{type(error).__name__}: {str(error)[:300]}"
            if text != self.trouble:
                self._say_trouble(error, text)
            self.trouble = text
            return False
        if self.trouble:
            log.info("goes on", after=self.trouble)
        self.trouble = ""
        return more

    def _say_trouble(self, error: Exception, text: str) -> None:
        if isinstance(error, ChainError):
            log.error("cannot go on", reason=text)
        elif isinstance(error, OSError | Web3Exception):
            log.warning("the chain does not answer", reason=text)
        else:
            log.error("an answer that is none", reason=text, exc_info=error)

    # --- one step -----------------------------------------------------------------------------

    def step(self) -> bool:
        """Look, judge up to one batch, tend what is under way, send what is most urgent.

        Returns
        -------
        bool
            Whether there is more to do at once.
        """
        missing: BlobMissing | None = None
        try:
            more = self.watch.step()
        except BlobMissing as error:  # what was judged before is acted upon
            more, missing = False, error
        self.seen_at = time.monotonic()
        self._note_lies()
        self.watch.settle()
        moment = self.watch.moment
        assert moment is not None
        outcome = self.post.tend(moment)
        if outcome is not None:
            self._note(outcome)
            return more or outcome.fate is not Fate.WAITING
        # While history is read, what is due may be long done; a proof cannot wait for the end.
        ready = self.watch.caught_up or missing is not None or self.planner.proved() is not None
        if ready and self._send_next(moment):
            return True
        if missing is not None:
            raise missing
        return more

    def _send_next(self, moment: Any) -> bool:
        """Send the most urgent thing that the contracts would take."""
        for action in self.planner.actions():
            if self.options.dry_run or not self.acts:
                self._rehearse(action, moment)
                continue
            if self._said.get(action.name, "").startswith(f"{moment.number}:"):
                continue  # it would revert, and no block has come since
            outcome = self.post.send(action, moment)
            if outcome.fate is Fate.SENT:
                self._said.pop(action.name, None)
                return True
            self._note_refusal(action, outcome, moment.number)
        return False

    def _rehearse(self, action: Action, moment: Any) -> None:
        """Say what would be sent, once."""
        if action.name in self._would:
            return
        self._would.append(action.name)
        outcome = self.post.send(action, moment)
        reason = str(outcome.revert) if outcome.revert else ""
        log.warning("would send", what=action.name, refused=reason)

    # --- what comes of it ---------------------------------------------------------------------

    def _note_refusal(self, action: Action, outcome: Outcome, block: int) -> None:
        """Say once why something is not sent."""
        revert = outcome.revert
        assert revert is not None
        before = self._said.get(action.name, "").partition(":")[2]
        self._said[action.name] = f"{block}:{revert.name}"
        ours = revert.name in OVERTAKEN and action.name in self._done  # it only has to be confirmed
        if before == revert.name or ours:
            return
        if revert.name in OVERTAKEN:
            self.tally.overtaken += 1
            log.info("not sent", what=action.name, why=OVERTAKEN[revert.name])
        else:
            self.tally.refused += 1
            log.error("the contracts refuse it", what=action.name, reason=str(revert))

    def _note(self, outcome: Outcome) -> None:
        """Count what landed."""
        if outcome.fate is Fate.FAILED:
            name = outcome.revert.name if outcome.revert else ""
            if name in OVERTAKEN:
                self.tally.overtaken += 1
                log.info("overtaken", what=outcome.name, why=OVERTAKEN[name])
            else:
                self.tally.failed += 1
        if outcome.receipt is None:
            return
        receipt = outcome.receipt
        self.tally.spent += receipt["gasUsed"] * receipt["effectiveGasPrice"]
        if outcome.fate is not Fate.DONE:
            return
        self._done.add(outcome.name)
        bond = self.deployment.question_bond
        if outcome.verb in ("convict", "execute"):
            self._note_conviction(receipt)
        elif outcome.verb == "ask":
            self.tally.asked += 1
        elif outcome.verb == "answer":
            self.tally.answered += 1
            self.tally.bonds += bond
        elif outcome.verb == "reclaim":
            self.tally.reclaimed += 1
            self.tally.bonds += bond

    def _note_conviction(self, receipt: TxReceipt) -> None:
        """A batch fell, and its operator pays."""
        registry = self.deployment.registry
        for event in registry.events.BatchReverted().process_receipt(receipt, DISCARD):
            args = event["args"]
            mine = args["challenger"].lower() == self.post.address.lower()
            self.tally.convicted += 1
            self.tally.rewards += args["reward"] if mine else 0
            log.warning(
                "convicted",
                batch=args["id"],
                reward=args["reward"],
                burned=args["burned"],
                paid_to=args["challenger"],
                transaction=receipt["transactionHash"].to_0x_hex(),
            )

    def _note_lies(self) -> None:
        """Count batches that lie, and those that nobody convicted in time.

        Raises
        ------
        FinalLie
            If nobody knows the state after a final batch.
        """
        for batch in self.watch.judge.standing:
            verdict = batch.verdict
            if verdict.sound:
                continue
            what = str(verdict.findings[0])
            if verdict.batch_hash not in self._lies:
                self._lies.add(verdict.batch_hash)
                self.tally.lies += 1
                log.error("lie found", batch=verdict.id, what=what, more=len(verdict.findings) - 1)
            if self.watch.is_settled(batch) and verdict.batch_hash not in self._final_lies:
                self._final_lies.add(verdict.batch_hash)
                if self._was_answered(batch):
                    log.warning("doubts about a final batch", batch=verdict.id, what=what)
                    continue
                self.tally.final_lies += 1
                log.critical("a lie became final", batch=verdict.id, what=what)
                if batch is self.watch.judge.lost:
                    raise FinalLie(verdict.id, what)

    def _was_answered(self, batch: Standing) -> bool:
        """Whether all that was found is about signatures, and every question was answered.

        An operator may show on chain what he left out of the file.
        """
        kinds = {finding.lie for finding in batch.verdict.findings}
        asked = self.watch.questions.about(batch.verdict.batch_hash)
        return kinds <= {"UNAUTHORIZED", "ORDER_FILE"} and all(
            question.state is QuestionState.ANSWERED for question in asked
        )
