"""The exchange: commands in, events out (docs/reference/matching.md). No clock, no I/O, no chance.

The same commands give the same events and the same `state_hash()` on any machine; the journal and
everything behind it stand on that.
"""

from collections.abc import Callable
from typing import Any, Final

from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.account import Account, Key
from matcher.admission import (
    Admitted,
    admit_canceler,
    admit_mover,
    admit_open_batch,
    admit_order,
    admit_redate,
    check_amend,
    check_fok,
    check_margin,
    find_open,
    instrument_unknown,
)
from matcher.book import OpenOrder
from matcher.eip712 import keccak
from matcher.errors import ChainError
from matcher.events import CancelReason, Event, Rejected
from matcher.listings import Line
from matcher.matching import Drop, Fill, Holding, Matcher, Plan
from matcher.state import State
from matcher.timers import Timers
from matcher.types import FEE_ACCOUNT, U32, OrderFlag, Windows
from matcher.views import Views

RESERVED_ACCOUNT: Final = 1  # never opened


class Engine(Views):
    """Applies commands, one after the other.

    Parameters
    ----------
    windows : Windows
        The immutable times of the deployment, of which it needs `lag`.

    Notes
    -----
    Placing an order costs O(log levels) for the book, and for margin one pass over the points (the
    strikes that the account holds or has on order in that expiry) for each order it meets.
    """

    def __init__(self, windows: Windows):
        super().__init__(State(windows))
        self._timers = Timers()
        self._events: list[Event] = []
        self._handlers: dict[type[c.Command], Callable[[Any], None]] = {
            c.Clock: self._clock,
            c.OpenBatch: self._open_batch,
            c.CloseBatch: self._close_batch,
            c.Redate: self._redate,
            c.ChainBlock: self._clock,
            c.MarketListed: self._state.listings.list_market,
            c.FeesSet: self._fees_set,
            c.ExpiryOpened: self._state.listings.open_expiry,
            c.InstrumentListed: self._instrument_listed,
            c.AccountOpened: self._account_opened,
            c.Deposited: self._deposited,
            c.Asked: self._asked,
            c.OrdersUntilSet: self._orders_until_set,
            c.KeySet: self._key_set,
            c.PriceFixed: self._state.listings.fix_price,
            c.OperatorNamed: lambda _: None,  # the batcher's business
            c.Halted: self._halted,
            c.Resumed: self._resumed,
            c.PlaceOrder: self._place,
            c.CancelOrder: self._cancel,
            c.CancelAll: self._cancel_all,
            c.AmendDown: self._amend,
            c.WithdrawRequest: self._withdraw,
            c.TransferRequest: self._transfer,
        }

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
        """
        self._events = []
        self._handlers[type(command)](command)
        return self._events

    def _op(self, event: Event, op: words.Op) -> None:
        self._events += (event, e.Op(words.pack(op)))
        self._state.batch_ops += 1

    # --- time and batches ------------------------------------------------------------------------

    def _clock(self, command: c.Clock | c.ChainBlock) -> None:
        state = self._state
        state.now = max(state.now, command.time)
        for order, reason in self._timers.due(state.now, state.accounts, state.listings.lines):
            self._cancel_open(order, reason)

    def _open_batch(self, _: c.OpenBatch) -> None:
        state = self._state
        refused = admit_open_batch(state)
        if refused is not None:
            self._events.append(refused)
            return
        state.built_at = max(state.built_at, state.now)
        state.batch_open = True
        self._events.append(e.BatchOpened(state.built_at))
        for key in state.listings.due_prices(state.built_at):
            self._settle(key)
        waiting, state.waiting = sorted(state.waiting), set()
        for index in waiting:
            self._serve(state.accounts[index])

    def _close_batch(self, _: c.CloseBatch) -> None:
        state = self._state
        if state.batch_open:
            self._events.append(e.BatchClosed(state.built_at, state.batch_ops))
            state.batch_open = False
            state.batch_ops = 0

    def _redate(self, command: c.Redate) -> None:
        """Batches are the batcher's business; here only the time is judged."""
        refused = admit_redate(self._state, command)
        self._events += [refused] if refused is not None else []

    def _settle(self, key: tuple[int, int]) -> None:
        """Let a settlement price take effect: pay out and remove all positions of its expiry."""
        state = self._state
        listings = state.listings
        price = min(listings.prices[key].price, listings.caps[key])
        listings.waiting.discard(key)
        for index in sorted(state.holders.pop(key, ())):
            account = state.accounts[index]
            group = account.groups[key]
            cash = 0
            for instrument, lots in group.lots.items():
                cash += lots * listings.lines[instrument].contract.payoff(price)
            account.floors -= group.floor
            account.count -= len(group.lots)
            account.cash += cash
            group.clear_positions()
            account.drop_empty(key)
            self._op(
                e.SettledPosition(index, key[0], key[1], cash), words.Settle(index, key[0], key[1])
            )

    # --- facts -----------------------------------------------------------------------------------

    def _instrument_listed(self, fact: c.InstrumentListed) -> None:
        line = self._state.listings.list_instrument(fact)
        if line is not None:
            self._timers.watch_instrument(line)

    def _account_opened(self, fact: c.AccountOpened) -> None:
        accounts = self._state.accounts
        if fact.account == RESERVED_ACCOUNT:
            raise ChainError(f"{fact}: account 1 is never opened")
        known = accounts.get(fact.account)
        if known is None:
            accounts[fact.account] = Account(fact.account, fact.owner)
        elif fact.account == FEE_ACCOUNT and not any(known.owner):
            known.owner = fact.owner

    def _deposited(self, fact: c.Deposited) -> None:
        account = self._state.known(fact.account, fact)
        account.deposited = max(account.deposited, fact.deposited)
        self._serve_or_wait(account)

    def _asked(self, fact: c.Asked) -> None:
        account = self._state.known(fact.account, fact)
        if fact.asks > account.asks:
            account.asks = fact.asks
            for order in account.orders_by_seq():
                self._cancel_open(order, CancelReason.FORCED_WITHDRAWAL)
        self._serve_or_wait(account)

    def _serve_or_wait(self, account: Account) -> None:
        if self._state.batch_open:
            self._serve(account)
        elif account.deposited > account.credited or account.asks > account.served:
            self._state.waiting.add(account.index)

    def _serve(self, account: Account) -> None:
        """Let in what was deposited, then let out everything if that was asked."""
        amount = account.deposited - account.credited
        if amount > 0:
            account.cash += amount
            account.credited += amount
            self._op(e.Credited(account.index, amount), words.Credit(account.index, amount))
        if account.asks > account.served:
            amount = max(0, account.worst)
            account.cash -= amount
            account.exited += amount
            account.served = account.asks
            self._op(
                e.Released(account.index, amount, account.served),
                words.Release(account.index, amount, account.served),
            )

    def _orders_until_set(self, fact: c.OrdersUntilSet) -> None:
        account = self._state.known(fact.account, fact)
        if fact.until and (not account.orders_until or fact.until < account.orders_until):
            account.orders_until = fact.until
            self._timers.watch_signer(account.index, fact.until)

    def _key_set(self, fact: c.KeySet) -> None:
        account = self._state.known(fact.account, fact)
        known = account.keys.get(fact.key)
        if known is None:
            life = Key(fact.valid_from, fact.valid_until)
        elif fact.valid_until < known.valid_until:
            life = Key(known.valid_from, fact.valid_until)
        else:
            return
        account.keys[fact.key] = life
        self._timers.watch_signer(account.index, life.valid_until)

    def _fees_set(self, fact: c.FeesSet) -> None:
        state = self._state
        if not state.listings.set_fees(fact):
            return
        for index in sorted(state.traders[fact.market]):
            account = state.accounts[index]
            newest_last = [
                order
                for order in account.orders_by_seq()
                if state.listings.lines[order.instrument].info.market == fact.market
            ]
            while newest_last and state.worst_with_orders(account) < 0:
                self._cancel_open(newest_last.pop(), CancelReason.MARGIN)

    def _halted(self, fact: c.Halted) -> None:
        self._state.halted = fact.reason

    def _resumed(self, _: c.Resumed) -> None:
        self._state.halted = None

    # --- orders ----------------------------------------------------------------------------------

    def _place(self, command: c.PlaceOrder) -> None:
        state = self._state
        admitted = admit_order(state, command)
        if not isinstance(admitted, Admitted):
            self._events.append(admitted)
            return
        account, line, tick = admitted
        order = OpenOrder(state.next_seq, command.signed, line.index, tick)
        rate = state.margin_rate(line)
        group = account.group(line.contract, rate)
        group.recharge(rate)
        group.add_order(line.contract, order)
        refused = check_margin(state, account, order)  # 19
        if refused is None:
            rates = state.listings.rates(line.info.market, state.built_at)
            plan = Matcher(
                order, line, state.accounts.__getitem__, rates, command.self_trade
            ).plan()
            refused = check_fok(order, plan)  # 20
        if refused is not None:
            group.remove_order(order)
            account.drop_empty(line.contract.key)
            self._events.append(refused)
            return
        state.next_seq += 1
        account.see(order.id, command.signed.digest)
        self._events.append(
            e.OrderAccepted(account.index, order.id, line.index, order.buy, tick, order.quantity)
        )
        self._execute(order, line, plan)
        self._rest(account, order, line, plan)

    def _execute(self, taker: OpenOrder, line: Line, plan: Plan) -> None:
        """Do what was planned."""
        fees = 0
        for step in plan.steps:
            if isinstance(step, Drop):
                self._cancel_open(step.maker, step.reason)
            else:
                fees += step.taker_fee + step.maker_fee
                self._fill(taker, step, line)
        self._state.accounts[FEE_ACCOUNT].cash += fees
        for holding in plan.holdings.values():
            self._take_over(holding, line)

    def _fill(self, taker: OpenOrder, fill: Fill, line: Line) -> None:
        accounts = self._state.accounts
        maker, lots = fill.maker, fill.lots
        accounts[taker.account].fill_slot(taker.id, lots)
        accounts[maker.account].fill_slot(maker.id, lots)
        if maker.remaining == lots:
            self._take_out(maker)
            maker.remaining = 0
        else:
            self._shrink(maker, maker.remaining - lots)
        group = accounts[taker.account].groups[line.contract.key]
        group.resize_order(taker, taker.remaining - lots)
        self._op(
            e.Trade(
                line.index,
                maker.tick,
                lots,
                not taker.buy,
                taker.account,
                maker.account,
                taker.id,
                maker.id,
                fill.taker_fee,
                fill.maker_fee,
                taker.remaining,
                maker.remaining,
                taker.signed,
                maker.signed,
            ),
            words.Fill(
                0 if taker.buy else words.TAKER_SELLS,
                taker.account,
                maker.account,
                line.index,
                maker.tick,
                lots,
                taker.id,
                maker.id,
            ),
        )

    def _take_over(self, holding: Holding, line: Line) -> None:
        """Make what was planned for one account true."""
        account, key = holding.account, line.contract.key
        # An order filled whole may have left the group empty, and so forgotten.
        group = account.groups[key] = holding.group
        account.cash = holding.cash
        account.floors += holding.floor - group.floor
        account.count -= len(group.lots)
        group.set_position(line.index, holding.lots, holding.held, holding.floor)
        account.count += len(group.lots)
        if group.lots:
            self._state.holders[key].add(account.index)
        else:
            self._state.holders[key].discard(account.index)
        account.drop_empty(key)

    def _rest(self, account: Account, order: OpenOrder, line: Line, plan: Plan) -> None:
        """Deal with what remains of an order after matching."""
        ended = plan.ended
        if order.remaining and ended is None and order.flags & OrderFlag.IOC:
            ended = CancelReason.IOC
        if order.remaining and ended is None:
            line.book.add(order)
            account.open[order.slot] = order
            account.count_order(order)
            traders = self._state.traders[line.info.market]
            traders[account.index] = traders.get(account.index, 0) + 1
            self._state.open_orders += 1
            self._timers.watch_order(order, self._state.open_orders)
            self._events.append(e.OrderRested(account.index, order.id, order.remaining))
            return
        account.groups[line.contract.key].remove_order(order)
        account.drop_empty(line.contract.key)
        if order.remaining and ended is not None:
            self._events.append(e.OrderCanceled(account.index, order.id, order.remaining, ended))

    def _take_out(self, order: OpenOrder) -> None:
        """Remove an open order from the book and from every index."""
        state = self._state
        line = state.listings.lines[order.instrument]
        account = state.accounts[order.account]
        line.book.remove(order)
        del account.open[order.slot]
        account.forget_order(order)
        account.groups[line.contract.key].remove_order(order)
        account.drop_empty(line.contract.key)
        traders = state.traders[line.info.market]
        traders[account.index] -= 1
        if not traders[account.index]:
            del traders[account.index]
        state.open_orders -= 1

    def _shrink(self, order: OpenOrder, remaining: int) -> None:
        """Lower what remains of an open order; it keeps its place."""
        state = self._state
        line = state.listings.lines[order.instrument]
        account = state.accounts[order.account]
        lots = order.remaining - remaining
        line.book.side(order.buy).reduce(order, lots)
        account.interest[order.instrument].count(order.buy, -lots)
        account.groups[line.contract.key].resize_order(order, remaining)

    def _cancel_open(self, order: OpenOrder, reason: CancelReason) -> None:
        self._take_out(order)
        self._events.append(e.OrderCanceled(order.account, order.id, order.remaining, reason))

    # --- cancels, amends -------------------------------------------------------------------------

    def _cancel(self, command: c.CancelOrder) -> None:
        account = admit_canceler(self._state, command.account, command.signer)
        order = account if isinstance(account, Rejected) else find_open(account, command.id)
        if isinstance(order, Rejected):
            self._events.append(order)
        else:
            self._cancel_open(order, CancelReason.USER)

    def _cancel_all(self, command: c.CancelAll) -> None:
        account = admit_canceler(self._state, command.account, command.signer)
        if isinstance(account, Rejected):
            self._events.append(account)
            return
        if not command.instrument:
            orders = account.orders_by_seq()
        elif command.instrument in self._state.listings.lines:
            interest = account.interest.get(command.instrument)
            orders = [order for _, order in sorted(interest.orders.items())] if interest else []
        else:
            self._events.append(instrument_unknown(f"instrument {command.instrument}"))
            return
        for order in orders:
            self._cancel_open(order, CancelReason.USER)

    def _amend(self, command: c.AmendDown) -> None:
        account = admit_canceler(self._state, command.account, command.signer, trading=True)
        order = account if isinstance(account, Rejected) else find_open(account, command.id)
        if isinstance(order, Rejected):
            self._events.append(order)
            return
        refused = check_amend(order, command.quantity)
        if refused is not None:
            self._events.append(refused)
            return
        remaining = order.remaining - (order.quantity - command.quantity)
        order.quantity = command.quantity
        self._shrink(order, remaining)
        self._events.append(
            e.OrderAmended(order.account, order.id, order.quantity, order.remaining)
        )

    # --- withdrawals, transfers ------------------------------------------------------------------

    def _withdraw(self, command: c.WithdrawRequest) -> None:
        account = admit_mover(self._state, command)
        if not isinstance(account, Account):
            self._events.append(account)
            return
        message = command.message
        self._use_slot(account, message.id, command.digest)
        account.cash -= message.amount
        account.exited += message.amount
        self._op(
            e.Withdrawn(message, command.signature),
            words.Withdraw(account.index, message.amount, message.id),
        )

    def _transfer(self, command: c.TransferRequest) -> None:
        account = admit_mover(self._state, command)
        if not isinstance(account, Account):
            self._events.append(account)
            return
        message = command.message
        self._use_slot(account, message.id, command.digest)
        account.cash -= message.amount
        self._state.accounts[message.target].cash += message.amount
        self._op(
            e.Transferred(message, command.signature),
            words.Transfer(message.source, message.target, message.amount, message.id),
        )

    def _use_slot(self, account: Account, order_id: int, digest: bytes) -> None:
        """A withdrawal or transfer fills its slot to the maximum, so that it happens once."""
        account.see(order_id, digest)
        account.fill_slot(order_id, U32)

    # --- what auditors ask -----------------------------------------------------------------------

    def state_text(self) -> str:
        """The whole state, one fact per line."""
        return self._state.text()

    def state_hash(self) -> bytes:
        """keccak256 of the state text, 32 bytes."""
        return keccak(self._state.text().encode())

    def check(self) -> None:
        """Raise `InvariantBroken` if anything is found that must never be. Reads everything."""
        self._state.check()
