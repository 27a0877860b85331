"""Digests and signers of many messages at once.

A message becomes a request of 360 bytes (`MessageType.request`); requests lie in a row, and
compiled code, without the interpreter's lock, answers all of them: the digest that was signed, and
the address that signed it. Who sends many orders with one key is soon known by it: then a signature
is first tried with that key, which takes a third of the time of recovering any. The answer is the
same either way (`matcher.kernel.known`).
"""

import functools
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from matcher.eip712 import (
    MESSAGE_TYPES,
    Domain,
    Message,
    from_wallet,
    parse_signature,
    signed_by_zero,
    unrecoverable,
)
from matcher.kernel.digests import copy_signatures, digest_requests
from matcher.kernel.secp import ADDRESS_BYTES, FORGED, KNOWN, LIBRARY, SIGNED, ZERO, recover_signers
from matcher.kernel.signed import SIGNATURE_BYTES
from matcher.policy import KNOWN_KEYS
from matcher.types import FEE_ACCOUNT, Report, Transfer

T = TypeVar("T")
M = TypeVar("M", bound=Message)

ACCOUNTS: Final = 65_536  # whose last signers are remembered
AFTER: Final = 16  # signatures of one key in a row before it is known: a table costs twenty
WORTH: Final = 2  # signatures of known keys in one call, from which on trying them pays

_DIGEST_BYTES: Final = 32
_POINT_BYTES: Final = 64


class Verified(msgspec.Struct, Generic[M], frozen=True, gc=False):
    """A message and who signed it. Whether they were allowed to is the engine's question."""

    message: M
    signature: bytes  # 65 bytes r, s, v (27 or 28), low s
    digest: bytes  # 32 bytes
    signer: bytes  # 20 bytes


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A message with a signature that is well-formed, and may be anybody's or nobody's."""

    message: Message
    signature: bytes  # 65 bytes as `parse_signature` returns them
    field: str  # path named in errors
    request: bytes  # 360 bytes


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a claim comes to."""

    digest: bytes  # 32 bytes
    signer: bytes  # 20 bytes; nobody's unless the verdict is `SIGNED`
    verdict: int


def claim(message: Message, signature: bytes, field: str = "signature") -> Claim:
    """A message and its signature as they are sent, ready to be answered.

    Parameters
    ----------
    message : Order, Withdrawal, Transfer, CancelTerms, CancelAllTerms or AmendTerms
    signature : bytes
        As it was sent: 65 bytes with v of 0, 1, 27 or 28, or 64 bytes of EIP-2098.
    field : str
        Path named in errors.

    Raises
    ------
    SignatureError
        If the signature is malformed or has a high s.
    """
    normal = parse_signature(from_wallet(signature), field)
    request = MESSAGE_TYPES[type(message)].request(message, normal)
    return Claim(message, normal, field, request)


def require_signed(asked: Claim, found: Answer) -> None:
    """Raise `SignatureError` unless somebody made the claim's signature."""
    if found.verdict != SIGNED:
        if found.verdict == ZERO:
            raise signed_by_zero(asked.field)
        raise unrecoverable(asked.signature, asked.field)


class _Key(NamedTuple):
    """A key that is known."""

    signer: bytes
    table: NDArray[np.int64]
    base: NDArray[np.int64]  # the base point's table, the same for all


