"""The exchange: commands in, events out (docs/reference/matching.md). No clock, no I/O, no chance.

The rules run in the kernel, on lines and records (`matcher.kernel`). This is its face for Python:
it turns commands into lines, records into events, and keeps what the kernel has no use for: names,
the signed orders that stand in the books, and why trading is halted.

The same commands give the same events and the same `state_hash()` on any machine; the journal and
everything behind it stand on that.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.board import Board, Records
from matcher.dumped import dump_board, load_board
from matcher.eip712 import keccak
from matcher.errors import ChainError, InvariantBroken, Reject
from matcher.events import CancelReason, Event
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import EventKind
from matcher.kernel.pools import Limits
from matcher.lines import Decoder, Encoder, signer_of, split
from matcher.names import Names
from matcher.refusals import refusal
from matcher.types import MAX_POSITIONS, POSITION_VALUE_MAX, SLOTS, SignedOrder, Windows

Row = tuple[int, ...]  # an EVENT record
Parts = dict[str, Records | bytes]


class Exchange(Board):
    """Applies commands, one after the other.

    Parameters
    ----------
    windows : Windows
        The immutable times of the deployment, of which it needs `lag`.
    limits : Limits
        How much there may ever be; at a limit new orders are refused with ``BUSY``.

    Attributes
    ----------
    encoder : Encoder
        Of this exchange's names.
    """

    def __init__(self, windows: Windows, limits: Limits | None = None):
        names = Names(windows.lag)
        super().__init__(Matching(limits, windows.lag), names)
        self.encoder = Encoder(names)
        self._decoder = Decoder(names)
        self._signed: dict[int, SignedOrder] = {}  # open orders, by account and slot
        self._tells: dict[int, Callable[[Any, Row, list[Event]], None]] = {
            EventKind.ACCEPTED: self._accepted,
            EventKind.TRADE: self._traded,
            EventKind.RESTED: _rested,
            EventKind.CANCELED: self._canceled,
            EventKind.AMENDED: _amended,
            EventKind.REJECTED: self._rejected,
            EventKind.DUPLICATE: _duplicate,
            EventKind.CREDITED: _credited,
            EventKind.RELEASED: _released,
            EventKind.WITHDRAWN: _withdrawn,
            EventKind.TRANSFERRED: _transferred,
            EventKind.SETTLED: _settled,
            EventKind.BATCH_OPENED: self._opened,
            EventKind.BATCH_CLOSED: _closed,
        }

    # --- the way in ------------------------------------------------------------------------------

    def apply(self, command: c.Command) -> list[Event]:
        """Apply one command.

        Returns
        -------
        list of Event
            What happened, in order; a single `Rejected` if the command was refused.

        Raises
        ------
        ChainError
            For a fact that the chain cannot tell, such as of an account never opened. Nothing has
            changed then.
        JournalError
            If a field is beyond what a line holds; nothing has changed.
        """
        lines = self.encoder.encode(command)
        return self._told(command, self._run(lines))

    def apply_lines(self, lines: bytes) -> tuple[c.Command, list[Event]]:
        """Apply the lines of one command, as `apply`; the command that they are."""
        command = self._decoder.decode(lines)
        rows = self._run(lines)
        faulted = bool(rows) and rows[0][0] == EventKind.FAULT
        try:
            self.names.learn(command, signer_of(lines))
        except ChainError as error:
            if faulted:
                raise
            raise InvariantBroken(f"the kernel took {command}: {error}") from error
        return command, self._told(command, rows)

    def _run(self, lines: bytes) -> list[Row]:
        """What the kernel answers to the lines of one command."""
        rows: list[Row] = self.kernel.run_bytes(lines).tolist()
        return rows

    def _told(self, command: c.Command, rows: list[Row]) -> list[Event]:
        """Events of a command; what only Python keeps follows them."""
        events: list[Event] = []
        for row in rows:
            if row[0] == EventKind.FAULT:
                raise ChainError(f"{command}: the chain cannot tell this")
            self._tells[row[0]](command, row, events)
        match command:
            case c.Halted(reason):
                self.halted = reason
            case c.Resumed():
                self.halted = None
            case c.Redate():
                events += redate_refusals(self, command)
        return events

    # --- events that change what is kept here ----------------------------------------------------

    def _accepted(self, command: c.PlaceOrder, row: Row, events: list[Event]) -> None:
        _, sells, _, instrument, order_id, _, account, _, tick, lots, *_ = row
        self._signed[account * SLOTS + order_id % SLOTS] = command.signed
        events.append(e.OrderAccepted(account, order_id, instrument, not sells, tick, lots))

    def _traded(self, _command: c.Command, row: Row, events: list[Event]) -> None:
        (
            _, sells, _, instrument, taker_id, maker_id, taker, maker,
            tick, lots, taker_remaining, maker_remaining, taker_fee, maker_fee,
        ) = row  # fmt: skip
        events += (
            e.Trade(
                instrument,
                tick,
                lots,
                bool(sells),
                taker,
                maker,
                taker_id,
                maker_id,
                taker_fee,
                maker_fee,
                taker_remaining,
                maker_remaining,
                self._signed_order(taker, taker_id, taker_remaining),
                self._signed_order(maker, maker_id, maker_remaining),
            ),
            _op(words.Fill(sells, taker, maker, instrument, tick, lots, taker_id, maker_id)),
        )

    def _signed_order(self, account: int, order_id: int, remaining: int) -> SignedOrder:
        """A party's order; it is forgotten when nothing of it remains."""
        key = account * SLOTS + order_id % SLOTS
        return self._signed[key] if remaining else self._signed.pop(key)

    def _canceled(self, _: c.Command, row: Row, events: list[Event]) -> None:
        order_id, account, remaining = row[4], row[6], row[10]
        del self._signed[account * SLOTS + order_id % SLOTS]
        events.append(e.OrderCanceled(account, order_id, remaining, CancelReason(row[2])))

    def _rejected(self, command: c.Command, row: Row, events: list[Event]) -> None:
        events.append(refusal(self, command, row[2], row[12], row[13]))

    def _opened(self, _: c.Command, row: Row, events: list[Event]) -> None:
        built_at = row[12]
        for key in self.listings.due_prices(built_at):
            self.listings.waiting.discard(key)
        events.append(e.BatchOpened(built_at))

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self) -> Parts:
        """Everything there is, as arrays and bytes, for `load`."""
        signed = b"".join(
            self.encoder.encode(c.PlaceOrder(signed)) for _, signed in sorted(self._signed.items())
        )
        return {"signed": signed, **dump_board(self, self.names, self.encoder)}

    def load(self, parts: Parts) -> None:
        """Become what was dumped; this exchange is a new one."""
        load_board(self, self._decoder, parts)
        self._signed = {}
        for lines in split(bytes(parts["signed"])):
            command = self._decoder.decode(lines)
            assert isinstance(command, c.PlaceOrder), "`dump` writes no other"
            order = command.signed.order
            self._signed[order.account * SLOTS + order.id % SLOTS] = command.signed

    # --- what auditors ask -----------------------------------------------------------------------

    def state_hash(self) -> bytes:
        """keccak256 of the state text, 32 bytes."""
        return keccak(self.state_text().encode())

    def check(self) -> None:
        """Raise `InvariantBroken` if anything is found that must never be. Reads everything.

        Notes
        -----
        S2 (what accounts hold is what came in), S3 (lots of an instrument sum to zero), S5 (rule 0,
        with and without open orders), limits of positions, and the kernel's own indices.
        """
        self.kernel.check()
        if list(self.listing_lines()) != self.listings.state_lines():
            raise InvariantBroken("what is listed differs between the kernel and the names")
        self._check_money()
        self._check_positions()
        standing = {o.account * SLOTS + o.id % SLOTS for o in self._standing()}
        if standing != self._signed.keys():
            raise InvariantBroken("the signed orders that are kept are not those in the books")

    def _standing(self) -> list[Any]:
        pool = self.records("orders")[: self.number("high_water")]
        return [self.open_order(number) for number in np.flatnonzero(pool["rests"]).tolist()]

    def _check_money(self) -> None:
        money = 0
        for account in self.accounts.values():
            money += account.cash - account.leased - account.credited + account.exited
            if account.worst < 0 or account.worst_with_orders < 0:
                raise InvariantBroken(
                    f"S5: account {account.index} is worth {account.worst} at worst,"
                    f" {account.worst_with_orders} with its orders"
                )
        if money:
            raise InvariantBroken(f"S2: accounts hold {money} atoms that never came in")

    def _check_positions(self) -> None:
        lots: dict[int, int] = {}
        counts: dict[int, int] = {}
        held = self.holdings()
        for account, instrument, position in held[held["lots"] != 0][
            ["account", "instrument", "lots"]
        ].tolist():
            lots[instrument] = lots.get(instrument, 0) + position
            counts[account] = counts.get(account, 0) + 1
            cap = self.listings.lines[instrument].contract.cap
            if abs(position) * cap > POSITION_VALUE_MAX or counts[account] > MAX_POSITIONS:
                raise InvariantBroken(
                    f"account {account} holds {position} of {instrument}, its {counts[account]}th"
                )
        unmatched = {index: total for index, total in lots.items() if total}
        if unmatched:
            raise InvariantBroken(f"S3: lots do not sum to zero: {unmatched}")


