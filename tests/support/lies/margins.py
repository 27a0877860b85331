"""Accounts that end a chunk with less than they must have; RELEASEs that keep something back."""

from __future__ import annotations

from matcher.reference.words import Fill, Release, Transfer, Withdraw
from matcher.types import Transfer as TransferMessage
from matcher.types import Withdrawal as WithdrawalMessage
from tests.support.decree import Fault
from tests.support.exchange import MARKET, TOKENS, copy_state
from tests.support.liar import Liar, given
from tests.support.lies.table import Table
from tests.support.stage import (
    CALL,
    EARLY,
    FEES,
    FOREVER,
    HOLDER,
    LEAVER,
    MAKER,
    MONEY,
    PUT,
    SELLER,
    TAKER,
    order_id,
)

TABLE = Table()
NEW = order_id(30)


def worst_after(liar: Liar, chunk: int, index: int) -> int:
    """What an account is worth at the worst after a chunk of the batch as it stands.

    Fees are not booked here: none of the accounts asked about is the fee account.
    """
    x = liar.stage.x
    state = copy_state(x.state)
    liar.facts.built_at = x.chain.now - 1
    for ops in liar.plan.chunks[: chunk + 1]:
        for op in ops:
            state.apply(given(op, state, liar.facts), liar.facts)
    return state.worst(index, liar.facts)


def withdrawn(liar: Liar, chunk: int, place: int, index: int, amount: int) -> None:
    """A withdrawal signed by the account's owner."""
    message = WithdrawalMessage(index, amount, NEW, liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(index), message))
    liar.plan.put(chunk, place, Withdraw(index, amount, NEW))


@TABLE.lie(Fault.MARGIN_BROKEN, 0, account=TAKER)
def withdrawal_of_one_atom_too_much(liar: Liar) -> None:
    withdrawn(liar, 0, 6, TAKER, worst_after(liar, 0, TAKER) + 1)


@TABLE.lie(Fault.MARGIN_BROKEN, 0, account=MAKER)
def withdrawal_of_what_short_options_need(liar: Liar) -> None:
    withdrawn(liar, 0, 6, MAKER, worst_after(liar, 0, MAKER) + 1)


@TABLE.lie(Fault.MARGIN_BROKEN, 2, account=SELLER)
def withdrawal_of_what_31_short_options_need(liar: Liar) -> None:
    withdrawn(liar, 2, 2, SELLER, worst_after(liar, 2, SELLER) + 1)


@TABLE.lie(Fault.MARGIN_BROKEN, 0, account=TAKER)
def transfer_of_one_atom_too_much(liar: Liar) -> None:
    amount = worst_after(liar, 0, TAKER) + 1
    message = TransferMessage(TAKER, HOLDER, amount, NEW, liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(TAKER), message))
    liar.plan.put(0, 6, Transfer(TAKER, HOLDER, amount, NEW))


@TABLE.lie(Fault.MARGIN_BROKEN, 1, account=MAKER)
def maker_that_sells_more_than_it_can_cover(liar: Liar) -> None:
    liar.plan.messages += [
        liar.stage.order(MAKER, CALL, buys=False, tick=0, lots=200, number=30),
        liar.stage.order(TAKER, CALL, buys=True, tick=0, lots=200, number=31),
    ]
    ids = order_id(31), order_id(30)
    liar.plan.put(1, 3, Fill(0, TAKER, MAKER, CALL, 0, 200, *ids))


@TABLE.lie(Fault.MARGIN_BROKEN, 1, account=TAKER)
def taker_that_sells_more_than_it_can_cover(liar: Liar) -> None:
    liar.plan.messages += [
        liar.stage.order(TAKER, PUT, buys=False, tick=0, lots=200, number=30),
        liar.stage.order(MAKER, PUT, buys=True, tick=0, lots=200, number=31),
    ]
    ids = order_id(30), order_id(31)
    liar.plan.put(1, 3, Fill(1, TAKER, MAKER, PUT, 0, 200, *ids))


