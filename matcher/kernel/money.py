"""Money in and out: withdrawals and transfers, credits and releases."""

from matcher.errors import Reject
from matcher.kernel.accounts import account_at, is_open, pay, slot_for, worst, worst_with_orders
from matcher.kernel.admission import expired_refusal, id_refusal, margin_refusal
from matcher.kernel.context import (
    context_batch_open,
)
from matcher.kernel.events import (
    refused,
    say_credited,
    say_rejected,
    say_released,
    say_transferred,
    say_withdrawn,
)
from matcher.kernel.fields import (
    account_asks,
    account_credited,
    account_deposited,
    account_exited,
    account_served,
    command_account,
    command_amount,
    command_id,
    command_signer,
    command_target,
    command_time,
    set_account_credited,
    set_account_exited,
    set_account_served,
    set_slot_filled,
    set_slot_generation,
)
from matcher.kernel.memory import called, inlined
from matcher.kernel.orders import answer_duplicate
from matcher.kernel.signers import is_owner
from matcher.kernel.slots import find_slot, generation_of, has_page_room, is_same, see, slot_at
from matcher.types import U32

_ACCOUNT_UNKNOWN = int(Reject.ACCOUNT_UNKNOWN)
_NOT_OWNER = int(Reject.NOT_OWNER)
_SELF_TRANSFER = int(Reject.SELF_TRANSFER)
_DURING_BATCH = int(Reject.DURING_BATCH)
_BUSY = int(Reject.BUSY)


@called
def withdraw(c: int, command: int) -> None:
    """Let money out, by its owner."""
    if context_batch_open(c) == 0:
        say_rejected(c, command, refused(c, _DURING_BATCH, 0, 0), 0)
    elif not is_open(c, command_account(command)):
        code = refused(c, _ACCOUNT_UNKNOWN, command_account(command), 0)
        say_rejected(c, command, code, 0)
    else:
        send(c, command, 0)


@called
def transfer(c: int, command: int) -> None:
    """Move money to another account, by its owner."""
    if context_batch_open(c) == 0:
        say_rejected(c, command, refused(c, _DURING_BATCH, 0, 0), 0)
    elif not is_open(c, command_account(command)):
        code = refused(c, _ACCOUNT_UNKNOWN, command_account(command), 0)
        say_rejected(c, command, code, 0)
    elif not is_open(c, command_target(command)):
        code = refused(c, _ACCOUNT_UNKNOWN, command_target(command), 0)
        say_rejected(c, command, code, 1)
    else:
        send(c, command, 1)


@called
def send(c: int, command: int, transfers: int) -> None:
    """The checks and the payment that withdrawals and transfers share."""
    account, message = command_account(command), command_id(command)
    slot = find_slot(c, account, message)
    if is_same(c, slot, command, message):
        answer_duplicate(c, account, message, slot)
        return
    code = sending_refusal(c, command, slot, transfers)
    if code != 0:
        say_rejected(c, command, code, 0)
        return
    amount, at = command_amount(command), account_at(c, account)
    fill_slot(slot_at(c, slot_for(c, account, message, slot)), command, message)
    pay(at, -amount)
    if transfers:
        pay(account_at(c, command_target(command)), amount)
        say_transferred(c, account, command_target(command), message, amount)
    else:
        set_account_exited(at, account_exited(at) + amount)
        say_withdrawn(c, account, message, amount)


@inlined
def sending_refusal(c: int, command: int, slot: int, transfers: int) -> int:
    """The Reject code of a withdrawal or transfer that was not seen before; 0 if it passes."""
    account, amount = command_account(command), command_amount(command)
    if not is_owner(c, account, command_signer(command)):
        return refused(c, _NOT_OWNER, command_signer(command), 0)
    code = expired_refusal(c, command_time(command))
    if code != 0:
        return code
    if transfers and account == command_target(command):
        return refused(c, _SELF_TRANSFER, account, 0)
    code = id_refusal(c, slot, command_id(command))
    if code != 0:
        return code
    at = account_at(c, account)
    if amount > max(0, worst_with_orders(at)):
        return margin_refusal(c, at, amount)
    return 0 if has_page_room(c, slot) else refused(c, _BUSY, 0, 0)


@inlined
def fill_slot(slot: int, command: int, message: int) -> None:
    """A message that is no order fills its slot to the maximum."""
    see(slot, command, message)
    set_slot_generation(slot, generation_of(message))
    set_slot_filled(slot, U32)


# --- what the chain's facts move -----------------------------------------------------------------


@called
def credit(c: int, number: int) -> None:
    """Let in what was deposited and is not credited yet."""
    account = account_at(c, number)
    amount = account_deposited(account) - account_credited(account)
    if amount > 0:
        set_account_credited(account, account_credited(account) + amount)
        pay(account, amount)
        say_credited(c, number, amount)


@called
def let_out(c: int, number: int) -> None:
    """Serve all open asks: let out everything that margin allows."""
    account = account_at(c, number)
    if account_asks(account) > account_served(account):
        amount = max(0, worst(account))
        set_account_served(account, account_asks(account))
        pay(account, -amount)
        set_account_exited(account, account_exited(account) + amount)
        say_released(c, number, amount, account_asks(account))
