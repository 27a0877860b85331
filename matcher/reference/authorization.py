"""Who allowed an op: the question UNAUTHORIZED, and what answers it (section 7)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from matcher.errors import SignatureError
from matcher.reference import messages
from matcher.reference.context import Context
from matcher.reference.leaf import Account, generation_of, slot_of
from matcher.reference.orderfile import Signed
from matcher.reference.symbols import symbol
from matcher.reference.words import Fill, Op, Transfer, Withdraw
from matcher.types import Order, OrderFlag
from matcher.types import Transfer as TransferMessage
from matcher.types import Withdrawal as WithdrawalMessage

KNOWN_FLAGS: Final = sum(OrderFlag)


Published = dict[tuple[int, int], list[Signed]]  # messages by account and order id


@dataclass
class Signers:
    """Who may sign for an account, as the chain says."""

    owners: dict[int, bytes] = field(default_factory=dict)
    orders_until: dict[int, int] = field(default_factory=dict)  # 0 or absent: forever
    keys: dict[tuple[int, bytes], tuple[int, int]] = field(default_factory=dict)  # from, until

    def may_order(self, account: int, signer: bytes, built_at: int) -> bool:
        """Whether an order signed so may be filled in a batch built at that time."""
        until = self.orders_until.get(account, 0)
        if signer == self.owners.get(account) and (until == 0 or until >= built_at):
            return True
        valid_from, valid_until = self.keys.get((account, signer), (1, 0))
        return valid_from <= built_at <= valid_until

    def is_owner(self, account: int, signer: bytes) -> bool:
        return signer == self.owners.get(account)


@dataclass(frozen=True)
class Side:
    """One side of an op that somebody must have signed: 0 taker (or the only one), 1 maker."""

    op: Fill | Withdraw | Transfer
    number: int

    @property
    def account(self) -> int:
        if isinstance(self.op, Fill):
            return self.op.maker if self.number else self.op.taker
        return self.op.source if isinstance(self.op, Transfer) else self.op.account

    @property
    def order(self) -> int:
        if isinstance(self.op, Fill):
            return self.op.maker_order if self.number else self.op.taker_order
        return self.op.order

    @property
    def buys(self) -> bool:
        """Of a FILL."""
        return isinstance(self.op, Fill) and self.op.taker_sells == bool(self.number)

    def unsigned(self) -> str:
        """What is wrong if nobody answers."""
        return f"order {self.order} of account {self.account} is not signed so"


def sides_of(op: Op) -> list[Side]:
    """The questions that may be asked about an op."""
    if isinstance(op, Fill):
        return [Side(op, 0), Side(op, 1)]
    return [Side(op, 0)] if isinstance(op, Withdraw | Transfer) else []


def answers(
    side: Side,
    signed: Signed,
    separator: bytes,
    context: Context,
    signers: Signers,
    after: Account,
) -> bool:
    """Whether a signed message answers for this side of an op.

    Parameters
    ----------
    after : Account
        The side's account after the chunk, for the slot.
    """
    message = signed.message
    try:
        signer = messages.recover(messages.digest(message, separator), signed.signature)
    except SignatureError:
        return False
    if message.id != side.order or message.expiry < context.built_at:
        return False
    match side.op, message:
        case Fill(), Order():
            return signers.may_order(message.account, signer, context.built_at) and allows(
                side, message, context, after
            )
        case Withdraw(), WithdrawalMessage():
            return signers.is_owner(message.account, signer) and (
                message.account,
                message.amount,
            ) == (side.op.account, side.op.amount)
        case Transfer(), TransferMessage():
            return signers.is_owner(message.source, signer) and (
                message.source,
                message.target,
                message.amount,
            ) == (side.op.source, side.op.target, side.op.amount)
        case _:
            return False


def allows(side: Side, order: Order, context: Context, after: Account) -> bool:
    """Whether the terms of an order allow this side of a fill (S4)."""
    fill = side.op
    assert isinstance(fill, Fill)
    listed = context.instruments[fill.instrument]
    market = context.markets[listed.market]
    price = fill.tick * market.tick_value
    slot = after.slots[slot_of(order.id)]
    return (
        order.flags & ~KNOWN_FLAGS == 0
        and order.account == side.account
        and order.instrument == symbol(market.name, listed.kind, listed.expiry, listed.strike)
        and order.buy == side.buys
        and (price <= order.price if order.buy else price >= order.price)
        and not (side.number == 0 and order.flags & OrderFlag.POST_ONLY)
        and slot.generation == generation_of(order.id)
        and slot.filled <= order.quantity
    )


def by_order(published: Iterable[Signed]) -> Published:
    """Messages by whose order it is and by its id."""
    found: Published = {}
    for signed in published:
        message = signed.message
        sender = message.source if isinstance(message, TransferMessage) else message.account
        found.setdefault((sender, message.id), []).append(signed)
    return found


def answer_to(
    side: Side,
    published: Published,
    separator: bytes,
    context: Context,
    signers: Signers,
    after: Account,
) -> Signed | None:
    """The first published message (`by_order`) that answers for a side of an op."""
    candidates = published.get((side.account, side.order), [])
    return next(
        (
            signed
            for signed in candidates
            if answers(side, signed, separator, context, signers, after)
        ),
        None,
    )


def unanswered(
    ops: Sequence[Op],
    published: Iterable[Signed],
    separator: bytes,
    context: Context,
    signers: Signers,
    after: dict[int, Account],
) -> list[tuple[int, Side]]:
    """The sides of a chunk's ops that no published message answers for, by place."""
    return unanswered_by(ops, by_order(published), separator, context, signers, after)


def unanswered_by(
    ops: Sequence[Op],
    published: Published,
    separator: bytes,
    context: Context,
    signers: Signers,
    after: dict[int, Account],
) -> list[tuple[int, Side]]:
    """As `unanswered`, of messages sorted `by_order`: once for all chunks of a batch."""
    return [
        (place, side)
        for place, op in enumerate(ops)
        for side in sides_of(op)
        if answer_to(side, published, separator, context, signers, after[side.account]) is None
    ]
