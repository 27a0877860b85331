"""Order slots: the last message seen in each, what it has filled, and the order open there.

Slots come in pages of eight, made when one of them is first used. A page is found by a table; the
pages of an account are linked, so that all its open orders can be walked. A slot's number is its
page's, times eight, plus its place there; pages are numbered from 1, so a slot never is 0.
"""

from matcher.kernel.context import (
    context_pages,
    context_pages_count,
    context_pages_limit,
    context_slots,
    set_context_pages_count,
)
from matcher.kernel.fields import (
    annex_digest_0,
    annex_digest_1,
    annex_digest_2,
    annex_digest_3,
    command_annex,
    page_next,
    set_page_account,
    set_page_next,
    set_page_number,
    set_slot_digest_0,
    set_slot_digest_1,
    set_slot_digest_2,
    set_slot_digest_3,
    set_slot_filled,
    set_slot_generation,
    set_slot_order,
    set_slot_seen,
    slot_digest_0,
    slot_digest_1,
    slot_digest_2,
    slot_digest_3,
    slot_filled,
    slot_generation,
    slot_order,
    slot_seen,
)
from matcher.kernel.layout import PAGE_SLOTS, SEEN, SLOT_BITS
from matcher.kernel.memory import called, inlined
from matcher.kernel.tables import find_page, insert_page, page_key

SLOT_MASK = (1 << SLOT_BITS) - 1


@inlined
def slot_at(c: int, slot: int) -> int:
    """Address of a slot by its number."""
    return context_slots(c) + 48 * slot


@inlined
def key_of(account: int, message: int) -> int:
    """Key of the page in which the slot of an id lies."""
    return page_key(account, (message & SLOT_MASK) // PAGE_SLOTS)


@inlined
def find_slot(c: int, account: int, message: int) -> int:
    """Number of the slot of an id; 0 if its page was never used."""
    page = find_page(c, key_of(account, message))
    return PAGE_SLOTS * page + message % PAGE_SLOTS if page != 0 else 0


@inlined
def has_page_room(c: int, slot: int) -> bool:
    """Whether `slot_of_message` can answer, `find_slot` having answered `slot`."""
    return slot != 0 or context_pages_count(c) + 1 < context_pages_limit(c)


@called
def make_page(c: int, account: int, message: int, first: int) -> int:
    """A new page for the slot of an id; the slot. `first` is the account's first page so far."""
    page = context_pages_count(c) + 1
    set_context_pages_count(c, page)
    at = context_pages(c) + 16 * page
    set_page_account(at, account)
    set_page_number(at, (message & SLOT_MASK) // PAGE_SLOTS)
    set_page_next(at, first)
    insert_page(c, key_of(account, message), page)
    return PAGE_SLOTS * page + message % PAGE_SLOTS


@inlined
def next_page(c: int, page: int) -> int:
    """The account's next page; 0 if it was the last."""
    return page_next(context_pages(c) + 16 * page)


@inlined
def generation_of(message: int) -> int:
    """The generation of an id: how often its slot was used before."""
    return message >> SLOT_BITS


@inlined
def was_seen(slot: int) -> bool:
    """Whether anything was seen in a slot."""
    return slot_order(slot) >= SEEN


@inlined
def open_order(slot: int) -> int:
    """Number of the order open in a slot; 0 if there is none."""
    return slot_order(slot) & (SEEN - 1)


@inlined
def set_open_order(slot: int, order: int) -> None:
    """Say which order is open in a slot where a message was seen."""
    set_slot_order(slot, SEEN | order)


@inlined
def filled_by(slot: int, generation: int) -> int:
    """Lots that the slot counts for messages of a generation."""
    return slot_filled(slot) if slot_generation(slot) == generation else 0


@inlined
def count_lots(slot: int, lots: int) -> None:
    """Count lots of the message last seen in a slot."""
    generation = slot_seen(slot)
    set_slot_filled(slot, filled_by(slot, generation) + lots)
    set_slot_generation(slot, generation)


# --- messages ------------------------------------------------------------------------------------


@inlined
def is_same(c: int, slot: int, command: int, message: int) -> bool:
    """Check 3: whether this id and digest are what was last seen in the slot."""
    if slot == 0:
        return False
    at = slot_at(c, slot)
    if not was_seen(at) or slot_seen(at) != generation_of(message):
        return False
    return has_digest(at, command)


@called
def has_digest(slot: int, command: int) -> bool:
    """Whether a slot holds the digest of a message; one without an annex has the digest 0."""
    if command_annex(command) == 0:
        every = slot_digest_0(slot) | slot_digest_1(slot)
        return every | slot_digest_2(slot) | slot_digest_3(slot) == 0
    annex = command + 64
    differ = slot_digest_0(slot) ^ annex_digest_0(annex)
    differ |= slot_digest_1(slot) ^ annex_digest_1(annex)
    differ |= slot_digest_2(slot) ^ annex_digest_2(annex)
    differ |= slot_digest_3(slot) ^ annex_digest_3(annex)
    return differ == 0


@inlined
def see(slot: int, command: int, message: int) -> None:
    """Remember the message last seen in a slot; no order is open there."""
    set_slot_order(slot, SEEN)
    set_slot_seen(slot, generation_of(message))
    if command_annex(command) == 0:
        set_slot_digest_0(slot, 0)
        set_slot_digest_1(slot, 0)
        set_slot_digest_2(slot, 0)
        set_slot_digest_3(slot, 0)
    else:
        annex = command + 64
        set_slot_digest_0(slot, annex_digest_0(annex))
        set_slot_digest_1(slot, annex_digest_1(annex))
        set_slot_digest_2(slot, annex_digest_2(annex))
        set_slot_digest_3(slot, annex_digest_3(annex))
