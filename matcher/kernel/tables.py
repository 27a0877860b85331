"""Open-addressing tables and a sort, in flat memory.

The table of holdings is words: the key's hash above, and in the lower half the record's number, 0
where nothing stands; a word is found by its hash and confirmed by its record. The table of pages
holds the whole key beside the number. Entries are removed by closing the gap, so there are no
tombstones, and a search ends at the first empty word. Far levels stand in their table themselves.
No table is ever more than half full.
"""

from matcher.kernel.context import (
    context_far,
    context_far_bits,
    context_far_count,
    context_holding_bits,
    context_holding_table,
    context_holdings,
    context_page_bits,
    context_page_table,
    set_context_far_count,
)
from matcher.kernel.fields import (
    entry_word,
    far_head,
    far_key,
    far_lots,
    far_tail,
    holding_account,
    holding_instrument,
    pair_key,
    pair_value,
    set_entry_word,
    set_far_head,
    set_far_key,
    set_far_lots,
    set_far_tail,
    set_pair_key,
    set_pair_value,
)
from matcher.kernel.layout import FAR_LEVEL_OFFSET, VACANT
from matcher.kernel.memory import called, inlined, mixed, shifted

LOW_HALF = (1 << 32) - 1
HASH_BITS = 31  # so that a word is never negative
PAGE_BITS = 30  # of a word of the table of pages: the page's number

# --- words -----------------------------------------------------------------------------------


@inlined
def hash_of(key: int) -> int:
    """The upper bits of a key, well mixed: 0 to 2^31 - 1.

    Once is not enough: keys of accounts that hold neighboring instruments would lie in a lattice.
    """
    once = mixed(key)
    return shifted(mixed(once ^ shifted(once, 32)), 64 - HASH_BITS)


@inlined
def insert(table: int, bits: int, hashed: int, slot: int) -> None:
    """Put a record's slot into a table that does not hold it."""
    mask = (1 << bits) - 1
    place = hashed >> (HASH_BITS - bits)
    while entry_word(table + 8 * place) != 0:
        place = (place + 1) & mask
    set_entry_word(table + 8 * place, (hashed << 32) | slot)


@inlined
def remove(table: int, bits: int, place: int) -> None:
    """Empty a place; entries behind it that would not be found any more move up."""
    mask = (1 << bits) - 1
    probe = place
    while True:
        probe = (probe + 1) & mask
        word = entry_word(table + 8 * probe)
        if word == 0:
            break
        home = shifted(word, 32) >> (HASH_BITS - bits)
        if ((probe - home) & mask) >= ((probe - place) & mask):
            set_entry_word(table + 8 * place, word)
            place = probe
    set_entry_word(table + 8 * place, 0)


# --- holdings by account and instrument -----------------------------------------------------------


@inlined
def holding_hash(account: int, instrument: int) -> int:
    """Of an account and an instrument."""
    return hash_of((account << 32) | instrument)


@inlined
def find_holding(c: int, account: int, instrument: int) -> int:
    """Number of a holding; 0 if there is none."""
    bits, table = context_holding_bits(c), context_holding_table(c)
    mask = (1 << bits) - 1
    hashed = holding_hash(account, instrument)
    place = hashed >> (HASH_BITS - bits)
    while True:
        word = entry_word(table + 8 * place)
        if word == 0:
            return 0
        if shifted(word, 32) == hashed:
            number = word & LOW_HALF
            holding = context_holdings(c) + 64 * number
            if holding_account(holding) == account and holding_instrument(holding) == instrument:
                return number
        place = (place + 1) & mask


@inlined
def insert_holding(c: int, account: int, instrument: int, number: int) -> None:
    """Put a holding into the table that does not hold it."""
    hashed = holding_hash(account, instrument)
    insert(context_holding_table(c), context_holding_bits(c), hashed, number)


@called
def remove_holding(c: int, account: int, instrument: int) -> None:
    """Take a holding out of the table."""
    bits, table = context_holding_bits(c), context_holding_table(c)
    mask = (1 << bits) - 1
    place = holding_hash(account, instrument) >> (HASH_BITS - bits)
    while True:
        holding = context_holdings(c) + 64 * (entry_word(table + 8 * place) & LOW_HALF)
        if holding_account(holding) == account and holding_instrument(holding) == instrument:
            break
        place = (place + 1) & mask
    remove(table, bits, place)


# --- pages of order slots by account and number --------------------------------------------------


@inlined
def page_key(account: int, number: int) -> int:
    """Key of a page: below 2^33."""
    return (account << 9) | number


