"""Commands as lines of 64 bytes, and back (`matcher.kernel.layout` says what lies where).

The journal, the rings and the kernel carry lines. Names become numbers here, once: symbols become
instruments, prices ticks, addresses of signers their numbers; widths are checked here, so that the
kernel need not.

What lines do not hold: the symbol of an order whose symbol is not listed, the price of one that is
no price of its market, who sent a cancel or amend that none of the account's signers signed, and
amounts above 2^63 - 1. All of these are refused whatever else they say, and whoever sent them has
the message itself. `Decoder` puts something in their places that is refused likewise, so
that lines, commands and lines again are the same.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

from matcher import commands as c
from matcher.errors import JournalError
from matcher.kernel.layout import CommandKind, CommandMark
from matcher.names import Names
from matcher.types import U32, Order, SignedOrder, Transfer, Withdrawal
from matcher.widths import require_widths

LINE: Final = 64  # bytes
_COMMAND: Final = struct.Struct("<6BHIIqIIqIIqq")
_FACT: Final = struct.Struct("<B3xB3xIIqIIqIIqq")
_SIGNED: Final = struct.Struct("<32s20sB11x")
_RATES: Final = struct.Struct("<4q32x")
_FIRST_FACT: Final = int(CommandKind.MARKET_LISTED)
_ANNEX_AT: Final = 4  # byte of a line that says how many follow it
_AMOUNT_MAX: Final = (1 << 63) - 1  # atoms; no account ever has so many
_NO_SIGNATURE: Final = bytes(65)
_NO_DIGEST: Final = bytes(32)


class Encoder:
    """Commands to lines. It learns from the facts that it encodes: one encoder, in order.

    Parameters
    ----------
    names : Names

    Notes
    -----
    `encode` answers bytes: 64 for the command and 64 for each line of its annex. Numpy reads them
    as records: ``numpy.frombuffer(lines, _COMMAND)``.
    """

    def __init__(self, names: Names):
        self.names = names
        self._packers: dict[type[c.Command], Callable[[Any, int], bytes]] = {
            c.Clock: lambda x, o: _command(CommandKind.CLOCK, time=x.time, origin=o),
            c.OpenBatch: lambda _, o: _command(CommandKind.OPEN_BATCH, origin=o),
            c.CloseBatch: lambda _, o: _command(CommandKind.CLOSE_BATCH, origin=o),
            c.Redate: lambda x, o: _fact(
                CommandKind.REDATE, value=x.first_batch, time=x.built_at, other=x.mode, origin=o
            ),
            c.ChainBlock: lambda x, o: (
                _fact(CommandKind.CHAIN_BLOCK, annex=1, value=x.number, time=x.time, origin=o)
                + _signed(x.hash)
            ),
            c.MarketListed: _market,
            c.FeesSet: _fees,
            c.ExpiryOpened: lambda x, o: _fact(
                CommandKind.EXPIRY_OPENED, market=x.market, expiry=x.expiry, value=x.cap, origin=o
            ),
            c.InstrumentListed: lambda x, o: _fact(
                CommandKind.INSTRUMENT_LISTED,
                instrument=x.instrument,
                market=x.market,
                expiry=x.expiry,
                strike=x.strike,
                value=x.kind,
                origin=o,
            ),
            c.AccountOpened: self._account,
            c.Deposited: lambda x, o: _fact(
                CommandKind.DEPOSITED, account=x.account, value=x.deposited, time=x.at, origin=o
            ),
            c.Asked: lambda x, o: _fact(
                CommandKind.ASKED, account=x.account, value=x.asks, time=x.at, origin=o
            ),
            c.OrdersUntilSet: lambda x, o: _fact(
                CommandKind.ORDERS_UNTIL, account=x.account, time=x.until, origin=o
            ),
            c.KeySet: self._key,
            c.PriceFixed: lambda x, o: _fact(
                CommandKind.PRICE_FIXED,
                market=x.market,
                expiry=x.expiry,
                value=x.price,
                time=x.fixed_at,
                origin=o,
            ),
            c.OperatorNamed: lambda x, o: _fact(
                CommandKind.OPERATOR_NAMED, value=x.operator, origin=o
            ),
            c.BatchLimited: lambda x, o: _fact(
                CommandKind.BATCH_LIMITED, value=x.calldata, other=x.blob, origin=o
            ),
            c.Halted: lambda x, o: _with_text(CommandKind.HALTED, x.reason, origin=o),
            c.Resumed: lambda _, o: _fact(CommandKind.RESUMED, origin=o),
            c.PlaceOrder: self._place,
            c.CancelOrder: lambda x, o: _command(
                CommandKind.CANCEL,
                account=x.account,
                id=x.id,
                signer=self.names.number_of(x.account, x.signer),
                origin=o,
            ),
            c.CancelAll: self._cancel_all,
            c.AmendDown: lambda x, o: _command(
                CommandKind.AMEND,
                account=x.account,
                id=x.id,
                quantity=x.quantity,
                signer=self.names.number_of(x.account, x.signer),
                origin=o,
            ),
            c.WithdrawRequest: self._withdraw,
            c.TransferRequest: self._transfer,
        }

    def encode(self, command: c.Command, origin: int = 0) -> bytes:
        """Lines of a command.

        Parameters
        ----------
        command : Command
        origin : int
            Who sent it, and as what: 64 bits of the caller's own.

        Raises
        ------
        JournalError
            If a field is of another type, or beyond what it may be.
        ChainError
            For a fact that the chain cannot tell.
        """
        pack = self._packers.get(type(command))
        if pack is None:
            raise JournalError(f"{command!r:.200}: no command")
        require_widths(command)
        lines = pack(command, origin)
        if lines[0] >= _FIRST_FACT:
            self.names.learn(command, self.names.number_for(command))
        return lines

    # --- facts -----------------------------------------------------------------------------------

    def _account(self, fact: c.AccountOpened, origin: int) -> bytes:
        number = self.names.number_for(fact)
        return _fact(
            CommandKind.ACCOUNT_OPENED, annex=1, account=fact.account, signer=number, origin=origin
        ) + _signed(address=fact.owner)

    def _key(self, fact: c.KeySet, origin: int) -> bytes:
        return _fact(
            CommandKind.KEY_SET,
            annex=1,
            account=fact.account,
            signer=self.names.number_for(fact),
            value=fact.valid_from,
            time=fact.valid_until,
            origin=origin,
        ) + _signed(address=fact.key)

    # --- traders ---------------------------------------------------------------------------------

    def _place(self, command: c.PlaceOrder, origin: int) -> bytes:
        signed = command.signed
        order = signed.order
        listings = self.names.listings
        instrument = listings.by_symbol.get(order.instrument, 0)
        mark = tick = 0
        if instrument:
            tick, rest = divmod(order.price, listings.lines[instrument].tick_value)
            if rest or tick > U32:
                mark, tick = 1, 0  # OFF_TICK
        return (
            _COMMAND.pack(
                1,  # PLACE
                not order.buy,
                order.flags,
                command.self_trade,
                2,
                mark,
                0,
                order.account,
                instrument,
                order.id,
                tick,
                order.quantity,
                order.expiry,
                self.names.number_of(order.account, signed.signer),
                0,
                0,
                origin,
            )
            + _signed(signed.digest, signed.signer, signed.signature)
            + signed.signature[:64]
        )

    def _cancel_all(self, command: c.CancelAll, origin: int) -> bytes:
        return _command(
            CommandKind.CANCEL_ALL,
            annex=1,
            mark=0 if command.instrument else CommandMark.ALL,
            account=command.account,
            instrument=command.instrument,
            time=command.expiry,
            signer=self.names.number_of(command.account, command.signer),
            origin=origin,
        ) + _signed(command.digest or _NO_DIGEST, command.signer)

    def _withdraw(self, command: c.WithdrawRequest, origin: int) -> bytes:
        message = command.message
        return _command(
            CommandKind.WITHDRAW,
            annex=2,
            account=message.account,
            id=message.id,
            time=message.expiry,
            signer=self.names.number_of(message.account, command.signer),
            amount=min(message.amount, _AMOUNT_MAX),
            origin=origin,
        ) + _proof(command)

    def _transfer(self, command: c.TransferRequest, origin: int) -> bytes:
        message = command.message
        return _command(
            CommandKind.TRANSFER,
            annex=2,
            account=message.source,
            id=message.id,
            time=message.expiry,
            signer=self.names.number_of(message.source, command.signer),
            target=message.target,
            amount=min(message.amount, _AMOUNT_MAX),
            origin=origin,
        ) + _proof(command)


def _command(
    kind: int,
    *,
    annex: int = 0,
    mark: int = 0,
    account: int = 0,
    instrument: int = 0,
    id: int = 0,  # noqa: A002 - the field's name
    quantity: int = 0,
    time: int = 0,
    signer: int = 0,
    target: int = 0,
    amount: int = 0,
    origin: int = 0,
) -> bytes:
    return _COMMAND.pack(
        kind, 0, 0, 0, annex, mark, 0,
        account, instrument, id, 0, quantity, time, signer, target, amount, origin,
    )  # fmt: skip


def _fact(
    kind: int,
    *,
    annex: int = 0,
    account: int = 0,
    instrument: int = 0,
    value: int = 0,
    market: int = 0,
    expiry: int = 0,
    time: int = 0,
    signer: int = 0,
    strike: int = 0,
    other: int = 0,
    origin: int = 0,
) -> bytes:
    return _FACT.pack(
        kind, annex,
        account, instrument, value, market, expiry, time, signer, strike, other, origin,
    )  # fmt: skip


def _with_text(kind: int, text: str, **fields: int) -> bytes:
    """A fact and, in its annex, a text."""
    data = text.encode()
    lines = -(-len(data) // LINE)
    return _fact(kind, annex=lines, strike=len(data), **fields) + data.ljust(lines * LINE, b"\0")


def _market(fact: c.MarketListed, origin: int) -> bytes:
    return _with_text(
        CommandKind.MARKET_LISTED,
        fact.name,
        market=fact.market,
        value=fact.tick_value,
        other=fact.strike_value,
        origin=origin,
    )


def _fees(fact: c.FeesSet, origin: int) -> bytes:
    return _fact(
        CommandKind.FEES_SET, annex=1, market=fact.market, time=fact.active_at, origin=origin
    ) + _RATES.pack(fact.old_taker, fact.old_maker, fact.new_taker, fact.new_maker)


def _proof(command: c.WithdrawRequest | c.TransferRequest) -> bytes:
    signature = command.signature
    return _signed(command.digest, command.signer, signature) + signature[:64]


def _signed(
    digest: bytes = _NO_DIGEST,
    address: bytes = bytes(20),
    signature: bytes = _NO_SIGNATURE,
) -> bytes:
    return _SIGNED.pack(digest, address, signature[64])


# --- back --------------------------------------------------------------------------------------


def split(lines: bytes) -> Iterator[bytes]:
    """The lines of each command.

    Raises
    ------
    JournalError
        If they end within a command.
    """
    at = 0
    while at < len(lines):
        end = at + LINE * (1 + lines[at + _ANNEX_AT]) if at + LINE <= len(lines) else at + LINE
        if end > len(lines):
            raise JournalError(f"line {at // LINE}: found {len(lines) - at} bytes of {end - at}")
        yield lines[at:end]
        at = end


def origin_of(lines: bytes) -> int:
    """Who sent a command, and as what."""
    return int.from_bytes(lines[56:64], "little", signed=True)


def signer_of(lines: bytes) -> int:
    """Number of who signed a command, or whom a fact names."""
    return int.from_bytes(lines[40:44], "little")


class Decoder:
    """Lines to commands. What it needs to know it learns from the lines themselves.

    Parameters
    ----------
    names : Names
        May be an encoder's own.
    """

    def __init__(self, names: Names):
        self.names = names

    def decode(self, lines: bytes) -> c.Command:
        """The command of these lines; the names are those of now.

        Raises
        ------
        JournalError
            If they are none that `Encoder` makes.
        """
        try:
            kind = CommandKind(lines[0])
            if len(lines) != LINE * (1 + lines[_ANNEX_AT]):
                raise ValueError(f"{len(lines)} bytes")
            return _DECODERS[kind](self.names, _Line(lines))
        except (IndexError, ValueError, KeyError, struct.error) as error:
            raise JournalError(f"found {lines[:LINE].hex()}: no command: {error}") from error

    def observe(self, lines: bytes) -> c.Command:
        """Decode, and learn from it what an encoder in the same place would know.

        Raises
        ------
        ChainError
            For a fact that the chain cannot tell.
        """
        command = self.decode(lines)
        self.names.learn(command, signer_of(lines))
        return command


class _Line:
    """The lines of one command, by field."""

    def __init__(self, lines: bytes):
        self._lines = lines
        (
            _, self.sells, self.flags, self.self_trade, self.annex, self.mark, _,
            self.account, self.instrument, self.id, self.tick, self.quantity,
            self.time, self.signer, self.target, self.amount, _,
        ) = _COMMAND.unpack_from(lines)  # fmt: skip
        # A fact's fields lie in the same places.
        self.value, self.market, self.expiry = self.id, self.tick, self.quantity
        self.strike, self.other = self.target, self.amount

    @property
    def text(self) -> str:
        return self._lines[LINE : LINE + self.strike].decode()

    @property
    def digest(self) -> bytes:
        return self._lines[64:96] if self.annex else _NO_DIGEST

    @property
    def address(self) -> bytes:
        return self._lines[96:116]

    @property
    def signature(self) -> bytes:
        if self.annex < 2:
            return _NO_SIGNATURE
        return self._lines[128:192] + self._lines[116:117]

    @property
    def rates(self) -> tuple[int, int, int, int]:
        taker, maker, new_taker, new_maker = _RATES.unpack_from(self._lines, LINE)
        return taker, maker, new_taker, new_maker


def _placed(names: Names, x: _Line) -> c.Command:
    symbol, price = "", 0
    if x.instrument:
        line = names.listings.lines[x.instrument]
        tick = U32 + 1 if x.mark & CommandMark.OFF_TICK else x.tick
        symbol, price = line.symbol, tick * line.tick_value
    order = Order(x.account, symbol, not x.sells, price, x.quantity, x.id, x.time, x.flags)
    signer = x.address if x.annex else names.address_of(x.signer)
    return c.PlaceOrder(SignedOrder(order, x.signature, x.digest, signer), x.self_trade)


_DECODERS: Final[dict[CommandKind, Callable[[Names, _Line], c.Command]]] = {
    CommandKind.PLACE: _placed,
    CommandKind.CANCEL: lambda n, x: c.CancelOrder(x.account, x.id, n.address_of(x.signer)),
    CommandKind.CANCEL_ALL: lambda _, x: c.CancelAll(
        x.account, x.instrument, x.address, x.digest if any(x.digest) else b"", x.time
    ),
    CommandKind.AMEND: lambda n, x: c.AmendDown(
        x.account, x.id, x.quantity, n.address_of(x.signer)
    ),
    CommandKind.CLOCK: lambda _, x: c.Clock(x.time),
    CommandKind.OPEN_BATCH: lambda *_: c.OpenBatch(),
    CommandKind.CLOSE_BATCH: lambda *_: c.CloseBatch(),
    CommandKind.WITHDRAW: lambda _, x: c.WithdrawRequest(
        Withdrawal(x.account, x.amount, x.id, x.time), x.signature, x.digest, x.address
    ),
    CommandKind.TRANSFER: lambda _, x: c.TransferRequest(
        Transfer(x.account, x.target, x.amount, x.id, x.time), x.signature, x.digest, x.address
    ),
    CommandKind.MARKET_LISTED: lambda _, x: c.MarketListed(x.market, x.text, x.value, x.other),
    CommandKind.FEES_SET: lambda _, x: c.FeesSet(x.market, *x.rates, x.time),
    CommandKind.EXPIRY_OPENED: lambda _, x: c.ExpiryOpened(x.market, x.expiry, x.value),
    CommandKind.INSTRUMENT_LISTED: lambda _, x: c.InstrumentListed(
        x.instrument, x.market, x.value, x.expiry, x.strike
    ),
    CommandKind.ACCOUNT_OPENED: lambda _, x: c.AccountOpened(x.account, x.address),
    CommandKind.DEPOSITED: lambda _, x: c.Deposited(x.account, x.value, x.time),
    CommandKind.ASKED: lambda _, x: c.Asked(x.account, x.value, x.time),
    CommandKind.ORDERS_UNTIL: lambda _, x: c.OrdersUntilSet(x.account, x.time),
    CommandKind.KEY_SET: lambda _, x: c.KeySet(x.account, x.address, x.value, x.time),
    CommandKind.PRICE_FIXED: lambda _, x: c.PriceFixed(x.market, x.expiry, x.value, x.time),
    CommandKind.HALTED: lambda _, x: c.Halted(x.text),
    CommandKind.RESUMED: lambda *_: c.Resumed(),
    CommandKind.CHAIN_BLOCK: lambda _, x: c.ChainBlock(x.value, x.digest, x.time),
    CommandKind.OPERATOR_NAMED: lambda _, x: c.OperatorNamed(x.value),
    CommandKind.REDATE: lambda _, x: c.Redate(x.value, x.time, x.other),
    CommandKind.BATCH_LIMITED: lambda _, x: c.BatchLimited(x.value, x.other),
}
