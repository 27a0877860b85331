"""What MARGIN takes (docs/reference/witnesses.md): one account before and after one chunk."""

from matcher.reference import witness
from matcher.reference.openings import Body
from matcher.reference.state import State

NO_RELEASE = 0xFF


def margin(
    body: Body, number: int, account: int, before: State, after: State, release_place: int | None
) -> bytes:
    """The witness that an account breaks the margin rule, or that a RELEASE kept something back.

    Parameters
    ----------
    number : int
        Of the chunk.
    before, after : State
        Of the chunk, as the batch states their roots.
    release_place : int or None
        Word of a RELEASE of the account in the chunk; None: that is not the charge.
    """
    place = NO_RELEASE if release_place is None else release_place
    return b"".join(
        (
            body.begin(),
            number.to_bytes(2, "big"),
            account.to_bytes(3, "big"),
            place.to_bytes(1, "big"),
            body.root(number),
            b"" if release_place is None else body.word(number, release_place),
            witness.account(after.tree, account, after.account(account)),
            body.root(number - 1) if number else b"",
            witness.account(before.tree, account, before.account(account)),
        )
    )
