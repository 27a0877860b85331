"""The state, and what each op does to it (section 5).

Accounts are replaced, never changed in place: an op that is invalid has changed nothing, and the
state before a chunk is still there when its margin is judged.
"""

from collections.abc import Iterable, Sequence

from matcher.reference.context import Context
from matcher.reference.faults import Fault, InvalidOp, MarginBroken, WrongRoot
from matcher.reference.fees import fee
from matcher.reference.leaf import (
    FULL,
    Account,
    account_hash,
    generation_of,
    outside_width,
    slot_of,
)
from matcher.reference.margin import payoff
from matcher.reference.tree import Tree
from matcher.reference.words import (
    Credit,
    Fill,
    Nop,
    Op,
    Release,
    Settle,
    Transfer,
    Withdraw,
    unpack_chunk,
)
from matcher.types import (
    ACCOUNT_TREE_DEPTH,
    FEE_ACCOUNT,
    FIRST_USER_ACCOUNT,
    MAX_POSITIONS,
    NOTIONAL_END,
    ORDER_ID_END,
    POSITION_VALUE_MAX,
    U32,
)


def require(condition: bool, fault: Fault, detail: str = "") -> None:
    """Raise InvalidOp unless the rule holds."""
    if not condition:
        raise InvalidOp(fault, detail)


def accounts_of(op: Op) -> list[int]:
    """The accounts that an op names, without the fee account that every FILL names too."""
    match op:
        case Fill():
            return [op.taker, op.maker]
        case Transfer():
            return [op.source, op.target]
        case Nop():
            return []
        case _:
            return [op.account]


def named_by(ops: Iterable[Op]) -> list[int]:
    """All accounts whose margin is judged after a chunk of these ops, ascending."""
    named = set()
    for op in ops:
        named.update(accounts_of(op))
        if isinstance(op, Fill):
            named.add(FEE_ACCOUNT)
    return sorted(named)


