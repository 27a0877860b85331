"""The exchange: every command, and what it answers (matching.md)."""

from collections.abc import Iterator

from matcher import commands
from matcher.errors import InvariantBroken
from matcher.events import Event
from matcher.reference import facts, placing, requests
from matcher.reference.floor import Floor, Refused
from matcher.reference.leaf import Account, generation_of
from matcher.reference.tree import keccak
from matcher.types import Windows


class Exchange:
    """A whole exchange, one command at a time.

    Parameters
    ----------
    windows : Windows
        The immutable times of the deployment; matching reads `lag` alone.
    """

    def __init__(self, windows: Windows):
        self.floor = Floor(windows)

    def apply(self, command: commands.Command) -> list[Event]:
        """Apply a command; what happened, in that order.

        A command that is refused answers one `Rejected` and has changed nothing.
        """
        self.floor.events = []
        try:
            self._dispatch(command)
        except Refused as refused:
            return [refused.event]
        return self.floor.events

    def _dispatch(self, command: commands.Command) -> None:
        floor = self.floor
        match command:
            case commands.Clock() | commands.ChainBlock():
                facts.tell_time(floor, command.time)
            case commands.OpenBatch():
                facts.open_batch(floor)
            case commands.CloseBatch():
                facts.close_batch(floor)

            case commands.MarketListed():
                facts.market_listed(floor, command)
            case commands.FeesSet():
                facts.fees_set(floor, command)
            case commands.ExpiryOpened():
                facts.expiry_opened(floor, command)
            case commands.InstrumentListed():
                facts.instrument_listed(floor, command)
            case commands.PriceFixed():
                facts.price_fixed(floor, command)
            case commands.AccountOpened():
                facts.account_opened(floor, command)
            case commands.Deposited():
                facts.deposited(floor, command)
            case commands.Asked():
                facts.asked(floor, command)
            case commands.OrdersUntilSet():
                facts.orders_until_set(floor, command)
            case commands.KeySet():
                facts.key_set(floor, command)
            case commands.Halted():
                floor.halted = True
            case commands.Resumed():
                floor.halted = False

            case commands.PlaceOrder():
                placing.place(floor, command)
            case commands.CancelOrder():
                requests.cancel(floor, command)
            case commands.CancelAll():
                requests.cancel_all(floor, command)
            case commands.AmendDown():
                requests.amend(floor, command)
            case commands.WithdrawRequest():
                requests.withdraw(floor, command)
            case commands.TransferRequest():
                requests.transfer(floor, command)
            case _:
                raise TypeError(f"not a command: {command!r}")

    # --- state text and state hash ---------------------------------------------------------------

    def state_text(self) -> str:
        """Everything the exchange knows, one fact per line."""
        return "".join(f"{line}\n" for line in self._state_lines())

    def state_hash(self) -> bytes:
        """Keccak-256 of the state text."""
        return keccak(self.state_text().encode())

    def _state_lines(self) -> Iterator[str]:
        floor, context = self.floor, self.floor.context
        yield (
            f"time {floor.now} {context.built_at} {int(floor.batch_open)} {floor.ops}"
            f" {floor.next_seq}"
        )
        yield f"halted {int(floor.halted)}"
        for market in sorted(context.markets.values(), key=lambda m: m.index):
            fees = context.fees[market.index]
            yield (
                f"market {market.index} {market.name} {market.tick_value} {market.strike_value}"
                f" {fees.old_taker} {fees.old_maker} {fees.new_taker} {fees.new_maker}"
                f" {fees.active_at}"
            )
        for (m, expiry), cap in sorted(context.caps.items()):
            yield f"expiry {m} {expiry} {cap}"
        for (m, expiry), (price, fixed_at) in sorted(floor.prices.items()):
            effect = int((m, expiry) in context.prices)
            yield f"price {m} {expiry} {price} {fixed_at} {effect}"
        for i in sorted(context.instruments.values(), key=lambda i: i.index):
            yield f"instrument {i.index} {i.market} {i.kind} {i.expiry} {i.strike}"
        for index in sorted(floor.owners):
            yield from self._account_lines(index, floor.account(index))
        for instrument in sorted(floor.books):
            book = floor.books[instrument]
            for order in book.bids + book.asks:
                yield (
                    f"order {instrument} {'B' if order.buy else 'S'} {order.tick} {order.seq}"
                    f" {order.account} {order.id} {order.remaining} {order.quantity}"
                    f" {int(order.signed.order.flags)} {order.signed.order.expiry}"
                    f" {order.signed.signer.hex()}"
                )

    def _account_lines(self, index: int, account: Account) -> Iterator[str]:
        floor = self.floor
        yield (
            f"account {index} {floor.owners[index].hex()} {floor.orders_until.get(index, 0)}"
            f" {floor.context.deposited.get(index, 0)} {floor.context.asks.get(index, 0)}"
            f" {account.cash} {account.exited} {account.credited} {account.served}"
        )
        for key, (valid_from, valid_until) in sorted(floor.keys.get(index, {}).items()):
            yield f"key {index} {key.hex()} {valid_from} {valid_until}"
        for instrument, lots in sorted(account.positions.items()):
            yield f"position {index} {instrument} {lots}"
        for number, slot in sorted(account.slots.used.items()):
            yield f"slot {index} {number} {slot.generation} {slot.filled}"
        for number, (message_id, digest) in sorted(floor.seen.get(index, {}).items()):
            yield f"seen {index} {number} {message_id} {digest.hex()}"

    # --- invariants ------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise InvariantBroken if anything is as it must never be.

        Notes
        -----
        S2, S3, S4, S5 as far as one moment shows them, and the order of the books.
        """
        self._check_sums()
        for index in sorted(self.floor.owners):
            for name, value in (
                ("worst", self.floor.worst(index)),
                ("worst with orders", self.floor.worst_with_orders(index)),
            ):
                hold(value >= 0, f"S5: {name} of account {index} is {value}")
        for instrument in sorted(self.floor.books):
            self._check_book(instrument)

    def _check_sums(self) -> None:
        accounts = self.floor.state.accounts.values()
        lots: dict[int, int] = {}
        for account in accounts:
            for instrument, position in account.positions.items():
                lots[instrument] = lots.get(instrument, 0) + position
        # All accounts settle an expiry in one command, so between commands lots always meet.
        unmet = {instrument: total for instrument, total in lots.items() if total}
        hold(not unmet, f"S3: lots do not sum to zero: {unmet}")
        cash = sum(account.cash for account in accounts)
        held = sum(account.credited - account.exited for account in accounts)
        hold(cash == held, f"S2: cash {cash}, credited less exited {held}")

    def _check_book(self, instrument: int) -> None:
        book = self.floor.books[instrument]
        for side in (book.bids, book.asks):
            ranks = [order.rank() for order in side]
            hold(ranks == sorted(ranks), f"book {instrument} is out of order")
            for order in side:
                signed = order.signed.order
                slot = self.floor.account(order.account).slots[order.slot]
                filled = slot.filled if slot.generation == generation_of(order.id) else 0
                hold(
                    0 < order.remaining <= order.quantity <= signed.quantity
                    and filled == order.filled,
                    f"S4: order {order.id} of account {order.account}: {filled} filled in its"
                    f" slot, {order.filled} of {order.quantity} in the book",
                )
        if book.bids and book.asks:
            bid, ask = book.bids[0], book.asks[0]
            hold(bid.tick < ask.tick, f"book {instrument} is crossed: {bid.tick}, {ask.tick}")


def hold(condition: bool, broken: str) -> None:
    """Raise InvariantBroken unless the condition holds."""
    if not condition:
        raise InvariantBroken(broken)
