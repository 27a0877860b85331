"""Fills, withdrawals and transfers that nobody signed, or not so."""

from __future__ import annotations

from typing import Any

from eth_account.signers.local import LocalAccount

from matcher.reference.messages import digest
from matcher.reference.orderfile import Message, Signed
from matcher.reference.tree import keccak
from matcher.reference.words import Fill, Transfer, Withdraw
from matcher.types import OrderFlag
from matcher.types import Transfer as TransferMessage
from matcher.types import Withdrawal as WithdrawalMessage
from tests.support.chain import account
from tests.support.decree import Fault
from tests.support.exchange import TOKENS
from tests.support.liar import Liar
from tests.support.lies.ops import change
from tests.support.lies.table import Table
from tests.support.stage import (
    CALL,
    FOREVER,
    HOLDER,
    LEAVER,
    MAKER,
    PUT,
    TAKER,
    key_of,
    order_id,
)

TABLE = Table()
STRANGER = account("stranger")
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
# Sides of the honest batch: (0, 1) TAKER buys CALL of MAKER; (0, 3) LEAVER's key sells PUT to it;
# (0, 4) TRANSFER by MAKER; (0, 5) WITHDRAW by TAKER; (1, 2) HOLDER's key buys CALL of MAKER.


def resigned(liar: Liar, index: int, number: int, signer: LocalAccount, **changed: Any) -> None:
    """Have a message of the honest batch signed by somebody, its terms changed, and no other."""
    key = index, order_id(number)
    (was,) = (signed for signed in liar.plan.messages if key_of(signed.message) == key)
    message = type(was.message)(
        **{name: getattr(was.message, name) for name in was.message.__struct_fields__} | changed
    )
    signed = Signed(message, liar.stage.x.sign(signer, message))
    liar.plan.messages[liar.plan.messages.index(was)] = signed


def unsigned(liar: Liar, index: int, number: int) -> Message:
    """A message of the honest batch was never signed; the message."""
    key = index, order_id(number)
    (was,) = (signed for signed in liar.plan.messages if key_of(signed.message) == key)
    liar.plan.messages.remove(was)
    return was.message


# --- nobody signed


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def fill_that_the_taker_never_signed(liar: Liar) -> None:
    unsigned(liar, TAKER, 12)


@TABLE.lie(Fault.UNANSWERED, 0, 3, side=1)
def fill_that_the_maker_never_signed(liar: Liar) -> None:
    unsigned(liar, MAKER, 11)


@TABLE.lie(Fault.UNANSWERED, 0, 5)
def withdrawal_that_nobody_signed(liar: Liar) -> None:
    unsigned(liar, TAKER, 21)


@TABLE.lie(Fault.UNANSWERED, 0, 4)
def transfer_that_nobody_signed(liar: Liar) -> None:
    unsigned(liar, MAKER, 20)


@TABLE.lie(Fault.UNANSWERED, 1, 2, side=0)
def order_under_an_id_that_was_never_signed(liar: Liar) -> None:
    change(liar, 1, 2, taker_order=order_id(14, 2))


# --- somebody signed, but not so


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def buyer_pays_one_tick_above_its_limit(liar: Liar) -> None:
    change(liar, 0, 1, tick=501)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=1)
def seller_gets_one_tick_below_its_limit(liar: Liar) -> None:
    change(liar, 0, 1, tick=499)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def one_lot_more_than_the_taker_ordered(liar: Liar) -> None:
    change(liar, 0, 1, lots=6)
    change(liar, 1, 2, lots=3)  # the maker's order still gets nine


@TABLE.lie(Fault.UNANSWERED, 1, 2, side=1)
def one_lot_more_than_the_maker_ordered_in_two_fills(liar: Liar) -> None:
    resigned(liar, HOLDER, 14, liar.stage.key, quantity=5)
    change(liar, 1, 2, lots=5)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def buyer_that_sells(liar: Liar) -> None:
    change(liar, 0, 1, flags=1)
    resigned(liar, MAKER, 10, liar.stage.owner(MAKER), buy=True)
    resigned(liar, HOLDER, 14, liar.stage.key, buy=False)
    change(liar, 1, 2, flags=1)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=1)
