"""Roots that do not follow from the words: false fees, counters, amounts and roots."""

from __future__ import annotations

import msgspec

from matcher.reference.leaf import Account, Slot
from matcher.reference.state import State
from matcher.reference.tree import ZERO, keccak
from matcher.reference.words import Fill, Nop
from matcher.types import Fees
from tests.support.decree import Fault
from tests.support.exchange import MARKET
from tests.support.liar import Liar
from tests.support.lies.table import Table
from tests.support.stage import (
    CALL,
    EARLY,
    EARLY_CALL,
    FEES,
    HOLDER,
    LEAVER,
    MAKER,
    NEW_FEES,
    OLD_FEES,
    PENDING,
    SELLER,
    TAKER,
    order_id,
)

TABLE = Table()


def changed(state: State, index: int, **by: int) -> None:
    """Change numbers of an account by amounts."""
    account = state.account(index).copy()
    for name, amount in by.items():
        setattr(account, name, getattr(account, name) + amount)
    state.accounts[index] = account


def held(state: State, index: int, instrument: int, lots: int) -> None:
    """Change a position by some lots."""
    account = state.account(index).copy()
    account.add_lots(instrument, lots)
    state.accounts[index] = account


def slot_set(state: State, index: int, number: int, slot: Slot) -> None:
    """Put another slot in the place of one."""
    account = state.account(index).copy()
    account.slots[number] = slot
    state.accounts[index] = account


# --- fees


@TABLE.lie(Fault.WRONG_ROOT)
def fee_one_atom_too_high(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, TAKER, cash=-1)
        changed(state, FEES, cash=1)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def fee_one_atom_too_low(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, TAKER, cash=1)
        changed(state, FEES, cash=-1)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT, 1)
def no_fee(liar: Liar) -> None:
    def effect(state: State) -> None:
        lots = 4
        changed(state, HOLDER, cash=NEW_FEES[0] * lots)
        changed(state, MAKER, cash=NEW_FEES[1] * lots)
        changed(state, FEES, cash=-sum(NEW_FEES) * lots)

    liar.effects[1] = effect


@TABLE.lie(Fault.WRONG_ROOT, 1)
def no_rebate_to_the_maker(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, MAKER, cash=NEW_FEES[1] * 4)
        changed(state, FEES, cash=-NEW_FEES[1] * 4)

    liar.effects[1] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def fees_to_another_account(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, FEES, cash=-1)
        changed(state, HOLDER, cash=1)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def fees_to_nobody(liar: Liar) -> None:
    liar.effects[0] = lambda state: changed(state, FEES, cash=-sum(NEW_FEES) * 7)


@TABLE.lie(Fault.WRONG_ROOT)
def fees_of_before_the_change(liar: Liar) -> None:
    liar.facts.fees[MARKET] = Fees(*OLD_FEES, *OLD_FEES, 0)


@TABLE.lie(Fault.WRONG_ROOT)
def fees_of_after_a_change_to_come(liar: Liar) -> None:
    """A change is announced, and taken before its time."""
    x = liar.stage.x
    x.chain.travel(2 * (x.windows.final_after + x.windows.lag))
    later = x.chain.now + 1000
    liar.stage.send(x.roles.owner, x.markets.functions.setFees(MARKET, 9, 0, later))
    x.context.fees[MARKET] = Fees(*NEW_FEES, 9, 0, later)
    liar.facts.fees[MARKET] = Fees(9, 0, 9, 0, 0)


# --- counters, cash, positions, slots


@TABLE.lie(Fault.WRONG_ROOT)
def credit_without_cash(liar: Liar) -> None:
    liar.effects[0] = lambda state: changed(state, MAKER, cash=-PENDING)


@TABLE.lie(Fault.WRONG_ROOT)
def credit_without_its_counter(liar: Liar) -> None:
    """The deposit could be credited again."""
    liar.effects[0] = lambda state: changed(state, MAKER, credited=-PENDING)


@TABLE.lie(Fault.WRONG_ROOT, 2)
def release_without_its_counter(liar: Liar) -> None:
    liar.effects[2] = lambda state: changed(state, LEAVER, served=-1)


@TABLE.lie(Fault.WRONG_ROOT, 2)
def ask_served_without_a_release(liar: Liar) -> None:
    """The leaf says served, and no word does."""
    liar.plan.chunks[2][0] = Nop()
    liar.effects[2] = lambda state: changed(state, LEAVER, served=1)


