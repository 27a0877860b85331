"""What a trader's command must pass before it changes anything (docs/reference/matching.md).

Every refusal names the field, what was found and what is allowed. The numbers in comments are
those of the table "Placing an order".
"""

from typing import NamedTuple

from matcher import commands as c
from matcher.account import UNUSED, Account
from matcher.book import OpenOrder
from matcher.errors import Reject
from matcher.events import Duplicate, Rejected
from matcher.listings import Line
from matcher.matching import LOTS_MAX, Plan, reducible
from matcher.state import State
from matcher.types import (
    FIRST_USER_ACCOUNT,
    MAX_POSITIONS,
    NOTIONAL_END,
    ORDER_ID_END,
    POSITION_VALUE_MAX,
    SLOTS,
    U32,
    Order,
    OrderFlag,
    Transfer,
    Withdrawal,
)


class Admitted(NamedTuple):
    """An order that may be placed if margin allows it."""

    account: Account
    line: Line
    tick: int


def admit_order(state: State, command: c.PlaceOrder) -> Admitted | Duplicate | Rejected:
    """Checks 1 to 18 of placing an order."""
    signed = command.signed
    order = signed.order
    refused = needs_batch(state)  # 1
    if refused:
        return refused
    account = state.accounts.get(order.account)
    if account is None or order.account < FIRST_USER_ACCOUNT:  # 2
        return account_unknown("account", order.account, FIRST_USER_ACCOUNT)
    duplicate = duplicate_of(account, order.id, signed.digest)  # 3
    if duplicate:
        return duplicate
    refused = needs_trading(state)  # 4
    if refused:
        return refused
    index = state.listings.by_symbol.get(order.instrument)
    if index is None:  # 5
        return instrument_unknown(order.instrument)
    line = state.listings.lines[index]
    refused = (
        check_signer(state, account, signed.signer, judge_owner=True)  # 6, 7
        or _check_times(state, order, line)  # 8, 9
        or check_id(account, order.id)  # 10, 11, 12
        or _check_terms(order, line)  # 13, 14
        or _check_flags(account, order, line)  # 15, 16
        or _check_limits(account, order, line)  # 17, 18
    )
    return refused or Admitted(account, line, order.price // line.tick_value)


# --- who -----------------------------------------------------------------------------------------


def needs_batch(state: State) -> Rejected | None:
    """Refuse while no batch is open."""
    if state.batch_open:
        return None
    return Rejected(
        Reject.DURING_BATCH, "batch", "none open", "an open batch: the next one opens shortly"
    )


def needs_trading(state: State) -> Rejected | None:
    """Refuse while trading is halted."""
    if state.halted is None:
        return None
    return Rejected(
        Reject.HALTED,
        "exchange",
        f"halted: {state.halted}",
        "cancels, withdrawals and transfers until it resumes",
    )


def account_unknown(field: str, found: int, first: int) -> Rejected:
    """Refuse an account that was never opened; indices begin with `first`."""
    return Rejected(
        Reject.ACCOUNT_UNKNOWN, field, str(found), f"an opened account from {first}, but not 1"
    )


def instrument_unknown(found: str) -> Rejected:
    """Refuse an instrument that is not listed."""
    return Rejected(Reject.INSTRUMENT_UNKNOWN, "instrument", found, "a listed instrument's symbol")


def check_signer(
    state: State, account: Account, signer: bytes, *, judge_owner: bool
) -> Rejected | None:
    """Whether who signed may sign for the account now; the owner may always cancel."""
    if signer == account.owner:
        if judge_owner and 0 < account.orders_until < state.now:
            return Rejected(
                Reject.ORDERS_UNTIL_PASSED,
                "signature",
                f"owner 0x{signer.hex()}, whose orders ended at {account.orders_until}",
                f"a registered key of account {account.index}; it is {state.now} now",
            )
        return None
    key = account.keys.get(signer)
    if key is None:
        return Rejected(
            Reject.SIGNER_UNKNOWN,
            "signature",
            f"recovers to 0x{signer.hex()}",
            _signers(account),
        )
    if key.valid_from > state.built_at:
        return Rejected(
            Reject.KEY_NOT_YET_VALID,
            "signature",
            f"key 0x{signer.hex()}, valid from {key.valid_from}",
            f"a key valid at {state.built_at}, when the batch was opened",
        )
    if key.valid_until < state.now:
        return Rejected(
            Reject.KEY_EXPIRED,
            "signature",
            f"key 0x{signer.hex()}, valid until {key.valid_until}",
            f"a key valid now, at {state.now}",
        )
    return None


def _signers(account: Account) -> str:
    text = f"owner 0x{account.owner.hex()} of account {account.index}"
    if not account.keys:
        return text + ", which has no keys"
    shown = [f"0x{key.hex()}" for key in sorted(account.keys)[:4]]
    more = f" and {len(account.keys) - 4} more" if len(account.keys) > 4 else ""
    return f"{text} or its keys {', '.join(shown)}{more}"


# --- ids -----------------------------------------------------------------------------------------


def duplicate_of(account: Account, order_id: int, digest: bytes) -> Duplicate | None:
    """The answer to a message that was accepted before and is the last seen in its slot."""
    seen = account.seen.get(order_id % SLOTS)
    if seen is None or seen.id != order_id or seen.digest != digest:
        return None
    standing = account.open.get(order_id % SLOTS)
    remaining = standing.remaining if standing and standing.id == order_id else 0
    return Duplicate(account.index, order_id, account.filled(order_id), remaining)


def check_id(account: Account, order_id: int) -> Rejected | None:
    """Whether an id may be used: not stale, its slot free, itself new."""
    number, generation = order_id % SLOTS, order_id // SLOTS
    slot = account.slots.get(number, UNUSED)
    seen = account.seen.get(number)
    least = max(slot.generation, seen.id // SLOTS if seen else 0)
    if generation < least:
        return Rejected(
            Reject.STALE_ID,
            "id",
            f"{order_id}: generation {generation} of slot {number}",
            f"generation {least} or above: {least * SLOTS + number} + n * {SLOTS}",
        )
    standing = account.open.get(number)
    if standing is not None:
        return Rejected(
            Reject.SLOT_BUSY,
            "id",
            f"{order_id}: slot {number} holds open order {standing.id}",
            "an id (modulo 4096) without an open order",
        )
    if (seen is not None and seen.id == order_id) or account.filled(order_id):
        return Rejected(
            Reject.ID_USED,
            "id",
            f"{order_id}, used before with {account.filled(order_id)} filled",
            f"a new id, such as {_next_id(order_id)}",
        )
    return None


def _next_id(order_id: int) -> str:
    following = order_id + SLOTS
    return str(following) if following < ORDER_ID_END else "one of another slot"


# --- terms ---------------------------------------------------------------------------------------


def _check_times(state: State, order: Order, line: Line) -> Rejected | None:
    if order.expiry < state.now:
        return Rejected(Reject.EXPIRED, "expiry", str(order.expiry), f"{state.now} (now) or later")
    if line.closes_at <= state.now:
        return Rejected(
            Reject.INSTRUMENT_CLOSED,
            "instrument",
            f"{line.symbol}, closed since {line.closes_at}",
            f"an instrument that expires after {state.now + state.windows.lag}",
        )
    return None


def _check_terms(order: Order, line: Line) -> Rejected | None:
    tick, rest = divmod(order.price, line.tick_value)
    if rest or tick > U32:
        return Rejected(
            Reject.OFF_TICK,
            "price",
            f"{order.price} atoms per lot",
            f"a multiple of {line.tick_value}, at most {U32 * line.tick_value}",
        )
    if order.price * order.quantity >= NOTIONAL_END:
        return Rejected(
            Reject.NOTIONAL_TOO_LARGE,
            "quantity",
            f"{order.quantity} lots at {order.price} = {order.price * order.quantity} atoms",
            f"a notional below {NOTIONAL_END}",
        )
    return None


def _check_flags(account: Account, order: Order, line: Line) -> Rejected | None:
    if order.flags & OrderFlag.REDUCE_ONLY:
        position = account.position(line.contract)
        if not reducible(order.buy, position):
            side = "short" if order.buy else "long"
            return Rejected(
                Reject.REDUCE_ONLY_NO_POSITION,
                "flags",
                f"reduce-only with a position of {position} lots",
                f"a {side} position to reduce",
            )
    if order.flags & OrderFlag.POST_ONLY:
        best = line.book.side(not order.buy).best()
        if line.book.crosses(order.buy, order.price // line.tick_value) and best is not None:
            price = best * line.tick_value
            return Rejected(
                Reject.POST_ONLY_WOULD_TAKE,
                "price",
                f"{order.price}, which would take from {price}",
                f"a price {'below' if order.buy else 'above'} {price}",
            )
    return None


def _check_limits(account: Account, order: Order, line: Line) -> Rejected | None:
    count = account.instruments_with(line.index)
    if count > MAX_POSITIONS:
        return Rejected(
            Reject.TOO_MANY_POSITIONS,
            "instrument",
            f"{count} instruments held or on order with {line.symbol}",
            f"at most {MAX_POSITIONS}",
        )
    position = account.position(line.contract)
    interest = account.interest.get(line.index)
    on_order = 0
    if interest:
        on_order = interest.buy_lots if order.buy else interest.sell_lots
    lots = max(position if order.buy else -position, 0) + on_order + order.quantity
    if lots * line.contract.cap > POSITION_VALUE_MAX or lots > LOTS_MAX:
        most = min(POSITION_VALUE_MAX // line.contract.cap, LOTS_MAX)
        return Rejected(
            Reject.POSITION_TOO_LARGE,
            "quantity",
            f"{order.quantity}, {lots} lots with the position and open orders",
            f"{most} lots together",
        )
    return None


def check_margin(state: State, account: Account, order: OpenOrder) -> Rejected | None:
    """Check 19, of an order that is counted among the account's open orders already."""
    left = state.worst_with_orders(account)
    if left >= 0:
        return None
    return Rejected(
        Reject.INSUFFICIENT_MARGIN,
        "quantity",
        f"{order.quantity} lots at {order.price}, which may lack {-left} atoms",
        "what the account's worst case covers with all its open orders",
    )


def check_fok(order: OpenOrder, plan: Plan) -> Rejected | None:
    """Check 20: a fill-or-kill order must fill whole by its plan."""
    if not order.flags & OrderFlag.FOK or not plan.remaining:
        return None
    return Rejected(
        Reject.FOK_UNFILLABLE,
        "quantity",
        f"{order.quantity} lots, of which {order.quantity - plan.remaining} would fill now",
        "what fills whole now",
    )


# --- batches -----------------------------------------------------------------------------------


def admit_open_batch(state: State) -> Rejected | None:
    """Refuse to open a batch over one that holds ops."""
    if not state.batch_open or not state.batch_ops:
        return None
    return Rejected(
        Reject.BATCH_HAS_OPS,
        "batch",
        f"{state.batch_ops} ops in the open batch",
        "a batch without ops, or none open: close it first",
    )


def admit_redate(state: State, command: c.Redate) -> Rejected | None:
    """Refuse to redate beside an open batch, or into the future."""
    if state.batch_open:
        return Rejected(Reject.BATCH_HAS_OPS, "batch", "an open batch", "none open: close it first")
    if command.built_at > state.now:
        found = str(command.built_at)
        return Rejected(Reject.OUT_OF_RANGE, "built_at", found, f"up to {state.now} (now)")
    return None


# --- cancels, amends, withdrawals, transfers -----------------------------------------------------


def admit_canceler(
    state: State, account: int, signer: bytes, *, trading: bool = False
) -> Account | Rejected:
    """The account whose open orders a message may cancel, or with `trading` amend."""
    refused = needs_batch(state)
    if refused:
        return refused
    found = state.accounts.get(account)
    if found is None or account < FIRST_USER_ACCOUNT:
        return account_unknown("account", account, FIRST_USER_ACCOUNT)
    refused = needs_trading(state) if trading else None
    return refused or check_signer(state, found, signer, judge_owner=False) or found


def find_open(account: Account, order_id: int) -> OpenOrder | Rejected:
    """An open order by its id."""
    order = account.open.get(order_id % SLOTS)
    if order is None or order.id != order_id:
        return Rejected(
            Reject.ORDER_UNKNOWN,
            "id",
            str(order_id),
            f"an open order of account {account.index}, which has {len(account.open)}",
        )
    return order


def check_amend(order: OpenOrder, quantity: int) -> Rejected | None:
    """Refuse a new quantity that is not lower, or not above what is filled."""
    if quantity >= order.quantity:
        return Rejected(
            Reject.AMEND_NOT_DOWN,
            "quantity",
            f"{quantity} lots",
            f"below {order.quantity}, the order's quantity",
        )
    filled = order.quantity - order.remaining
    if quantity <= filled:
        return Rejected(
            Reject.AMEND_BELOW_FILLED,
            "quantity",
            f"{quantity} lots",
            f"above {filled}, what is filled; cancel the order to end it",
        )
    return None


def admit_mover(
    state: State, command: c.WithdrawRequest | c.TransferRequest
) -> Account | Duplicate | Rejected:
    """The account that a withdrawal or transfer takes from, if it may."""
    message = command.message
    refused = needs_batch(state)
    if refused:
        return refused
    moved = isinstance(message, Transfer)
    source = message.source if isinstance(message, Transfer) else message.account
    account = state.accounts.get(source)
    if account is None:
        return account_unknown("from" if moved else "account", source, 0)
    if isinstance(message, Transfer) and message.target not in state.accounts:
        return account_unknown("to", message.target, 0)
    return duplicate_of(account, message.id, command.digest) or (
        _check_owner(account, command.signer)
        or _check_move(state, message)
        or check_id(account, message.id)
        or _check_amount(state, account, message.amount)
        or account
    )


def _check_owner(account: Account, signer: bytes) -> Rejected | None:
    if signer == account.owner:
        return None
    return Rejected(
        Reject.NOT_OWNER,
        "signature",
        f"recovers to 0x{signer.hex()}",
        f"owner 0x{account.owner.hex()} of account {account.index}; keys sign orders only",
    )


def _check_move(state: State, message: Withdrawal | Transfer) -> Rejected | None:
    if message.expiry < state.now:
        return Rejected(
            Reject.EXPIRED, "expiry", str(message.expiry), f"{state.now} (now) or later"
        )
    if isinstance(message, Transfer) and message.source == message.target:
        return Rejected(
            Reject.SELF_TRANSFER, "to", str(message.target), "an account other than from"
        )
    return None


def _check_amount(state: State, account: Account, amount: int) -> Rejected | None:
    free = state.free(account)
    if amount <= free:
        return None
    return Rejected(
        Reject.INSUFFICIENT_MARGIN,
        "amount",
        f"{amount} atoms",
        f"at most {free}, what account {account.index} has free",
    )
