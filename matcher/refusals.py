"""What a refusal says to people: which field, what was found, what is allowed.

The kernel answers a code and up to two numbers. A refusal changes nothing, so everything else that
the sentence needs can be read afterwards.
"""

from collections.abc import Callable
from typing import Any, Final

from matcher import commands as c
from matcher.board import Board
from matcher.errors import InvariantBroken, Reject
from matcher.events import Rejected
from matcher.types import (
    FIRST_USER_ACCOUNT,
    MAX_POSITIONS,
    NOTIONAL_END,
    ORDER_ID_END,
    SLOTS,
    U32,
    Order,
    Transfer,
)

Sentence = tuple[str, str, str]  # field, found, allowed


def refusal(board: Board, command: c.Command, code: int, found: int, allowed: int) -> Rejected:
    """The refusal of a command, right after it.

    Parameters
    ----------
    board : Board
    command : Command
    code : int
        Reject.
    found, allowed : int
        The kernel's numbers, as each code has them.
    """
    sentence = _SENTENCES.get(code)
    if sentence is None:
        raise InvariantBroken(f"{command}: refused with {code}")
    return Rejected(Reject(code), *sentence(board, command, found, allowed))


def out_of_range(field: str, found: int, allowed: str) -> Rejected:
    """A value that may not be, of a command that the kernel does not read."""
    return Rejected(Reject.OUT_OF_RANGE, field, str(found), allowed)


def _terms(command: Any) -> Any:
    """What was signed, or the command itself: where account, id, quantity and expiry stand."""
    match command:
        case c.PlaceOrder():
            return command.signed.order
        case c.WithdrawRequest() | c.TransferRequest():
            return command.message
        case _:
            return command


def _account_of(command: Any) -> int:
    terms = _terms(command)
    return int(terms.source if isinstance(terms, Transfer) else terms.account)


def _signer_of(command: Any) -> bytes:
    return bytes(command.signed.signer if isinstance(command, c.PlaceOrder) else command.signer)


# --- who, and when -------------------------------------------------------------------------------


def _during_batch(*_: object) -> Sentence:
    return "batch", "none open", "an open batch: the next one opens shortly"


def _batch_has_ops(board: Board, *_: object) -> Sentence:
    found = f"{board.batch_ops} ops in the open batch"
    return "batch", found, "a batch without ops, or none open: close it first"


def _account_unknown(board: Board, command: c.Command, *_: object) -> Sentence:
    first, field, account = FIRST_USER_ACCOUNT, "account", _account_of(command)
    if isinstance(command, c.WithdrawRequest | c.TransferRequest):
        first = 0
    if isinstance(command, c.TransferRequest):
        field = "from"
        if account in board.accounts:
            field, account = "to", command.message.target
    return field, str(account), f"an opened account from {first}, but not 1"


def _halted(board: Board, *_: object) -> Sentence:
    allowed = "cancels, withdrawals and transfers until it resumes"
    return "exchange", f"halted: {board.halted}", allowed


def _signer_unknown(board: Board, command: c.Command, *_: object) -> Sentence:
    account = board.accounts[_account_of(command)]
    text = f"owner 0x{account.owner.hex()} of account {account.index}"
    keys = sorted(account.keys)
    if keys:
        shown = ", ".join(f"0x{key.hex()}" for key in keys[:4])
        more = f" and {len(keys) - 4} more" if len(keys) > 4 else ""
        text += f" or its keys {shown}{more}"
    else:
        text += ", which has no keys"
    return "signature", f"recovers to 0x{_signer_of(command).hex()}", text


def _orders_until(board: Board, command: c.Command, *_: object) -> Sentence:
    account = board.accounts[_account_of(command)]
    found = f"owner 0x{account.owner.hex()}, whose orders ended at {account.orders_until}"
    return "signature", found, f"a registered key of account {account.index}; it is {board.now} now"


def _key_early(board: Board, command: c.Command, *_: object) -> Sentence:
    signer = _signer_of(command)
    life = board.accounts[_account_of(command)].keys[signer]
    found = f"key 0x{signer.hex()}, valid from {life.valid_from}"
    return "signature", found, f"a key valid at {board.built_at}, when the batch was opened"