@TABLE.lie(Fault.WRONG_ROOT, 2)
def release_that_lets_nothing_out(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, LEAVER, exited=-state.account(LEAVER).exited)

    liar.effects[2] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def exit_out_of_nothing(liar: Liar) -> None:
    """No op names HOLDER here: what an operator steals from everybody."""
    liar.effects[0] = lambda state: changed(state, HOLDER, exited=1)


@TABLE.lie(Fault.WRONG_ROOT)
def withdrawal_without_its_price(liar: Liar) -> None:
    liar.effects[0] = lambda state: changed(state, TAKER, cash=11 * 10**6)


@TABLE.lie(Fault.WRONG_ROOT)
def transfer_that_never_arrives(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, TAKER, cash=-7 * 10**6)
        changed(state, HOLDER, cash=7 * 10**6)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def second_view_of_an_account_that_forgets_the_first(liar: Liar) -> None:
    """MAKER is credited by op 0 and trades by op 1, from the leaf as it was before op 0."""

    def effect(state: State) -> None:
        changed(state, MAKER, cash=-PENDING, credited=-PENDING)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def position_of_another_size(liar: Liar) -> None:
    liar.effects[0] = lambda state: held(state, TAKER, CALL, 1)


@TABLE.lie(Fault.WRONG_ROOT, 1)
def settled_position_that_stays(liar: Liar) -> None:
    liar.effects[1] = lambda state: held(state, TAKER, EARLY_CALL, 10)


@TABLE.lie(Fault.WRONG_ROOT, 1)
def settled_at_another_price(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, TAKER, cash=10)
        changed(state, MAKER, cash=-10)

    liar.effects[1] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def fill_that_the_slot_forgets(liar: Liar) -> None:
    """Filled is lower than it should be, so that the order could be filled beyond its size."""
    liar.effects[0] = lambda state: slot_set(state, MAKER, 10, Slot(1, 4))


@TABLE.lie(Fault.WRONG_ROOT)
def slot_of_another_generation(liar: Liar) -> None:
    liar.effects[0] = lambda state: slot_set(state, TAKER, 12, Slot(0, 5))


@TABLE.lie(Fault.WRONG_ROOT)
def fill_booked_at_another_price(liar: Liar) -> None:
    def effect(state: State) -> None:
        changed(state, TAKER, cash=-500)
        changed(state, MAKER, cash=500)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def fill_booked_the_other_way_round(liar: Liar) -> None:
    """The buyer of 5 holds what the seller should."""

    def effect(state: State) -> None:
        held(state, TAKER, CALL, -10)
        held(state, MAKER, CALL, 10)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def position_in_the_instrument_beside_it(liar: Liar) -> None:
    def effect(state: State) -> None:
        held(state, TAKER, CALL, -5)
        held(state, TAKER, CALL + 1, 5)

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def fee_of_a_fill_for_nothing(liar: Liar) -> None:
    """A fee is at most an eighth of the notional, a rebate too: of nothing, nothing."""
    liar.plan.put(0, 6, Fill(0, TAKER, MAKER, CALL, 0, 1, order_id(30), order_id(31)))

    def effect(state: State) -> None:
        changed(state, TAKER, cash=-NEW_FEES[0])
        changed(state, MAKER, cash=-NEW_FEES[1])
        changed(state, FEES, cash=sum(NEW_FEES))

    liar.effects[0] = effect


@TABLE.lie(Fault.WRONG_ROOT)
def newer_order_that_goes_on_counting(liar: Liar) -> None:
    """Slot 1 of TAKER holds ten lots of generation 1; one of generation 2 begins anew."""
    liar.plan.put(0, 6, Fill(0, TAKER, MAKER, CALL, 500, 1, order_id(1, 2), order_id(31)))
    liar.effects[0] = lambda state: slot_set(state, TAKER, 1, Slot(2, 11))


@TABLE.lie(Fault.WRONG_ROOT)
def withdrawal_that_leaves_its_slot_open(liar: Liar) -> None:
    """It could be taken again."""
    liar.effects[0] = lambda state: slot_set(state, TAKER, 21, Slot(1, 0))