def seller_that_buys(liar: Liar) -> None:
    resigned(liar, MAKER, 10, liar.stage.owner(MAKER), buy=True)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def order_with_a_flag_that_is_none(liar: Liar) -> None:
    resigned(liar, TAKER, 12, liar.stage.owner(TAKER), flags=1 << 4)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def fill_of_another_instrument(liar: Liar) -> None:
    resigned(liar, TAKER, 12, liar.stage.owner(TAKER), instrument=liar.stage.symbol(PUT))


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def order_of_another_account_of_the_same_owner(liar: Liar) -> None:
    unsigned(liar, TAKER, 12)
    owner = liar.stage.owner(TAKER)
    liar.plan.messages.append(
        liar.stage.order(HOLDER, CALL, buys=True, tick=500, lots=5, number=12, signer=owner)
    )


@TABLE.lie(Fault.UNANSWERED, 0, 3, side=0)
def post_only_order_as_taker(liar: Liar) -> None:
    resigned(liar, LEAVER, 13, liar.stage.key, flags=int(OrderFlag.POST_ONLY))


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def order_that_ran_out_one_second_before(liar: Liar) -> None:
    now = liar.stage.x.chain.now
    liar.plan.built_at = now - 1
    resigned(liar, TAKER, 12, liar.stage.owner(TAKER), expiry=now - 2)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def older_fill_beside_a_younger_order_of_its_slot(liar: Liar) -> None:
    """The slot after the chunk tells nothing of the older order any more."""
    liar.plan.messages += [
        liar.stage.order(TAKER, CALL, buys=True, tick=500, lots=1, number=12, generation=2),
        liar.stage.order(MAKER, CALL, buys=False, tick=500, lots=1, number=30),
    ]
    # `say` keeps one message per id, and the plan both generations.
    liar.plan.put(0, 6, Fill(0, TAKER, MAKER, CALL, 500, 1, order_id(12, 2), order_id(30)))


# --- somebody signed who may not


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def order_signed_by_a_stranger(liar: Liar) -> None:
    resigned(liar, TAKER, 12, STRANGER)


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def order_signed_by_the_other_side(liar: Liar) -> None:
    resigned(liar, TAKER, 12, liar.stage.owner(MAKER))


@TABLE.lie(Fault.UNANSWERED, 0, 3, side=0)
def order_signed_by_a_revoked_key(liar: Liar) -> None:
    resigned(liar, LEAVER, 13, liar.stage.revoked)


@TABLE.lie(Fault.UNANSWERED, 0, 3, side=0)
def order_signed_by_a_key_registered_after_the_batch_was_opened(liar: Liar) -> None:
    stage = liar.stage
    resigned(liar, LEAVER, 13, stage.late)
    stage.register(LEAVER, stage.late)
    liar.plan.built_at = stage.x.chain.now - 2  # the registration's block is one later


@TABLE.lie(Fault.UNANSWERED, 0, 3, side=0)
def order_signed_by_a_key_one_second_after_it_ended(liar: Liar) -> None:
    stage = liar.stage
    until = stage.x.chain.now + 2 * stage.x.windows.notice
    call = stage.x.vault.functions.registerKey(LEAVER, stage.late.address, until)
    stage.send(stage.owner(LEAVER), call)
    resigned(liar, LEAVER, 13, stage.late)
    stage.x.chain.at(until + 2)
    liar.plan.built_at = until + 1


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def order_signed_for_another_exchange(liar: Liar) -> None:
    """The same owner, the same terms, and the domain of another contract."""
    message = unsigned(liar, TAKER, 12)
    other = keccak(liar.stage.x.domain())
    signature = liar.stage.owner(TAKER).unsafe_sign_hash(digest(message, other)).signature
    liar.plan.messages.append(Signed(message, bytes(signature)))