def _key_expired(board: Board, command: c.Command, *_: object) -> Sentence:
    signer = _signer_of(command)
    life = board.accounts[_account_of(command)].keys[signer]
    found = f"key 0x{signer.hex()}, valid until {life.valid_until}"
    return "signature", found, f"a key valid now, at {board.now}"


def _not_owner(board: Board, command: c.Command, *_: object) -> Sentence:
    account = board.accounts[_account_of(command)]
    allowed = f"owner 0x{account.owner.hex()} of account {account.index}; keys sign orders only"
    return "signature", f"recovers to 0x{_signer_of(command).hex()}", allowed


def _expired(board: Board, command: c.Command, *_: object) -> Sentence:
    return "expiry", str(_terms(command).expiry), f"{board.now} (now) or later"


# --- ids -----------------------------------------------------------------------------------------


def _stale_id(board: Board, command: c.Command, *_: object) -> Sentence:
    generation, number = divmod(_terms(command).id, SLOTS)
    slot = board.slot(_account_of(command), number)
    least = max(slot.generation, slot.seen // SLOTS)
    return (
        "id",
        f"{_terms(command).id}: generation {generation} of slot {number}",
        f"generation {least} or above: {least * SLOTS + number} + n * {SLOTS}",
    )


def _slot_busy(board: Board, command: c.Command, *_: object) -> Sentence:
    order_id = _terms(command).id
    number = order_id % SLOTS
    standing = board.slot(_account_of(command), number).seen
    found = f"{order_id}: slot {number} holds open order {standing}"
    return "id", found, f"an id (modulo {SLOTS}) without an open order"


def _id_used(board: Board, command: c.Command, *_: object) -> Sentence:
    order_id = _terms(command).id
    following = order_id + SLOTS
    new = str(following) if following < ORDER_ID_END else "one of another slot"
    filled = board.filled(_account_of(command), order_id)
    return "id", f"{order_id}, used before with {filled} filled", f"a new id, such as {new}"


def _order_unknown(board: Board, command: c.Command, *_: object) -> Sentence:
    account = _account_of(command)
    count = board.accounts[account].open_orders
    return "id", str(_terms(command).id), f"an open order of account {account}, which has {count}"


# --- terms ---------------------------------------------------------------------------------------


def _order_of(command: c.Command) -> Order:
    assert isinstance(command, c.PlaceOrder), "others are never refused so"
    return command.signed.order


def _instrument_unknown(_: Board, command: c.Command, *__: object) -> Sentence:
    if isinstance(command, c.CancelAll):
        found = f"instrument {command.instrument}"
    else:
        found = _order_of(command).instrument
    return "instrument", found, "a listed instrument's symbol"


def _instrument_closed(board: Board, command: c.Command, *_: object) -> Sentence:
    line = board.line_of(_order_of(command))
    allowed = f"an instrument that expires after {board.now + board.listings.lag}"
    return "instrument", f"{line.symbol}, closed since {line.closes_at}", allowed


def _off_tick(board: Board, command: c.Command, *_: object) -> Sentence:
    order = _order_of(command)
    tick_value = board.line_of(order).tick_value
    allowed = f"a multiple of {tick_value}, at most {U32 * tick_value}"
    return "price", f"{order.price} atoms per lot", allowed


def _notional(_: Board, command: c.Command, *__: object) -> Sentence:
    order = _order_of(command)
    found = f"{order.quantity} lots at {order.price} = {order.price * order.quantity} atoms"
    return "quantity", found, f"a notional below {NOTIONAL_END}"


def _reduce_only(board: Board, command: c.Command, *_: object) -> Sentence:
    order = _order_of(command)
    position = board.position(order.account, board.line_of(order).index)
    side = "short" if order.buy else "long"
    found = f"reduce-only with a position of {position} lots"
    return "flags", found, f"a {side} position to reduce"


def _post_only(board: Board, command: c.Command, *_: object) -> Sentence:
    order = _order_of(command)
    line = board.line_of(order)
    best = board.best(line.index)[1 if order.buy else 0]
    price = (best or 0) * line.tick_value
    found = f"{order.price}, which would take from {price}"
    return "price", found, f"a price {'below' if order.buy else 'above'} {price}"


def _too_many(board: Board, command: c.Command, found: int, _: int) -> Sentence:
    symbol = board.line_of(_order_of(command)).symbol
    text = f"{found} instruments held or on order with {symbol}"
    return "instrument", text, f"at most {MAX_POSITIONS}"


def _too_large(_: Board, command: c.Command, found: int, allowed: int) -> Sentence:
    quantity = _order_of(command).quantity
    text = f"{quantity}, {found} lots with the position and open orders"
    return "quantity", text, f"{allowed} lots together"


def _margin(board: Board, command: c.Command, *_: object) -> Sentence:
    if not isinstance(command, c.PlaceOrder):
        account = _account_of(command)
        free = board.account_view(account).free
        amount = _terms(command).amount
        return "amount", f"{amount} atoms", f"at most {free}, what account {account} has free"
    order = command.signed.order
    free = board.account_view(order.account).free
    text = f"{order.quantity} lots at {order.price}, which may lose more than {free} atoms"
    return (
        "quantity",
        text,
        f"a loss of at most {free} atoms, what account {order.account} has free",
    )


def _fok(board: Board, command: c.Command, *_: object) -> Sentence:
    order = _order_of(command)
    line = board.line_of(order)
    standing = board.lots_within(line.index, order.buy, order.price // line.tick_value)
    text = f"{order.quantity} lots, which would not fill whole now; {standing} stand at such prices"
    if standing < order.quantity:
        return "quantity", text, f"at most {standing} lots"
    return "quantity", text, "fewer: own orders, or the margin of one side, end the fill before"


def _busy(board: Board, *_: object) -> Sentence:
    limits = board.kernel.limits
    for word, limit, what in (
        ("live", limits.orders, "open orders"),
        ("holdings_live", limits.holdings, "positions and books on order, of all accounts"),
        ("pages_count", limits.pages, "pages of eight order slots that were ever used"),
    ):
        if board.number(word) >= limit:
            return "exchange", f"{limit} {what}", f"at most {limit}; cancels go on"
    found = f"{board.number('far_count')} price levels far from the best ones"
    return "exchange", found, f"at most {limits.far_levels}; cancels go on"


# --- amends, transfers ---------------------------------------------------------------------------


def _amend_not_down(_: Board, command: c.Command, __: int, allowed: int) -> Sentence:
    return "quantity", f"{_terms(command).quantity} lots", f"below {allowed}, the order's quantity"


def _amend_below(_: Board, command: c.Command, __: int, allowed: int) -> Sentence:
    text = f"above {allowed}, what is filled; cancel the order to end it"
    return "quantity", f"{_terms(command).quantity} lots", text


def _self_transfer(_: Board, command: c.Command, *__: object) -> Sentence:
    return "to", str(_terms(command).target), "an account other than from"


_SENTENCES: Final[dict[int, Callable[[Board, c.Command, int, int], Sentence]]] = {
    Reject.DURING_BATCH: _during_batch,
    Reject.BATCH_HAS_OPS: _batch_has_ops,
    Reject.ACCOUNT_UNKNOWN: _account_unknown,
    Reject.HALTED: _halted,
    Reject.SIGNER_UNKNOWN: _signer_unknown,
    Reject.ORDERS_UNTIL_PASSED: _orders_until,
    Reject.KEY_NOT_YET_VALID: _key_early,
    Reject.KEY_EXPIRED: _key_expired,
    Reject.NOT_OWNER: _not_owner,
    Reject.EXPIRED: _expired,
    Reject.STALE_ID: _stale_id,
    Reject.SLOT_BUSY: _slot_busy,
    Reject.ID_USED: _id_used,
    Reject.ORDER_UNKNOWN: _order_unknown,
    Reject.INSTRUMENT_UNKNOWN: _instrument_unknown,
    Reject.INSTRUMENT_CLOSED: _instrument_closed,
    Reject.OFF_TICK: _off_tick,
    Reject.NOTIONAL_TOO_LARGE: _notional,
    Reject.REDUCE_ONLY_NO_POSITION: _reduce_only,
    Reject.POST_ONLY_WOULD_TAKE: _post_only,
    Reject.TOO_MANY_POSITIONS: _too_many,
    Reject.POSITION_TOO_LARGE: _too_large,
    Reject.INSUFFICIENT_MARGIN: _margin,
    Reject.FOK_UNFILLABLE: _fok,
    Reject.BUSY: _busy,
    Reject.AMEND_NOT_DOWN: _amend_not_down,
    Reject.AMEND_BELOW_FILLED: _amend_below,
    Reject.SELF_TRANSFER: _self_transfer,
}