@TABLE.lie(Fault.WRONG_ROOT)
def transfer_that_leaves_its_slot_open(liar: Liar) -> None:
    liar.effects[0] = lambda state: slot_set(state, MAKER, 20, Slot(1, 0))


@TABLE.lie(Fault.WRONG_ROOT, 1)
def settle_that_takes_a_position_of_another_expiry(liar: Liar) -> None:
    liar.effects[1] = lambda state: held(state, TAKER, CALL, -5)


@TABLE.lie(Fault.WRONG_ROOT, 1)
def settle_at_a_price_that_reporters_never_gave(liar: Liar) -> None:
    price, at = liar.facts.prices[MARKET, EARLY]
    liar.facts.prices[MARKET, EARLY] = (price + 1, at)


@TABLE.lie(Fault.WRONG_ROOT)
def fill_at_another_value_of_a_tick(liar: Liar) -> None:
    market = liar.facts.markets[MARKET]
    liar.facts.markets[MARKET] = msgspec.structs.replace(market, tick_value=market.tick_value - 1)


@TABLE.lie(Fault.WRONG_ROOT, 2)
def account_that_vanishes(liar: Liar) -> None:
    """No op names SELLER: all that it has and owes."""

    def effect(state: State) -> None:
        state.accounts[SELLER] = Account()

    liar.effects[2] = effect


# --- the root itself


@TABLE.lie(Fault.WRONG_ROOT)
def root_of_the_first_chunk(liar: Liar) -> None:
    liar.roots[0] = lambda root: keccak(root)


@TABLE.lie(Fault.WRONG_ROOT, 1)
def root_in_the_middle(liar: Liar) -> None:
    """The next chunk goes on from the truth."""
    liar.roots[1] = lambda root: keccak(root)


@TABLE.lie(Fault.WRONG_ROOT, 2)
def root_of_the_last_chunk(liar: Liar) -> None:
    liar.roots[2] = lambda root: keccak(root)


@TABLE.lie(Fault.WRONG_ROOT, 1)
def root_with_its_lowest_bit_flipped(liar: Liar) -> None:
    liar.roots[1] = lambda root: root[:31] + bytes([root[31] ^ 1])


@TABLE.lie(Fault.WRONG_ROOT, 2)
def root_with_its_highest_bit_flipped(liar: Liar) -> None:
    liar.roots[2] = lambda root: bytes([root[0] ^ 0x80]) + root[1:]


@TABLE.lie(Fault.WRONG_ROOT)
def root_with_its_halves_swapped(liar: Liar) -> None:
    liar.roots[0] = lambda root: root[16:] + root[:16]


@TABLE.lie(Fault.WRONG_ROOT, 2)
def root_of_nothing(liar: Liar) -> None:
    liar.roots[2] = lambda root: ZERO


@TABLE.lie(Fault.WRONG_ROOT)
def root_of_the_batch_before(liar: Liar) -> None:
    before = liar.stage.x.head.header.state_root
    liar.roots[0] = lambda root: before


@TABLE.lie(Fault.WRONG_ROOT, 2)
def root_of_an_older_batch_at_the_end(liar: Liar) -> None:
    older = liar.stage.x.batches[-2].header.state_root
    liar.roots[2] = lambda root: older


@TABLE.lie(Fault.WRONG_ROOT, 3)
def root_that_moves_in_an_empty_chunk(liar: Liar) -> None:
    liar.plan.chunks.append([])
    liar.roots[3] = lambda root: keccak(root)


@TABLE.lie(Fault.WRONG_ROOT, 2)
def lie_in_a_late_chunk_of_many(liar: Liar) -> None:
    liar.plan.chunks += [[] for _ in range(6)]
    liar.effects[2] = lambda state: changed(state, HOLDER, exited=1)


@TABLE.lie(Fault.WRONG_ROOT, 1)
def lie_that_later_chunks_take_back(liar: Liar) -> None:
    liar.effects[1] = lambda state: changed(state, HOLDER, cash=1)
    liar.effects[2] = lambda state: changed(state, HOLDER, cash=-1)


@TABLE.lie(Fault.WRONG_ROOT, 1)
def lie_in_two_chunks(liar: Liar) -> None:
    liar.effects[1] = lambda state: changed(state, HOLDER, cash=1)
    liar.effects[2] = lambda state: changed(state, HOLDER, cash=1)
