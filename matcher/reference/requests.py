"""Cancels, amends, withdrawals and transfers (matching.md)."""

from matcher.commands import AmendDown, CancelAll, CancelOrder, TransferRequest, WithdrawRequest
from matcher.errors import Reject
from matcher.events import CancelReason, OrderAmended, Transferred, Withdrawn
from matcher.reference.book import OpenOrder
from matcher.reference.floor import Floor, Refused, require
from matcher.reference.leaf import slot_of
from matcher.reference.placing import (
    is_duplicate,
    require_batch,
    require_fresh_id,
    require_not_halted,
    require_signer,
    require_user,
    see,
)
from matcher.reference.words import Transfer, Withdraw

# --- open orders ---------------------------------------------------------------------------------


def cancel(floor: Floor, command: CancelOrder) -> None:
    """Cancel one open order."""
    require_batch(floor)
    require_user(floor, command.account)
    require_signer(floor, command.account, command.signer)
    floor.cancel(find(floor, command.account, command.id), CancelReason.USER)


def cancel_all(floor: Floor, command: CancelAll) -> None:
    """Cancel all open orders of an account, or those of one instrument."""
    require_batch(floor)
    require_user(floor, command.account)
    require_signer(floor, command.account, command.signer)
    every = command.instrument == 0
    require(
        every or command.instrument in floor.context.instruments,
        Reject.INSTRUMENT_UNKNOWN,
        "instrument",
        command.instrument,
        "a listed instrument, or 0 for all",
    )
    for order in floor.open_orders_of(command.account):
        if every or order.instrument == command.instrument:
            floor.cancel(order, CancelReason.USER)


def amend(floor: Floor, command: AmendDown) -> None:
    """Lower an order's quantity; it keeps its place."""
    require_batch(floor)
    require_user(floor, command.account)
    require_not_halted(floor)
    require_signer(floor, command.account, command.signer)
    order = find(floor, command.account, command.id)
    require(
        command.quantity < order.quantity,
        Reject.AMEND_NOT_DOWN,
        "quantity",
        command.quantity,
        f"below {order.quantity}",
    )
    require(
        command.quantity > order.filled,
        Reject.AMEND_BELOW_FILLED,
        "quantity",
        command.quantity,
        f"above {order.filled}",
    )
    order.remaining = command.quantity - order.filled
    order.quantity = command.quantity
    floor.emit(
        OrderAmended(
            account=order.account,
            id=order.id,
            quantity=order.quantity,
            remaining=order.remaining,
        )
    )


def find(floor: Floor, account: int, order_id: int) -> OpenOrder:
    """The open order of this id."""
    order = floor.orders.get(account, {}).get(slot_of(order_id))
    if order is None or order.id != order_id:
        raise Refused(Reject.ORDER_UNKNOWN, "id", order_id, "the id of an open order")
    return order


# --- money ---------------------------------------------------------------------------------------


def withdraw(floor: Floor, command: WithdrawRequest) -> None:
    """Let money out, by its owner."""
    message = command.message
    require_batch(floor)
    require_account(floor, "account", message.account)
    if is_duplicate(floor, message.account, message.id, command.digest):
        return
    require_owner(floor, message.account, command.signer)
    require_not_expired(floor, message.expiry)
    require_fresh_id(floor, message.account, message.id)
    require_free(floor, message.account, message.amount)
    see(floor, message.account, message.id, command.digest)
    floor.emit(Withdrawn(message=message, signature=command.signature))
    floor.perform(Withdraw(message.account, message.amount, message.id))


def transfer(floor: Floor, command: TransferRequest) -> None:
    """Move money to another account, by its owner."""
    message = command.message
    require_batch(floor)
    require_account(floor, "from", message.source)
    require_account(floor, "to", message.target)
    if is_duplicate(floor, message.source, message.id, command.digest):
        return
    require_owner(floor, message.source, command.signer)
    require_not_expired(floor, message.expiry)
    different = message.source != message.target
    require(different, Reject.SELF_TRANSFER, "to", message.target, "another account than from")
    require_fresh_id(floor, message.source, message.id)
    require_free(floor, message.source, message.amount)
    see(floor, message.source, message.id, command.digest)
    floor.emit(Transferred(message=message, signature=command.signature))
    floor.perform(Transfer(message.source, message.target, message.amount, message.id))


def require_account(floor: Floor, name: str, account: int) -> None:
    """Any account that was opened, the fee account too."""
    known = account in floor.owners
    require(known, Reject.ACCOUNT_UNKNOWN, name, account, "an open account")


def require_owner(floor: Floor, account: int, signer: bytes) -> None:
    """Withdrawals and transfers are the owner's alone."""
    owner = floor.owners[account]
    require(signer == owner, Reject.NOT_OWNER, "signature", signer.hex(), f"owner {owner.hex()}")


def require_not_expired(floor: Floor, expiry: int) -> None:
    """The message's own life."""
    require(expiry >= floor.now, Reject.EXPIRED, "expiry", expiry, f">= {floor.now}")


def require_free(floor: Floor, account: int, amount: int) -> None:
    """What leaves an account must not be needed by its positions and orders."""
    free = max(0, floor.worst_with_orders(account))
    require(amount <= free, Reject.INSUFFICIENT_MARGIN, "amount", amount, f"at most {free}")
