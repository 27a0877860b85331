"""Closed batches, as long as proofs of them may be asked for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from matcher.batch import HEADER_BYTES, WORD_BYTES, Header, SignedMessage, words_depth
from matcher.errors import ProtocolError
from matcher.merkle import Path
from matcher.settlement.forest import WholeTree
from matcher.types import Order, Transfer, Withdrawal

REDATABLE: Final = 512  # so many of the last batches keep the messages that redating needs

Messages = tuple[SignedMessage, ...] | bytes  # or the lines that they came in, from `OpStream`
Parts = Mapping[str, NDArray[Any] | bytes]


class Kept(NamedTuple):
    """What is remembered of a closed batch."""

    header: Header
    words: bytes  # 32 bytes each
    messages: Messages | None  # None: no longer redatable

    @property
    def state_root(self) -> bytes:
        """The state root after it."""
        return self.header.state_root


class KeptBatches:
    """The last closed batches, by id.

    Parameters
    ----------
    genesis : Header
        Of batch 0, which is kept too.
    """

    def __init__(self, genesis: Header):
        self._head = genesis.id
        self._kept: dict[int, Kept] = {genesis.id: Kept(genesis, b"", ())}
        self._tree: tuple[int, WholeTree] | None = None  # of the batch last asked for

    def add(self, header: Header, words: bytes, messages: Messages) -> None:
        """Keep the next batch."""
        self._head = header.id
        self._kept[header.id] = Kept(header, words, messages)
        aging = self._kept.get(header.id - REDATABLE)
        if aging is not None:
            self._kept[header.id - REDATABLE] = aging._replace(messages=None)

    def rehead(self, header: Header) -> None:
        """Give a batch that is kept another header."""
        self._kept[header.id] = self._kept[header.id]._replace(header=header)

    def get(self, batch_id: int) -> Kept | None:
        """A batch; None if it is not kept."""
        return self._kept.get(batch_id)

    def find(self, batch_id: int) -> Kept:
        """A batch.

        Raises
        ------
        ProtocolError
            If it is not known (any more).
        """
        kept = self._kept.get(batch_id)
        if kept is None:
            ids = self.known()
            raise ProtocolError(f"batch: found {batch_id}, allowed {ids.start} to {ids.stop - 1}")
        return kept

    def known(self) -> range:
        """Ids of the batches that are kept."""
        return range(min(self._kept), self._head + 1)

    def roots(self) -> list[bytes]:
        """State roots of the batches that are kept."""
        return [kept.state_root for kept in self._kept.values()]

    def forget(self, below: int) -> None:
        """Keep no batches below this id but the last."""
        for batch_id in [i for i in self._kept if i < min(below, self._head)]:
            del self._kept[batch_id]

    def word_proof(self, batch_id: int, index: int) -> tuple[bytes, Path]:
        """A word of a batch, 32 bytes as in calldata, and its path under the chunks' root."""
        kept = self.find(batch_id)
        raw, count = kept.words, len(kept.words) // WORD_BYTES
        if not 0 <= index < count:
            raise ProtocolError(f"word: found index {index}, allowed below {count}")
        if self._tree is None or self._tree[0] != batch_id:
            self._tree = (batch_id, WholeTree(raw, words_depth(kept.header.chunk_count)))
        return raw[WORD_BYTES * index : WORD_BYTES * (index + 1)], self._tree[1].path(index)

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self) -> dict[str, NDArray[Any] | bytes]:
        """All batches, for a snapshot."""
        batches = list(self._kept.values())
        return {
            "headers": b"".join(kept.header.encode() for kept in batches),
            "words": b"".join(kept.words for kept in batches),
            "word_sizes": np.array([len(kept.words) for kept in batches], np.int64),
            "messages": msgspec.msgpack.encode([_told(kept.messages) for kept in batches]),
        }

    def load(self, parts: Parts) -> None:
        """Take over what `dump` gave."""
        headers, words = bytes(parts["headers"]), bytes(parts["words"])
        messages = msgspec.msgpack.decode(bytes(parts["messages"]))
        self._kept, self._tree, at = {}, None, 0
        for i, size in enumerate(np.asarray(parts["word_sizes"]).tolist()):
            header = Header.decode(headers[HEADER_BYTES * i : HEADER_BYTES * (i + 1)])
            kept = Kept(header, words[at : at + size], _heard(messages[i]))
            self._kept[header.id] = kept
            self._head = header.id
            at += size


_TYPES: Final[dict[str, type[Order] | type[Withdrawal] | type[Transfer]]] = {
    kind.__name__: kind for kind in (Order, Withdrawal, Transfer)
}


def packed(messages: Sequence[SignedMessage]) -> bytes:
    """Messages in a snapshot."""
    return msgspec.msgpack.encode(_told(tuple(messages)))


def unpacked(data: bytes) -> list[SignedMessage]:
    """The inverse of `packed`."""
    heard = _heard(msgspec.msgpack.decode(data))
    assert isinstance(heard, tuple), "packed packs nothing else"
    return list(heard)


def _told(messages: Messages | None) -> object:
    """Messages as msgpack takes them."""
    if messages is None or isinstance(messages, bytes):
        return messages
    return [(type(m.message).__name__, m.message, m.signature, m.signer) for m in messages]


def _heard(told: Any) -> Messages | None:
    if told is None or isinstance(told, bytes):
        return told
    return tuple(
        SignedMessage(msgspec.convert(message, _TYPES[name]), signature, signer)
        for name, message, signature, signer in told
    )