@TABLE.lie(Fault.MARGIN_BROKEN, 0, account=TAKER)
def taker_that_buys_more_than_it_can_pay(liar: Liar) -> None:
    # 11,000 tokens for one call that may be worth nothing.
    tick = (MONEY + 1000 * TOKENS) // 100
    liar.plan.messages += [
        liar.stage.order(TAKER, CALL, buys=True, tick=tick, lots=1, number=30),
        liar.stage.order(MAKER, CALL, buys=False, tick=tick, lots=1, number=31),
    ]
    ids = order_id(30), order_id(31)
    liar.plan.put(0, 6, Fill(0, TAKER, MAKER, CALL, tick, 1, *ids))


@TABLE.lie(Fault.MARGIN_BROKEN, 0, account=FEES)
def withdrawal_of_fees_that_never_came(liar: Liar) -> None:
    withdrawn(liar, 0, 6, FEES, TOKENS)


@TABLE.lie(Fault.MARGIN_BROKEN, 1, account=TAKER)
def margin_broken_in_one_chunk_and_healed_in_the_next(liar: Liar) -> None:
    withdrawn(liar, 1, 3, TAKER, worst_after(liar, 1, TAKER) + 1)
    message = TransferMessage(HOLDER, TAKER, TOKENS, order_id(40), liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(HOLDER), message))
    liar.plan.chunks.append([Transfer(HOLDER, TAKER, TOKENS, order_id(40))])
    # What TAKER gives back in the third chunk it does not have any more.
    liar.plan.chunks[2].pop()


@TABLE.lie(Fault.MARGIN_BROKEN, 0, account=TAKER)
def withdrawal_backed_by_a_price_fixed_in_the_second_of_built_at(liar: Liar) -> None:
    """Calls that pay at the price are worth nothing as long as it does not count."""
    liar.plan.built_at = liar.stage.x.context.prices[MARKET, EARLY][1]
    liar.plan.chunks = [[]]
    withdrawn(liar, 0, 0, TAKER, worst_after(liar, 0, TAKER))


@TABLE.lie(Fault.MARGIN_BROKEN, 0, account=MAKER)
def withdrawal_as_if_a_fixed_price_did_not_count(liar: Liar) -> None:
    """Nor does what was sold become cheaper by not looking: at a lower price it would have been."""
    liar.plan.chunks = [[]]
    liar.facts.prices[MARKET, EARLY] = (100 * TOKENS, 1)
    withdrawn(liar, 0, 0, MAKER, worst_after(liar, 0, MAKER))


@TABLE.lie(Fault.RELEASE_KEPT, 0, 0, account=TAKER)
def release_that_counts_a_fixed_price_at_its_worst(liar: Liar) -> None:
    x = liar.stage.x
    x.ask(x.roles.taker, TAKER)
    liar.facts.asks[TAKER] = 1
    del liar.facts.prices[MARKET, EARLY]
    liar.plan.chunks = [[]]
    liar.plan.put(0, 0, Release(TAKER, worst_after(liar, 0, TAKER), 1))


@TABLE.lie(Fault.RELEASE_KEPT, 2, 0, account=LEAVER)
def release_of_one_atom_too_little(liar: Liar) -> None:
    amount = worst_after(liar, 1, LEAVER) - 1
    liar.plan.chunks[2][0] = Release(LEAVER, amount, 1)


@TABLE.lie(Fault.RELEASE_KEPT, 2, 0, account=LEAVER)
def release_of_nothing(liar: Liar) -> None:
    liar.plan.chunks[2][0] = Release(LEAVER, 0, 1)


@TABLE.lie(Fault.MARGIN_BROKEN, 2, 0, account=LEAVER)
def release_of_one_atom_too_much(liar: Liar) -> None:
    amount = worst_after(liar, 1, LEAVER) + 1
    liar.plan.chunks[2][0] = Release(LEAVER, amount, 1)


@TABLE.lie(Fault.RELEASE_KEPT, 2, 0, account=LEAVER)
def release_before_money_arrives_in_the_same_chunk(liar: Liar) -> None:
    """Everything is let out, and then the account has something again."""
    message = TransferMessage(TAKER, LEAVER, 1, NEW, liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(TAKER), message))
    liar.plan.put(2, 2, Transfer(TAKER, LEAVER, 1, NEW))


@TABLE.lie(Fault.RELEASE_KEPT, 2, 0, account=FEES)
def release_of_the_fee_account_that_keeps_the_fees(liar: Liar) -> None:
    liar.plan.chunks[2][0] = Release(FEES, 0, 1)