@inlined
def page_home(c: int, key: int) -> int:
    """Address of the entry where the search for a page begins."""
    return context_page_table(c) + 8 * shifted(mixed(key), 64 - context_page_bits(c))


@inlined
def find_page(c: int, key: int) -> int:
    """Number of a page; 0 if there is none."""
    table = context_page_table(c)
    end = table + (8 << context_page_bits(c))
    at = page_home(c, key)
    while True:
        word = entry_word(at)
        if word >> PAGE_BITS == key:
            return word & ((1 << PAGE_BITS) - 1)
        if word == 0:
            return 0
        at += 8
        if at == end:
            at = table


@called
def insert_page(c: int, key: int, page: int) -> None:
    """Put a page into the table that does not hold it."""
    table = context_page_table(c)
    end = table + (8 << context_page_bits(c))
    at = page_home(c, key)
    while entry_word(at) != 0:
        at += 8
        if at == end:
            at = table
    set_entry_word(at, (key << PAGE_BITS) | page)


# --- far levels by side and tick ------------------------------------------------------------------


@inlined
def far_key_of(side: int, tick: int) -> int:
    """Key of a far level; never negative."""
    return (side << 32) | tick


@called
def find_far(c: int, side: int, tick: int) -> int:
    """Address of a far level's record; 0 if there is none."""
    bits, key = context_far_bits(c), far_key_of(side, tick)
    mask = (1 << bits) - 1
    place = hash_of(key) >> (HASH_BITS - bits)
    while True:
        far = context_far(c) + 32 * place
        if far_key(far) == key:
            return far
        if far_key(far) == VACANT:
            return 0
        place = (place + 1) & mask


@called
def insert_far(c: int, side: int, tick: int) -> int:
    """A new far level, empty; its level's address. There is room, and no such level."""
    bits, key = context_far_bits(c), far_key_of(side, tick)
    mask = (1 << bits) - 1
    place = hash_of(key) >> (HASH_BITS - bits)
    while far_key(context_far(c) + 32 * place) != VACANT:
        place = (place + 1) & mask
    far = context_far(c) + 32 * place
    set_far_key(far, key)
    set_far_head(far, 0)
    set_far_tail(far, 0)
    set_far_lots(far, 0)
    set_context_far_count(c, context_far_count(c) + 1)
    return far + FAR_LEVEL_OFFSET


@called
def remove_far(c: int, far: int) -> None:
    """Drop a far level; those behind it that would not be found any more move up."""
    bits, base = context_far_bits(c), context_far(c)
    mask = (1 << bits) - 1
    place = (far - base) >> 5
    probe = place
    while True:
        probe = (probe + 1) & mask
        other = base + 32 * probe
        if far_key(other) == VACANT:
            break
        home = hash_of(far_key(other)) >> (HASH_BITS - bits)
        if ((probe - home) & mask) >= ((probe - place) & mask):
            _copy_far(other, base + 32 * place)
            place = probe
    set_far_key(base + 32 * place, VACANT)
    set_context_far_count(c, context_far_count(c) - 1)


@inlined
def _copy_far(source: int, target: int) -> None:
    set_far_key(target, far_key(source))
    set_far_head(target, far_head(source))
    set_far_tail(target, far_tail(source))
    set_far_lots(target, far_lots(source))


# --- sorting ----------------------------------------------------------------------------------


@inlined
def _swap(a: int, b: int) -> None:
    key, value = pair_key(a), pair_value(a)
    set_pair_key(a, pair_key(b))
    set_pair_value(a, pair_value(b))
    set_pair_key(b, key)
    set_pair_value(b, value)


@called
def _sink(pairs: int, place: int, count: int) -> None:
    """Let a pair sink in a heap whose greatest key is first."""
    while True:
        child = 2 * place + 1
        if child >= count:
            return
        if child + 1 < count and pair_key(pairs + 16 * (child + 1)) > pair_key(pairs + 16 * child):
            child += 1
        if pair_key(pairs + 16 * place) >= pair_key(pairs + 16 * child):
            return
        _swap(pairs + 16 * place, pairs + 16 * child)
        place = child


@called
def sort_pairs(pairs: int, count: int) -> None:
    """Sort pairs by key, ascending, in place; keys differ. Heapsort: no worst case."""
    place = count >> 1
    while place > 0:
        place -= 1
        _sink(pairs, place, count)
    left = count
    while left > 1:
        left -= 1
        _swap(pairs, pairs + 16 * left)
        _sink(pairs, 0, left)