class KnownKeys:
    """Which key an account is likely to have signed with; wrong guesses cost time, nothing else.

    Parameters
    ----------
    tables : int
        Most keys that are known; of more, who was needed longest ago is forgotten. 0: nobody is
        known, and libsecp256k1 recovers every signer.
    after : int
        Signatures of one key in a row, for one account, before it is known.

    Notes
    -----
    May be shared by threads. Tables are made in a thread of its own, which also imports what is
    compiled for them: until then everybody is recovered. An account whose guess was wrong has none
    until one key has signed `after` times in a row again, so that two keys taking turns cost no
    more than recovery.
    """

    def __init__(self, tables: int = KNOWN_KEYS, after: int = AFTER):
        self._most = tables
        self._after = after
        self._keys: OrderedDict[bytes, _Key] = OrderedDict()  # by signer, oldest need first
        self._of_account: OrderedDict[int, _Key] = OrderedDict()
        self._streaks: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._making: dict[bytes, Future[None]] = {}
        self._base: NDArray[np.int64] | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def guess(self, account: int) -> _Key | None:
        """The key that an account is tried with."""
        return self._of_account.get(account)

    def confirmed(self, guesses: Mapping[int, _Key]) -> None:
        """Guesses, by account, were right: keep them longest."""
        with self._lock:
            for account, key in guesses.items():
                if key.signer in self._keys:
                    self._keys.move_to_end(key.signer)
                if account in self._of_account:
                    self._of_account.move_to_end(account)

    def recovered(self, found: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Some who were not guessed have signed.

        Parameters
        ----------
        found : iterable of (int, bytes, bytes)
            Account, signer (20 bytes), and public key, x and y, 64 bytes; in the order of asking.
        """
        if not self._most:
            return
        with self._lock:
            for account, signer, point in found:
                self._note(account, signer, point)

    def _note(self, account: int, signer: bytes, point: bytes) -> None:
        """Somebody who was not guessed has signed for an account."""
        guess = self._of_account.get(account)
        if guess is not None:
            if guess.signer == signer:  # known since the signature was looked at
                return
            del self._of_account[account]
        last, count = self._streaks.pop(account, (signer, 0))
        count = count + 1 if last == signer else 1
        if count < self._after:
            _remember(self._streaks, account, (signer, count))
            return
        key = self._keys.get(signer)
        if key is not None:
            self._keys.move_to_end(signer)
            _remember(self._of_account, account, key)
            return
        _remember(self._streaks, account, (signer, count))
        if signer not in self._making:
            self._making[signer] = _maker().submit(self._make, signer, point)

    def settle(self) -> None:
        """Wait until the tables that are wanted by now are made."""
        with self._lock:
            making = list(self._making.values())
        for future in making:
            future.result()

    def _make(self, signer: bytes, point: bytes) -> None:
        from matcher.kernel import known

        half = len(point) // 2
        x, y = int.from_bytes(point[:half], "big"), int.from_bytes(point[half:], "big")
        table = known.aligned(known.KEY_WORDS)
        known.make_table(known.words_of(x, y), known.KEY_BITS, known.CONSTANTS, table)
        if self._base is None:
            self._base = known.base_table()
        with self._lock:
            self._keys[signer] = _Key(signer, table, self._base)
            del self._making[signer]
            if len(self._keys) > self._most:
                forgotten, _ = self._keys.popitem(last=False)
                held = [a for a, key in self._of_account.items() if key.signer == forgotten]
                for account in held:
                    del self._of_account[account]


@functools.cache
def _maker() -> ThreadPoolExecutor:
    """The thread that makes tables: of the process."""
    return ThreadPoolExecutor(1, thread_name_prefix="keys")


def _remember(entries: OrderedDict[int, T], account: int, value: T) -> None:
    """Note something of an account as the newest, and forget the oldest if there are too many."""
    entries[account] = value
    entries.move_to_end(account)
    if len(entries) > ACCOUNTS:
        entries.popitem(last=False)


class Recovery:
    """Finds out who signed.

    Parameters
    ----------
    domain : Domain
        What traders sign for.
    keys : KnownKeys, optional
    """

    def __init__(self, domain: Domain, keys: KnownKeys | None = None):
        self._prefix = np.frombuffer(bytearray(domain.prefix), np.uint8)
        self._keys = KnownKeys() if keys is None else keys

    def answer(self, claims: Sequence[Claim]) -> list[Answer]:
        """Digests and signers, in the order of the claims. Other threads run meanwhile."""
        count = len(claims)
        digests = np.empty(_DIGEST_BYTES * count // 8, np.int64)
        signatures = np.empty(SIGNATURE_BYTES * count, np.uint8)
        requests = np.frombuffer(bytearray().join([asked.request for asked in claims]), np.uint8)
        digest_requests(requests, self._prefix, digests)
        copy_signatures(requests, signatures)
        accounts = [_account(asked.message) for asked in claims]
        guesses = [self._keys.guess(account) for account in accounts]
        verdicts = np.full(count, FORGED, np.uint8)
        if count - guesses.count(None) >= WORTH:
            _try_known(guesses, signatures, digests, verdicts)
        signers = np.zeros(ADDRESS_BYTES * count, np.uint8)
        points = np.zeros(_POINT_BYTES * count, np.uint8)
        recover_signers(LIBRARY, signatures, digests, signers, points, verdicts)
        hashes = _cut(digests.tobytes(), _DIGEST_BYTES)
        addresses = _cut(signers.tobytes(), ADDRESS_BYTES)
        answers: list[Answer] = []
        right: dict[int, _Key] = {}
        others: list[int] = []  # places of those who were not guessed
        for place, (digest, signer, verdict, key) in enumerate(
            zip(hashes, addresses, verdicts.tolist(), guesses, strict=True)
        ):
            if verdict == KNOWN:
                assert key is not None
                right[accounts[place]] = key
                answers.append(Answer(digest, key.signer, SIGNED))  # to others it is the same
                continue
            if verdict == SIGNED and (key is None or key.signer != signer):
                others.append(place)
            answers.append(Answer(digest, signer, verdict))
        if others:
            publics = _cut(points.tobytes(), _POINT_BYTES)
            self._keys.recovered((accounts[i], addresses[i], publics[i]) for i in others)
        if right:
            self._keys.confirmed(right)
        return answers


def _cut(row: bytes, size: int) -> list[bytes]:
    """Pieces of a row, so many bytes each."""
    return [row[start : start + size] for start in range(0, len(row), size)]


def _try_known(
    guesses: Sequence[_Key | None],
    signatures: NDArray[np.uint8],
    digests: NDArray[np.int64],
    verdicts: NDArray[np.uint8],
) -> None:
    """Verify what is guessed. Written: `verdicts`, as `matcher.kernel.known.verify_known` does."""
    from matcher.kernel import known  # there by now: it made the tables

    tables = np.array([0 if key is None else key.table.ctypes.data for key in guesses], np.int64)
    base = next(key.base for key in guesses if key is not None)
    known.verify_known(signatures, digests, tables, base, known.CONSTANTS, verdicts)


def _account(message: Message) -> int:
    """Whose message it says it is."""
    match message:
        case Transfer():
            return message.source
        case Report():
            return FEE_ACCOUNT  # of a reporter, who has no account
        case _:
            return message.account
