"""What the chain says of accounts (docs/reference/matching.md, Facts): totals only grow.

A fact about what was not told before answers FAULT and changes nothing; so does a deposit with
which all accounts would own more than the Vault can ever hold.
"""

from matcher.events import CancelReason
from matcher.kernel.accounts import account_at, is_open
from matcher.kernel.context import (
    context_accounts_count,
    context_batch_open,
    context_money,
    context_waiting,
    context_waiting_count,
    set_context_accounts_count,
    set_context_money,
    set_context_waiting_count,
)
from matcher.kernel.events import say_fault
from matcher.kernel.fields import (
    account_asks,
    account_deposited,
    account_opened,
    account_orders_until,
    account_owner,
    account_waits,
    annex_address_0,
    annex_address_1,
    annex_address_2,
    fact_account,
    fact_signer,
    fact_time,
    fact_value,
    set_account_asks,
    set_account_deposited,
    set_account_opened,
    set_account_orders_until,
    set_account_owner,
    set_account_waits,
    set_pair_key,
    set_pair_value,
    set_signer_account,
    set_signer_address_0,
    set_signer_address_1,
    set_signer_address_2,
    set_signer_key,
    set_signer_owner,
    set_signer_until,
    set_signer_valid_from,
    signer_address_0,
    signer_address_1,
    signer_address_2,
    signer_key,
    signer_until,
)
from matcher.kernel.margin import MONEY_MAX
from matcher.kernel.memory import called, inlined
from matcher.kernel.money import credit, let_out
from matcher.kernel.orders import cancel_each
from matcher.kernel.signers import set_deadline, signer_at

_FORCED_WITHDRAWAL = int(CancelReason.FORCED_WITHDRAWAL)


@inlined
def write_address(signer: int, annex: int) -> None:
    """The address of a signer is told."""
    set_signer_address_0(signer, annex_address_0(annex))
    set_signer_address_1(signer, annex_address_1(annex))
    set_signer_address_2(signer, annex_address_2(annex))


@inlined
def is_nobody(c: int, signer: int) -> bool:
    """Whether a signer is none, or the zero address."""
    at = signer_at(c, signer)
    return signer == 0 or signer_address_0(at) | signer_address_1(at) | signer_address_2(at) == 0


@called
def open_account(c: int, fact: int) -> None:
    """An account and its owner; the first telling of an owner counts."""
    number, signer = fact_account(fact), fact_signer(fact)
    account = account_at(c, number)
    if account_opened(account) != 0 and not is_nobody(c, account_owner(account)):
        return
    set_account_opened(account, 1)
    set_context_accounts_count(c, max(context_accounts_count(c), number + 1))
    if account_owner(account) != 0:
        set_signer_owner(signer_at(c, account_owner(account)), 0)
    set_account_owner(account, signer)
    at = signer_at(c, signer)
    set_signer_account(at, number)
    set_signer_owner(at, 1)
    write_address(at, fact + 64)
    if account_orders_until(account) != 0:
        set_deadline(c, account_orders_until(account) + 1, signer)


@called
def set_orders_until(c: int, fact: int) -> None:
    """The end of the owner's orders; the least that is not 0 counts."""
    if not is_open(c, fact_account(fact)):
        say_fault(c, fact_account(fact))
        return
    account, until = account_at(c, fact_account(fact)), fact_time(fact)
    known = account_orders_until(account)
    if until != 0 and (known == 0 or until < known):
        set_account_orders_until(account, until)
        set_deadline(c, until + 1, account_owner(account))


@called
def set_key(c: int, fact: int) -> None:
    """A key; `valid_from` as first told, its end the least told."""
    if not is_open(c, fact_account(fact)):
        say_fault(c, fact_account(fact))
        return
    signer, until = signer_at(c, fact_signer(fact)), fact_time(fact)
    if signer_key(signer) == 0:
        set_signer_account(signer, fact_account(fact))
        set_signer_key(signer, 1)
        set_signer_valid_from(signer, fact_value(fact))
        write_address(signer, fact + 64)
    elif until >= signer_until(signer):
        return
    set_signer_until(signer, until)
    set_deadline(c, until + 1, fact_signer(fact))


@called
def wait(c: int, number: int) -> None:
    """What is due to an account waits for the next batch."""
    account, count = account_at(c, number), context_waiting_count(c)
    if account_waits(account) == 0:
        set_account_waits(account, 1)
        set_pair_key(context_waiting(c) + 16 * count, number)
        set_pair_value(context_waiting(c) + 16 * count, 0)
        set_context_waiting_count(c, count + 1)


@called
def set_deposited(c: int, fact: int) -> None:
    """All that was ever deposited; what is new is credited, now or with the next batch."""
    number = fact_account(fact)
    account, grown = account_at(c, number), 0
    if is_open(c, number):
        grown = max(0, fact_value(fact) - account_deposited(account))
    if not is_open(c, number) or context_money(c) + grown > MONEY_MAX:
        say_fault(c, number)
        return
    set_account_deposited(account, account_deposited(account) + grown)
    set_context_money(c, context_money(c) + grown)
    if context_batch_open(c) != 0:
        credit(c, number)
    elif grown > 0:
        wait(c, number)


@called
def set_asked(c: int, fact: int) -> None:
    """All asks ever; what is new cancels the orders, and is served, now or with the next batch."""
    number = fact_account(fact)
    if not is_open(c, number):
        say_fault(c, number)
        return
    account = account_at(c, number)
    if fact_value(fact) <= account_asks(account):
        return
    set_account_asks(account, fact_value(fact))
    cancel_each(c, number, 0, _FORCED_WITHDRAWAL)
    if context_batch_open(c) != 0:
        let_out(c, number)
    else:
        wait(c, number)
