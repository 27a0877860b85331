"""What the owner of an account can do next to have everything out, and when (section 9).

The way out is always the same: end what was signed, be credited, ask, and claim what was let out
once it is final. If the operator does not credit or serve in time, freeze; then the Vault pays from
the last state, what is certain at once and the rest as expiries settle. Nothing has to be
remembered from one step to the next: the chain does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from matcher.chain.audit.exits import Exit, Shown
from matcher.reference.header import Header

NOTICE_MARGIN: Final = 30  # seconds beyond the least notice, until the transaction is in a block


class Act(StrEnum):
    """What an owner does with a transaction."""

    CANCEL = "hard-cancel"  # setOrdersUntil
    REVOKE = "revoke-key"
    ASK = "ask"
    FREEZE = "freeze"
    CLAIM = "claim"


@dataclass(frozen=True)
class Step:
    """Something that is to be done, or happens.

    Attributes
    ----------
    act : Act, optional
        Without one there is nothing to send: others act, or time passes.
    at : int
        From when on, seconds; up to now: at once.
    text : str
    shown : Shown, optional
        What a claim or the freeze shows.
    successor : Header, optional
        Of the batch after it, where the freeze needs one.
    key : bytes, optional
        That is revoked.
    until : int
        When what is canceled or revoked ends, seconds.
    """

    act: Act | None
    at: int
    text: str
    shown: Shown | None = None
    successor: Header | None = None
    key: bytes | None = None
    until: int = 0


def plan(exit_: Exit, at_once: bool = False) -> list[Step]:
    """All steps that are known by now, in the order of their times; none: everything is out.

    Parameters
    ----------
    exit_ : Exit
    at_once : bool
        Ask without waiting until nothing that was signed can be filled any more.
    """
    steps = list(_frozen(exit_) if exit_.frozen else _living(exit_, at_once))
    return sorted(steps, key=lambda step: max(step.at, exit_.now))


def possible(exit_: Exit, steps: list[Step]) -> list[Step]:
    """Those that can be sent now."""
    return [step for step in steps if step.act is not None and step.at <= exit_.now]


# --- while it is not frozen ---------------------------------------------------------------------


def _living(exit_: Exit, at_once: bool) -> Iterator[Step]:
    yield from _claims(exit_)
    yield from _lies(exit_)
    newest = exit_.newest
    empty = not newest.account.positions and exit_.worst(newest) <= 0
    owed = since(exit_, newest)
    if owed is None and empty:
        return
    cancels = list(_cancels(exit_))
    yield from cancels
    if owed is not None:
        yield _freeze(exit_, owed)
    elif exit_.worst(newest) > 0:
        quiet = exit_.now if at_once else quiet_at(exit_, cancels)
        yield Step(Act.ASK, quiet, "ask for everything that margin allows")
    else:
        yield from _settlements(exit_, "then ask for what is left")


def _settlements(exit_: Exit, then: str) -> Iterator[Step]:
    for market, expiry in exit_.unsettled(exit_.newest):
        at = expiry * 3600
        late = "is past and not settled, which anybody may do with the reporters' prices"
        what = late if at <= exit_.now else "settles"
        yield Step(None, at, f"expiry {expiry} of market {market} {what}; {then}")


def _claims(exit_: Exit) -> Iterator[Step]:
    """Of everything that was let out and not fetched."""
    fetched = exit_.demands.claimed
    for shown in exit_.shown:
        at = exit_.final_at(shown)
        if exit_.frozen and exit_.is_head(shown) and at <= exit_.now:
            continue  # pays more than what was let out, and is a step of its own
        out = shown.account.exited
        if out > fetched:
            text = f"claim {_tokens(out - fetched)} that batch {shown.batch} has let out"
            yield Step(Act.CLAIM, at, text, shown)
            fetched = out


def _lies(exit_: Exit) -> Iterator[Step]:
    for lie in exit_.lies:
        text = f"batch {lie.batch} becomes final with a lie ({lie.what}): prove it before"
        yield Step(None, lie.final_at, text)


def _cancels(exit_: Exit) -> Iterator[Step]:
    """End what the owner and the session keys may still sign, all by the same moment."""
    until = exit_.now + exit_.windows.notice + NOTICE_MARGIN
    soon = until + NOTICE_MARGIN
    ends = exit_.demands.orders_until
    if ends == 0 or ends > soon:
        text = "end every order that the owner signed, for ever"
        yield Step(Act.CANCEL, exit_.now, text, until=until)
    for key, ends in exit_.demands.keys.items():
        if ends > soon:
            text = f"end what session key 0x{key.hex()} signed"
            yield Step(Act.REVOKE, exit_.now, text, key=key, until=until)


def quiet_at(exit_: Exit, cancels: Sequence[Step]) -> int:
    """From when on no order that was signed can be in a new batch, seconds."""
    ends = [exit_.demands.orders_until, *exit_.demands.keys.values()]
    if cancels:
        ends = [step.until for step in cancels]
    return max(ends) + exit_.windows.lag + 1


# --- the freeze ---------------------------------------------------------------------------------


def since(exit_: Exit, shown: Shown) -> int | None:
    """Since when a state owes a credit or an answer to an ask, of both the longer; else None."""
    demands, waits = exit_.demands, []
    if shown.account.credited < demands.deposited:
        waits.append(demands.deposited_at)
    if shown.account.served < demands.asks:
        waits.append(demands.asked_at)
    return min(waits) if waits else None


def _freeze(exit_: Exit, owed: int) -> Step:
    """The freeze, now if any batch allows it, else when the head will."""
    found = freezing(exit_)
    what = _owed(exit_)
    if found is not None:
        shown, successor = found
        text = f"freeze the exchange: {what}"
        return Step(Act.FREEZE, exit_.now, text, shown, successor)
    if exit_.is_head(exit_.newest):
        at = max(owed, exit_.last_revert_at) + exit_.windows.freeze + 1
        return Step(Act.FREEZE, at, f"freeze the exchange, if still {what}")
    # The head shows nothing; all patience ends by what is final.
    limit = owed + 2 * (exit_.windows.freeze + exit_.windows.final_after)
    return Step(Act.FREEZE, limit + 1, f"freeze the exchange: {what}, and the head is a lie")


def freezing(exit_: Exit) -> tuple[Shown, Header | None] | None:
    """A batch against which the Vault freezes now, with its successor if it must be shown.

    As ``Vault._requireOverdue``: the newest first, so that who asks late is not kept waiting by
    batches that were committed in front of the freeze. What is final is the head or has a successor
    that is not, so nothing else has to be shown of it.
    """
    for shown in reversed(exit_.shown):
        owed = since(exit_, shown)
        if owed is None:
            continue
        is_head, is_final = exit_.is_head(shown), exit_.is_final(shown)
        patience = max(owed, exit_.last_revert_at) + exit_.windows.freeze
        if exit_.now > patience if is_head else not is_final and shown.committed_at > patience:
            return shown, None
        limit = owed + 2 * (exit_.windows.freeze + exit_.windows.final_after)
        if not is_final or exit_.now <= limit:
            continue
        if is_head:
            return shown, None
        if shown.batch + 1 in exit_.pending:
            return shown, exit_.pending[shown.batch + 1]
    return None


def _owed(exit_: Exit) -> str:
    account, demands = exit_.newest.account, exit_.demands
    what = []
    if account.credited < demands.deposited:
        what.append(f"{_tokens(demands.deposited - account.credited)} are not credited")
    if account.served < demands.asks:
        count = demands.asks - account.served
        what.append("1 ask is not served" if count == 1 else f"{count} asks are not served")
    return " and ".join(what)


# --- when it is frozen --------------------------------------------------------------------------


def _frozen(exit_: Exit) -> Iterator[Step]:
    yield from _lies(exit_)
    newest = exit_.newest
    if not exit_.is_head(newest):
        yield from _claims(exit_)
        return
    due = exit_.due(newest)
    at = exit_.final_at(newest)
    if at > exit_.now:
        yield from _claims(exit_)
    fetched = exit_.demands.claimed
    if due > fetched:
        text = f"claim {_tokens(due - fetched)}: let out, and what is left at the worst"
        yield Step(Act.CLAIM, at, text, newest)
    yield from _settlements(exit_, "then claim what is left")


def _tokens(atoms: int) -> str:
    whole, rest = divmod(atoms, 1_000_000)
    return f"{whole:,}.{rest:06d}"
