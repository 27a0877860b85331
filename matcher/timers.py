"""Which open orders must leave as time goes on, found without looking at those that need not."""

import heapq
from collections.abc import Iterable, Mapping
from typing import Final

from matcher.account import Account
from matcher.book import OpenOrder
from matcher.events import CancelReason
from matcher.listings import Line

SLACK: Final = 1024  # canceled orders that may wait in the heap beside as many as are open


class Timers:
    """Three heaps: expiries of orders, closing times of instruments, ends of signers.

    Canceled orders stay in the first heap until they come up, or until they are the most of it.
    """

    def __init__(self) -> None:
        self._orders: list[tuple[int, int, OpenOrder]] = []  # (expiry, seq, order)
        self._closings: list[tuple[int, int]] = []  # (closes_at, instrument)
        self._signers: list[tuple[int, int]] = []  # (last valid second, account)

    def watch_order(self, order: OpenOrder, open_orders: int) -> None:
        """Watch an order that now rests, one of `open_orders`."""
        if len(self._orders) > 2 * open_orders + SLACK:
            self._orders = [entry for entry in self._orders if entry[2].resting]
            heapq.heapify(self._orders)
        heapq.heappush(self._orders, (order.expiry, order.seq, order))

    def watch_instrument(self, line: Line) -> None:
        heapq.heappush(self._closings, (line.closes_at, line.index))

    def watch_signer(self, account: int, until: int) -> None:
        """Watch a key, or the owner, of an account; after `until` its orders leave."""
        heapq.heappush(self._signers, (until, account))

    def due(
        self, now: int, accounts: Mapping[int, Account], lines: Mapping[int, Line]
    ) -> list[tuple[OpenOrder, CancelReason]]:
        """Orders that may no longer stand, by seq, each with the first reason that holds."""
        found: dict[int, OpenOrder] = {}

        def note(orders: Iterable[OpenOrder]) -> None:
            found.update((order.seq, order) for order in orders if order.resting)

        while self._orders and self._orders[0][0] < now:
            note([heapq.heappop(self._orders)[2]])
        while self._closings and self._closings[0][0] <= now:
            book = lines[heapq.heappop(self._closings)[1]].book
            note(book.bids)
            note(book.asks)
        while self._signers and self._signers[0][0] < now:
            account = accounts[heapq.heappop(self._signers)[1]]
            note(order for order in account.open.values() if signer_ended(account, order, now))
        return [
            (order, _reason(order, now, lines[order.instrument]))
            for _, order in sorted(found.items())
        ]


def signer_ended(account: Account, order: OpenOrder, now: int) -> bool:
    """Whether who signed an order may no longer sign."""
    if order.signer == account.owner:
        return 0 < account.orders_until < now
    return account.keys[order.signer].valid_until < now


def _reason(order: OpenOrder, now: int, line: Line) -> CancelReason:
    if order.expiry < now:
        return CancelReason.EXPIRED
    if line.closes_at <= now:
        return CancelReason.INSTRUMENT_CLOSED
    return CancelReason.SIGNER_INVALID
