"""Who may sign: the owner of an account, and its keys while they are valid.

A signer is a number that stands for one address of one account. The owner is judged as the owner,
whether or not the address is a key as well.
"""

from matcher.errors import Reject
from matcher.kernel.context import (
    context_built_at,
    context_deadlines,
    context_deadlines_count,
    context_now,
    context_signers,
    context_signers_limit,
    set_context_deadlines_count,
)
from matcher.kernel.events import refused
from matcher.kernel.fields import (
    account_orders_until,
    pair_key,
    pair_value,
    set_pair_key,
    set_pair_value,
    signer_account,
    signer_key,
    signer_owner,
    signer_until,
    signer_valid_from,
)
from matcher.kernel.layout import FOREVER
from matcher.kernel.memory import called, inlined

_SIGNER_UNKNOWN = int(Reject.SIGNER_UNKNOWN)
_KEY_NOT_YET_VALID = int(Reject.KEY_NOT_YET_VALID)
_KEY_EXPIRED = int(Reject.KEY_EXPIRED)
_ORDERS_UNTIL_PASSED = int(Reject.ORDERS_UNTIL_PASSED)


@inlined
def signer_at(c: int, signer: int) -> int:
    """Address of a signer."""
    return context_signers(c) + 64 * signer


@inlined
def is_owner(c: int, account: int, signer: int) -> bool:
    """Whether a signer is the account's owner."""
    if signer == 0 or signer >= context_signers_limit(c):
        return False
    at = signer_at(c, signer)
    return signer_owner(at) != 0 and signer_account(at) == account


@inlined
def signer_refusal(c: int, account: int, signer: int) -> int:
    """The Reject code unless the owner signed, or a key that is valid now; 0 then."""
    if is_owner(c, account, signer):
        return 0
    return key_refusal(c, account, signer)


@called
def key_refusal(c: int, account: int, signer: int) -> int:
    """The Reject code unless this is a key of the account that is valid now; 0 then."""
    if signer == 0 or signer >= context_signers_limit(c):
        return refused(c, _SIGNER_UNKNOWN, signer, 0)
    at = signer_at(c, signer)
    if signer_key(at) == 0 or signer_account(at) != account:
        return refused(c, _SIGNER_UNKNOWN, signer, 0)
    if signer_valid_from(at) > context_built_at(c):
        return refused(c, _KEY_NOT_YET_VALID, signer_valid_from(at), context_built_at(c))
    if signer_until(at) < context_now(c):
        return refused(c, _KEY_EXPIRED, signer_until(at), context_now(c))
    return 0


@inlined
def order_signer_refusal(c: int, account_number: int, account: int, signer: int) -> int:
    """Checks 6 and 7; `account` is the address of the account."""
    if not is_owner(c, account_number, signer):
        return key_refusal(c, account_number, signer)
    until = account_orders_until(account)
    if 0 < until < context_now(c):
        return refused(c, _ORDERS_UNTIL_PASSED, until, context_now(c))
    return 0


@inlined
def lasts_until(c: int, account: int, signer: int) -> int:
    """The last second at which the signer's orders stand; `account` is the account's address."""
    at = signer_at(c, signer)
    if signer_owner(at) != 0:
        until = account_orders_until(account)
        return until if until != 0 else FOREVER
    return signer_until(at)


# --- when signers end: a heap whose soonest second is first --------------------------------------


@called
def set_deadline(c: int, second: int, signer: int) -> None:
    """At this second the signer's orders must be looked at."""
    place = context_deadlines_count(c)
    set_context_deadlines_count(c, place + 1)
    heap = context_deadlines(c)
    while place > 0 and pair_key(heap + 16 * ((place - 1) >> 1)) > second:
        parent = heap + 16 * ((place - 1) >> 1)
        set_pair_key(heap + 16 * place, pair_key(parent))
        set_pair_value(heap + 16 * place, pair_value(parent))
        place = (place - 1) >> 1
    set_pair_key(heap + 16 * place, second)
    set_pair_value(heap + 16 * place, signer)


@inlined
def soonest_deadline(c: int) -> int:
    """The first second at which a signer must be looked at; FOREVER if none."""
    return pair_key(context_deadlines(c)) if context_deadlines_count(c) > 0 else FOREVER


@called
def pop_deadline(c: int) -> int:
    """Take the soonest deadline out; its signer."""
    heap, count = context_deadlines(c), context_deadlines_count(c) - 1
    signer = pair_value(heap)
    set_context_deadlines_count(c, count)
    second, moved = pair_key(heap + 16 * count), pair_value(heap + 16 * count)
    place = 0
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and pair_key(heap + 16 * (child + 1)) < pair_key(heap + 16 * child):
            child += 1
        if pair_key(heap + 16 * child) >= second:
            break
        set_pair_key(heap + 16 * place, pair_key(heap + 16 * child))
        set_pair_value(heap + 16 * place, pair_value(heap + 16 * child))
        place = child
    set_pair_key(heap + 16 * place, second)
    set_pair_value(heap + 16 * place, moved)
    return signer
