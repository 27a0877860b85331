"""Whether batches stay honest when their builtAt is moved: the judgment behind `Batcher.redate`."""

from collections.abc import Iterable
from typing import NamedTuple

from matcher import words
from matcher.batch import CHUNK_BYTES, SignedMessage, split
from matcher.errors import ProtocolError
from matcher.settlement.facts import Facts
from matcher.settlement.ledger import Ledger
from matcher.types import CHUNK_OPS, Order


class RedateError(ProtocolError):
    """Batches cannot be given the new builtAt; nothing has changed.

    Attributes
    ----------
    invalid : tuple of str
        Every op that would no longer be valid, with its batch, word, and why.
    """

    def __init__(self, text: str, invalid: Iterable[str] = ()):
        self.invalid = tuple(invalid)
        more = "".join(f"\n  {line}" for line in self.invalid)
        super().__init__(text + more)


class Closed(NamedTuple):
    """A closed batch as redating needs it."""

    id: int
    built_at: int
    state_root: bytes
    words: bytes
    messages: tuple[SignedMessage, ...]  # in the order of use


def invalid_ops(
    batches: Iterable[Closed], parent_root: bytes, built_at: int, facts: Facts, ledger: Ledger
) -> list[str]:
    """Ops of consecutive batches that break a rule of the protocol at another builtAt.

    Parameters
    ----------
    batches : iterable of Closed
    parent_root : bytes
        State root before the first.
    built_at : int
        The new one, seconds.
    facts : Facts
    ledger : Ledger
        One that holds the trees of `parent_root`.
    """
    found: list[str] = []
    fork = ledger.fork(parent_root)
    executable = True
    for batch in batches:
        found += [f"batch {batch.id}: {what}" for what in _invalid_messages(batch, built_at, facts)]
        found += [f"batch {batch.id}, {what}" for what in _invalid_words(batch, built_at, facts)]
        executable = executable and not found
        if executable:
            found += _execute(batch, built_at, fork)
    return found


def _invalid_messages(batch: Closed, built_at: int, facts: Facts) -> Iterable[str]:
    """Signed messages that do not allow anything at the new time (section 7, UNAUTHORIZED)."""
    for signed in batch.messages:
        message = signed.message
        name = f"{type(message).__name__} {message.id}"
        if message.expiry < built_at:
            yield f"{name}: expires at {message.expiry}"
        if isinstance(message, Order):
            wrong = facts.signer_fault(message.account, signed.signer, built_at)
            if wrong:
                yield f"{name} of account {message.account}: {wrong}"


def _invalid_words(batch: Closed, built_at: int, facts: Facts) -> Iterable[str]:
    """Fills whose instrument is closed or whose fee rates are others at the new time."""
    listings = facts.listings
    for index, word in enumerate(split(batch.words)):
        op = words.unpack(word)
        if not isinstance(op, words.Fill):
            continue
        line = listings.lines[op.instrument]
        if built_at >= line.closes_at:
            yield f"word {index}: {line.symbol} is closed since {line.closes_at}"
        market = line.info.market
        then, now = listings.rates(market, batch.built_at), listings.rates(market, built_at)
        if then != now:
            yield f"word {index}: fee rates of market {market} are {now}, were {then}"


def _execute(batch: Closed, built_at: int, fork: Ledger) -> list[str]:
    """Execute a batch at the new time; the first fault."""
    for start in range(0, len(batch.words), CHUNK_BYTES):
        for place, word in enumerate(split(batch.words[start : start + CHUNK_BYTES])[:CHUNK_OPS]):
            try:
                fork.apply(word, built_at)
            except ProtocolError as error:
                return [f"batch {batch.id}, word {start // 32 + place}: {error}"]
        try:
            fork.end_chunk(built_at)
        except ProtocolError as error:
            return [f"batch {batch.id}, chunk {start // CHUNK_BYTES}: {error}"]
    if fork.root != batch.state_root:
        return [f"batch {batch.id}: its state root would change"]
    return []