@TABLE.lie(Fault.UNANSWERED, 0, 1, side=0)
def order_signed_with_a_high_s(liar: Liar) -> None:
    """The other signature of the same key over the same digest, which anybody can make of it."""
    message = unsigned(liar, TAKER, 12)
    low = liar.stage.x.sign(liar.stage.owner(TAKER), message)
    high = SECP256K1_ORDER - int.from_bytes(low[32:64], "big")
    signature = low[:32] + high.to_bytes(32, "big") + bytes([27 + 28 - low[64]])
    liar.plan.messages.append(Signed(message, signature))


@TABLE.lie(Fault.UNANSWERED, 1, 2, side=0)
def order_signed_by_an_owner_who_ended_its_orders(liar: Liar) -> None:
    resigned(liar, HOLDER, 14, liar.stage.owner(HOLDER))


@TABLE.lie(Fault.UNANSWERED, 1, 2, side=0)
def order_signed_by_a_key_of_another_account(liar: Liar) -> None:
    resigned(liar, HOLDER, 14, liar.stage.revoked)


@TABLE.lie(Fault.UNANSWERED, 0, 6)
def withdrawal_signed_by_a_session_key(liar: Liar) -> None:
    message = WithdrawalMessage(LEAVER, TOKENS, order_id(30), liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.key, message))
    liar.plan.put(0, 6, Withdraw(LEAVER, TOKENS, order_id(30)))


@TABLE.lie(Fault.UNANSWERED, 0, 5)
def withdrawal_signed_by_the_owner_of_another_account(liar: Liar) -> None:
    resigned(liar, TAKER, 21, liar.stage.owner(LEAVER))


@TABLE.lie(Fault.UNANSWERED, 0, 4)
def transfer_of_which_only_a_withdrawal_was_signed(liar: Liar) -> None:
    unsigned(liar, MAKER, 20)
    until = liar.stage.x.chain.now + FOREVER
    message = WithdrawalMessage(MAKER, 7 * TOKENS, order_id(20), until)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(MAKER), message))


@TABLE.lie(Fault.UNANSWERED, 0, 4)
def transfer_signed_by_who_receives_it(liar: Liar) -> None:
    resigned(liar, MAKER, 20, liar.stage.owner(TAKER))


@TABLE.lie(Fault.UNANSWERED, 0, 6)
def transfer_signed_by_a_session_key(liar: Liar) -> None:
    message = TransferMessage(LEAVER, TAKER, TOKENS, order_id(30), liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.key, message))
    liar.plan.put(0, 6, Transfer(LEAVER, TAKER, TOKENS, order_id(30)))


# --- money in other amounts, to others, too late


@TABLE.lie(Fault.UNANSWERED, 0, 5)
def withdrawal_of_one_atom_more_than_was_signed(liar: Liar) -> None:
    change(liar, 0, 5, amount=11 * TOKENS + 1)


@TABLE.lie(Fault.UNANSWERED, 0, 4)
def transfer_of_one_atom_more_than_was_signed(liar: Liar) -> None:
    change(liar, 0, 4, amount=7 * TOKENS + 1)


@TABLE.lie(Fault.UNANSWERED, 0, 4)
def transfer_to_another_than_was_signed(liar: Liar) -> None:
    change(liar, 0, 4, target=HOLDER)


@TABLE.lie(Fault.UNANSWERED, 0, 5)
def withdrawal_that_ran_out_one_second_before(liar: Liar) -> None:
    now = liar.stage.x.chain.now
    liar.plan.built_at = now - 1
    resigned(liar, TAKER, 21, liar.stage.owner(TAKER), expiry=now - 2)


@TABLE.lie(Fault.UNANSWERED, 0, 4)
def transfer_that_ran_out_one_second_before(liar: Liar) -> None:
    now = liar.stage.x.chain.now
    liar.plan.built_at = now - 1
    resigned(liar, MAKER, 20, liar.stage.owner(MAKER), expiry=now - 2)


@TABLE.lie(Fault.UNANSWERED, 0, 5)
def withdrawal_of_which_only_the_order_was_signed(liar: Liar) -> None:
    """An order under the same id is no withdrawal."""
    unsigned(liar, TAKER, 21)
    liar.plan.messages.append(liar.stage.order(TAKER, CALL, buys=True, tick=500, lots=5, number=21))
