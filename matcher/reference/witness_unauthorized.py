"""What UNAUTHORIZED takes (docs/reference/witnesses.md): a question, its answer, its execution."""

from matcher.reference import witness
from matcher.reference.authorization import Side
from matcher.reference.openings import Body
from matcher.reference.orderfile import Signed
from matcher.reference.state import State
from matcher.reference.words import Fill, Transfer, Withdraw, unpack
from matcher.types import CHUNK_WORDS, Order

ORDER = 0  # encoding: Order of section 8


def opening(body: Body, number: int, place: int) -> bytes:
    """With which a question is asked: the op."""
    return body.begin() + body.word(number, place)


def answer(body: Body, number: int, place: int, side: int, signed: Signed, after: State) -> bytes:
    """What answers for a side of an op, if the message allows it; that is not asked here.

    Parameters
    ----------
    number, place : int
        Of the chunk, and of the op in it.
    after : State
        Of the chunk.
    """
    op = unpack(body.words[CHUNK_WORDS * number + place])
    assert isinstance(op, Fill | Withdraw | Transfer), op
    message = signed.message
    parts = [
        body.begin(),
        message.expiry.to_bytes(5, "big"),
        len(signed.signature).to_bytes(1, "big"),
        signed.signature,
    ]
    if isinstance(op, Fill):
        assert isinstance(message, Order), message
        asked = Side(op, side)
        account = after.account(asked.account)
        parts += [
            ORDER.to_bytes(1, "big"),
            message.price.to_bytes(8, "big"),
            message.quantity.to_bytes(8, "big"),
            message.flags.to_bytes(1, "big"),
            body.root(number),
            witness.account(after.tree, asked.account, account),
            witness.slots(account.slots, asked.order),
        ]
    return b"".join(parts)


def verdict(number: int, place: int, side: int) -> bytes:
    """The witness that a question was not answered in time."""
    return number.to_bytes(2, "big") + place.to_bytes(1, "big") + side.to_bytes(1, "big")