def redate_refusals(board: Board, command: c.Redate) -> list[Event]:
    """Batches are the batcher's business; here only the time is judged."""
    if board.batch_open:
        found, allowed = "an open batch", "none open: close it first"
        return [e.Rejected(Reject.BATCH_HAS_OPS, "batch", found, allowed)]
    if command.built_at > board.now:
        found, allowed = str(command.built_at), f"up to {board.now} (now)"
        return [e.Rejected(Reject.OUT_OF_RANGE, "built_at", found, allowed)]
    return []


# --- events that change nothing here -------------------------------------------------------------


def _op(op: words.Op) -> e.Op:
    return e.Op(words.pack(op))


def _rested(_: c.Command, row: Row, events: list[Event]) -> None:
    events.append(e.OrderRested(row[6], row[4], row[10]))


def _amended(_: c.Command, row: Row, events: list[Event]) -> None:
    events.append(e.OrderAmended(row[6], row[4], row[9], row[10]))


def _duplicate(_: c.Command, row: Row, events: list[Event]) -> None:
    events.append(e.Duplicate(row[6], row[4], row[9], row[10]))


def _credited(_: c.Command, row: Row, events: list[Event]) -> None:
    account, amount = row[6], row[12]
    events += (e.Credited(account, amount), _op(words.Credit(account, amount)))


def _released(_: c.Command, row: Row, events: list[Event]) -> None:
    account, amount, served = row[6], row[12], row[13]
    events += (e.Released(account, amount, served), _op(words.Release(account, amount, served)))


def _withdrawn(command: c.WithdrawRequest, row: Row, events: list[Event]) -> None:
    event = e.Withdrawn(command.message, command.signature)
    events += (event, _op(words.Withdraw(row[6], row[12], row[4])))


def _transferred(command: c.TransferRequest, row: Row, events: list[Event]) -> None:
    event = e.Transferred(command.message, command.signature)
    events += (event, _op(words.Transfer(row[6], row[7], row[12], row[4])))


def _settled(_: c.Command, row: Row, events: list[Event]) -> None:
    account, market, expiry, cash = row[6], row[3], row[8], row[12]
    event = e.SettledPosition(account, market, expiry, cash)
    events += (event, _op(words.Settle(account, market, expiry)))


def _closed(_: c.Command, row: Row, events: list[Event]) -> None:
    events.append(e.BatchClosed(row[12], row[9]))
