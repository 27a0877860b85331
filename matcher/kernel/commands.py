"""Every command, and who applies it. Placing and canceling come first: they are nearly all."""

from matcher.kernel.batches import close_batch, open_batch
from matcher.kernel.clock import tell_time
from matcher.kernel.context import (
    set_context_halted,
)
from matcher.kernel.facts import (
    open_account,
    set_asked,
    set_deposited,
    set_key,
    set_orders_until,
)
from matcher.kernel.fees import set_fees
from matcher.kernel.fields import (
    command_kind,
    command_time,
)
from matcher.kernel.layout import CommandKind
from matcher.kernel.listings import fix_price, list_instrument, list_market, open_series
from matcher.kernel.memory import called, inlined
from matcher.kernel.money import transfer, withdraw
from matcher.kernel.orders import amend, cancel, cancel_all, place

_PLACE = int(CommandKind.PLACE)
_CANCEL = int(CommandKind.CANCEL)
_CANCEL_ALL = int(CommandKind.CANCEL_ALL)
_AMEND = int(CommandKind.AMEND)
_CLOCK = int(CommandKind.CLOCK)
_OPEN_BATCH = int(CommandKind.OPEN_BATCH)
_CLOSE_BATCH = int(CommandKind.CLOSE_BATCH)
_WITHDRAW = int(CommandKind.WITHDRAW)
_TRANSFER = int(CommandKind.TRANSFER)
FIRST_FACT = int(CommandKind.MARKET_LISTED)
_MARKET_LISTED = int(CommandKind.MARKET_LISTED)
_FEES_SET = int(CommandKind.FEES_SET)
_EXPIRY_OPENED = int(CommandKind.EXPIRY_OPENED)
_INSTRUMENT_LISTED = int(CommandKind.INSTRUMENT_LISTED)
_ACCOUNT_OPENED = int(CommandKind.ACCOUNT_OPENED)
_DEPOSITED = int(CommandKind.DEPOSITED)
_ASKED = int(CommandKind.ASKED)
_ORDERS_UNTIL = int(CommandKind.ORDERS_UNTIL)
_KEY_SET = int(CommandKind.KEY_SET)
_PRICE_FIXED = int(CommandKind.PRICE_FIXED)
_HALTED = int(CommandKind.HALTED)
_RESUMED = int(CommandKind.RESUMED)
_CHAIN_BLOCK = int(CommandKind.CHAIN_BLOCK)


@inlined
def apply(c: int, command: int, plan: int) -> None:
    """One command, with what is known of it."""
    kind = command_kind(command)
    if kind == _PLACE:
        place(c, command, plan)
    elif kind == _CANCEL:
        cancel(c, command, plan)
    elif kind == _AMEND:
        amend(c, command, plan)
    elif kind == _CANCEL_ALL:
        cancel_all(c, command)
    elif kind == _CLOCK or kind == _CHAIN_BLOCK:  # noqa: SIM109 - kernels have no tuples
        tell_time(c, command_time(command))
    elif kind < FIRST_FACT:
        apply_request(c, command, kind)
    else:
        apply_fact(c, command, kind)


@called
def apply_request(c: int, command: int, kind: int) -> None:
    """Batches, and money that is sent."""
    if kind == _OPEN_BATCH:
        open_batch(c, command)
    elif kind == _CLOSE_BATCH:
        close_batch(c)
    elif kind == _WITHDRAW:
        withdraw(c, command)
    elif kind == _TRANSFER:
        transfer(c, command)


@called
def apply_fact(c: int, fact: int, kind: int) -> None:
    """What the chain told. Who operates, and dates of batches, are the batcher's business."""
    if kind == _DEPOSITED:
        set_deposited(c, fact)
    elif kind == _ASKED:
        set_asked(c, fact)
    elif kind == _ORDERS_UNTIL:
        set_orders_until(c, fact)
    elif kind == _KEY_SET:
        set_key(c, fact)
    elif kind == _ACCOUNT_OPENED:
        open_account(c, fact)
    elif kind == _FEES_SET:
        set_fees(c, fact)
    elif kind == _MARKET_LISTED:
        list_market(c, fact)
    elif kind == _EXPIRY_OPENED:
        open_series(c, fact)
    elif kind == _INSTRUMENT_LISTED:
        list_instrument(c, fact)
    elif kind == _PRICE_FIXED:
        fix_price(c, fact)
    elif kind == _HALTED:
        set_context_halted(c, 1)
    elif kind == _RESUMED:
        set_context_halted(c, 0)
