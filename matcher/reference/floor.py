"""What the exchange knows (matching.md, State), and what every chapter does to it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from matcher.errors import Reject
from matcher.events import CancelReason, Event, OrderCanceled, Rejected
from matcher.events import Op as OpEvent
from matcher.reference import words
from matcher.reference.book import Book, OpenOrder
from matcher.reference.context import Context
from matcher.reference.leaf import Account
from matcher.reference.risk import worst_with_orders
from matcher.reference.state import State
from matcher.types import FEE_ACCOUNT, Windows


class Refused(Exception):
    """A command is refused; nothing was changed."""

    def __init__(self, code: Reject, name: str, found: object, allowed: str):
        self.event = Rejected(code=code, field=name, found=str(found), allowed=allowed)
        super().__init__(f"{code.name} {name}: found {found}, allowed {allowed}")


def require(condition: bool, code: Reject, name: str, found: object, allowed: str) -> None:
    """Refuse the command unless the condition holds."""
    if not condition:
        raise Refused(code, name, found, allowed)


@dataclass
class Floor:
    """The whole state of the exchange."""

    windows: Windows
    now: int = 0
    batch_open: bool = False
    ops: int = 0  # in the open batch
    next_seq: int = 1
    halted: bool = False
    # what a prover knows too; a price stands in it once it has taken effect
    context: Context = field(init=False)
    state: State = field(default_factory=State)
    prices: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # price, fixed_at
    symbols: dict[str, int] = field(default_factory=dict)  # symbol -> instrument
    owners: dict[int, bytes] = field(default_factory=lambda: {FEE_ACCOUNT: bytes(20)})
    orders_until: dict[int, int] = field(default_factory=dict)  # by account; absent: forever
    keys: dict[int, dict[bytes, tuple[int, int]]] = field(default_factory=dict)  # from, until
    books: dict[int, Book] = field(default_factory=dict)  # by instrument
    orders: dict[int, dict[int, OpenOrder]] = field(default_factory=dict)  # account -> slot -> open
    seen: dict[int, dict[int, tuple[int, bytes]]] = field(default_factory=dict)  # slot: id, digest
    events: list[Event] = field(default_factory=list)  # of the command at hand

    def __post_init__(self) -> None:
        self.context = Context(built_at=0, lag=self.windows.lag)

    def fork(self, instrument: int) -> "Floor":
        """A copy with one book, in which matching can be tried; facts are shared."""
        book = self.books.get(instrument, Book()).copy()
        twin = replace(self, state=State(), books={instrument: book}, orders={}, events=[])
        twin.context = self.context
        twin.state.accounts = dict(self.state.accounts)  # accounts are replaced, never changed
        for order in book.bids + book.asks:
            twin.orders.setdefault(order.account, {})[order.slot] = order
        return twin

    # --- reading ---------------------------------------------------------------------------------

    def account(self, index: int) -> Account:
        return self.state.account(index)

    def open_orders(self, wanted: Callable[[OpenOrder], bool] = lambda _: True) -> list[OpenOrder]:
        """Open orders in the order of seq."""
        found = [o for of in self.orders.values() for o in of.values() if wanted(o)]
        return sorted(found, key=lambda order: order.seq)

    def open_orders_of(self, account: int) -> list[OpenOrder]:
        """Open orders of one account in the order of seq."""
        return sorted(self.orders.get(account, {}).values(), key=lambda order: order.seq)

    def worst(self, account: int) -> int:
        """The least the account is worth, orders aside; atoms."""
        return self.state.worst(account, self.context)

    def worst_with_orders(self, account: int, new: OpenOrder | None = None) -> int:
        """The least it is worth with its open orders, and a new one, at their worst; atoms."""
        orders = [*self.orders.get(account, {}).values(), *([new] if new else [])]
        return worst_with_orders(self.context, self.account(account), orders)

    # --- changing --------------------------------------------------------------------------------

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def perform(self, op: words.Op) -> None:
        """Apply an op and put it into the batch; its fees reach the fee account at once."""
        fees = self.state.apply(op, self.context)
        if fees:
            self.state.book_fees(fees)
        self.ops += 1
        self.emit(OpEvent(word=words.to_bytes(op)))

    def rest(self, order: OpenOrder) -> None:
        """Put an order into its book."""
        self.books.setdefault(order.instrument, Book()).add(order)
        self.orders.setdefault(order.account, {})[order.slot] = order

    def remove(self, order: OpenOrder) -> None:
        """Take an order out of its book."""
        self.books[order.instrument].remove(order)
        del self.orders[order.account][order.slot]

    def cancel(self, order: OpenOrder, reason: CancelReason) -> None:
        """Take an order out of its book and say so."""
        self.remove(order)
        self.say_canceled(order, reason)

    def say_canceled(self, order: OpenOrder, reason: CancelReason) -> None:
        self.emit(
            OrderCanceled(
                account=order.account, id=order.id, remaining=order.remaining, reason=reason
            )
        )