class State:
    """All accounts and the tree above them."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}
        self.tree = Tree(ACCOUNT_TREE_DEPTH)

    def copy(self) -> "State":
        """A state of its own: accounts are replaced, never changed, so they may be shared."""
        twin = State()
        twin.accounts = dict(self.accounts)
        twin.tree = self.tree.copy()
        return twin

    def account(self, index: int) -> Account:
        """The account; an empty one if nothing ever happened to it."""
        found = self.accounts.get(index)
        return Account() if found is None else found

    def root(self) -> bytes:
        """The state root, as of the last chunk."""
        return self.tree.root()

    # --- chunks ----------------------------------------------------------------------------------

    def apply_chunk(self, words: Sequence[int], context: Context) -> bytes:
        """Judge and apply a chunk; the state root after it.

        Raises
        ------
        MalformedChunk, InvalidOp, WrongRoot, MarginBroken
            Nothing has changed then.
        """
        ops, stated = unpack_chunk(words)
        before = {index: self.account(index) for index in named_by(ops)}
        root = self.apply_ops(ops, context)
        try:
            if root != stated:
                raise WrongRoot(f"stated {stated.hex()}, what follows is {root.hex()}")
            self.require_margin(before, ops, context)
        except (WrongRoot, MarginBroken):
            self.restore(before)
            raise
        return root

    def apply_ops(self, ops: Sequence[Op], context: Context) -> bytes:
        """Apply the ops of one chunk and book its fees; the state root after it.

        Raises
        ------
        InvalidOp
            Nothing has changed then.
        """
        before = {index: self.account(index) for index in named_by(ops)}
        try:
            fees = sum(self.apply(op, context) for op in ops)
            if fees:
                self.book_fees(fees)
        except InvalidOp:
            self.restore(before)
            raise
        self.rehash(before)
        return self.root()

    def book_fees(self, fees: int) -> None:
        """The chunk's fees go to account 0 once, after its last op."""
        account = self.account(FEE_ACCOUNT).copy()
        account.cash += fees
        wrong = outside_width(account)
        require(not wrong, Fault.FIELD_OVERFLOW, f"account {FEE_ACCOUNT}: {wrong}")
        self.accounts[FEE_ACCOUNT] = account

    def restore(self, before: dict[int, Account]) -> None:
        """Put accounts back as they were; one to which nothing had happened is none."""
        for index, account in before.items():
            self.accounts[index] = account
            if account == Account():
                del self.accounts[index]
        self.rehash(before)

    def rehash(self, indices: Iterable[int]) -> None:
        """Bring the tree up to date for these accounts."""
        for index in indices:
            self.tree.set(index, account_hash(self.account(index)))

    # --- margin ----------------------------------------------------------------------------------

    def worst(self, index: int, context: Context) -> int:
        """The least that an account is worth, atoms."""
        account = self.account(index)
        return context.worst(account.cash, account.positions)

    def require_margin(
        self, before: dict[int, Account], ops: Iterable[Op], context: Context
    ) -> None:
        """Rule 0 for each account that the chunk names; `before` is how they were before it."""
        released = {op.account for op in ops if isinstance(op, Release)}
        for index, was in before.items():
            old = context.worst(was.cash, was.positions)
            new = self.worst(index, context)
            if new < 0 and new < old:
                raise MarginBroken(index, old, new, "below 0 and lower than before")
            if index in released and new > 0:
                raise MarginBroken(index, old, new, "a RELEASE kept something back")

    # --- ops -------------------------------------------------------------------------------------

    def apply(self, op: Op, context: Context) -> int:
        """Apply one op; the fees it owes account 0, atoms.

        Raises
        ------
        InvalidOp
            Nothing has changed then.
        """
        for index in accounts_of(op):
            require(index in context.opened, Fault.ACCOUNT_UNOPENED, f"account {index}")
        touched = {index: self.account(index).copy() for index in accounts_of(op)}
        fees = 0
        match op:
            case Fill():
                fees = self._fill(op, touched, context)
            case Credit():
                self._credit(op, touched[op.account], context)
            case Withdraw():
                self._withdraw(op, touched[op.account])
            case Settle():
                self._settle(op, touched[op.account], context)
            case Transfer():
                self._transfer(op, touched)
            case Release():
                self._release(op, touched[op.account], context)
            case Nop():
                pass
        for index, account in touched.items():
            wrong = outside_width(account)
            require(not wrong, Fault.FIELD_OVERFLOW, f"account {index}: {wrong}")
            count = len(account.positions)
            require(count <= MAX_POSITIONS, Fault.TOO_MANY_POSITIONS, f"account {index}: {count}")
        self.accounts.update(touched)
        return fees

    def _fill(self, op: Fill, touched: dict[int, Account], context: Context) -> int:
        require(min(op.taker, op.maker) >= FIRST_USER_ACCOUNT, Fault.ACCOUNT_RESERVED)
        require(op.taker != op.maker, Fault.SAME_ACCOUNT, f"account {op.taker}")
        require(op.lots > 0, Fault.ZERO_LOTS)
        listed = context.instruments.get(op.instrument)
        if listed is None:
            raise InvalidOp(Fault.INSTRUMENT_UNLISTED, f"instrument {op.instrument}")
        latest = context.built_at + context.lag
        require(latest < listed.expires_at, Fault.TOO_LATE, f"{latest} >= {listed.expires_at}")
        use_slot(touched[op.taker], op.taker_order, op.lots)
        use_slot(touched[op.maker], op.maker_order, op.lots)

        notional = op.tick * op.lots * context.markets[listed.market].tick_value
        require(notional < NOTIONAL_END, Fault.NOTIONAL_TOO_LARGE, f"{notional} atoms")
        buyer, seller = touched[op.buyer], touched[op.seller]
        buyer.cash -= notional
        seller.cash += notional
        buyer.add_lots(op.instrument, op.lots)
        seller.add_lots(op.instrument, -op.lots)
        cap = context.caps[listed.market, listed.expiry]
        for account in (buyer, seller):
            value = abs(account.positions.get(op.instrument, 0)) * cap
            require(value <= POSITION_VALUE_MAX, Fault.POSITION_TOO_LARGE, f"{value} atoms")

        taker_rate, maker_rate = context.fees[listed.market].at(context.built_at)
        taker_fee = fee(taker_rate, op.lots, notional)
        maker_fee = fee(maker_rate, op.lots, notional)
        touched[op.taker].cash -= taker_fee
        touched[op.maker].cash -= maker_fee
        return taker_fee + maker_fee

    def _credit(self, op: Credit, account: Account, context: Context) -> None:
        account.cash += op.amount
        account.credited += op.amount
        deposited = context.deposited.get(op.account, 0)
        require(
            account.credited <= deposited,
            Fault.OVER_CREDITED,
            f"account {op.account}: credited {account.credited}, deposited {deposited}",
        )

    def _withdraw(self, op: Withdraw, account: Account) -> None:
        use_whole_slot(account, op.order)
        account.cash -= op.amount
        account.exited += op.amount

    def _transfer(self, op: Transfer, touched: dict[int, Account]) -> None:
        require(op.source != op.target, Fault.SAME_ACCOUNT, f"account {op.source}")
        use_whole_slot(touched[op.source], op.order)
        touched[op.source].cash -= op.amount
        touched[op.target].cash += op.amount

    def _release(self, op: Release, account: Account, context: Context) -> None:
        asks = context.asks.get(op.account, 0)
        require(
            account.served < op.served <= asks,
            Fault.NOTHING_TO_SERVE,
            f"account {op.account}: served {account.served} -> {op.served}, asks {asks}",
        )
        account.served = op.served
        account.cash -= op.amount
        account.exited += op.amount

    def _settle(self, op: Settle, account: Account, context: Context) -> None:
        key = (op.market, op.expiry)
        price = context.fixed().get(key)
        if price is None:
            raise InvalidOp(Fault.PRICE_NOT_FIXED, f"market {op.market}, expiry {op.expiry}")
        for index, lots in list(account.positions.items()):
            if index not in context.instruments:
                continue  # of no expiry; a lie's, on which who goes on from it stands
            option = context.option(index)
            if (option.market, option.expiry) == key:
                account.cash += lots * payoff(option.kind, option.strike, price, context.caps[key])
                del account.positions[index]


def use_slot(account: Account, order: int, lots: int) -> None:
    """Count `lots` more of an order; it must not be stale."""
    require(order < ORDER_ID_END, Fault.ORDER_ID_TOO_LARGE, f"order {order}")
    number, generation = slot_of(order), generation_of(order)
    slot = account.slots[number]
    require(generation >= slot.generation, Fault.STALE_ORDER, f"order {order}, slot {slot}")
    after = slot.after(generation, lots)
    require(after.filled <= U32, Fault.OVERFILLED, f"order {order}: {after.filled}")
    account.slots[number] = after


def use_whole_slot(account: Account, order: int) -> None:
    """A withdrawal or transfer needs a fresh slot and fills it to the maximum."""
    require(order < ORDER_ID_END, Fault.ORDER_ID_TOO_LARGE, f"order {order}")
    number, generation = slot_of(order), generation_of(order)
    slot = account.slots[number]
    require(generation >= slot.generation, Fault.STALE_ORDER, f"order {order}, slot {slot}")
    fresh = generation > slot.generation or slot.filled == 0
    require(fresh, Fault.SLOT_USED, f"order {order}, slot {slot}")
    account.slots[number] = slot.after(generation, FULL)
