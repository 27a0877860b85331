"""Named accessors of every record of `matcher.kernel.layout`.

``order_tick(order)`` reads the tick of the order record at an address, ``set_order_tick(order,
tick)`` writes it. Each is made from its layout, so no offset is written twice; this list only gives
them names that a reader, and a type checker, can follow.
"""

from matcher.kernel import layout as r
from matcher.kernel.memory import getter, setter

# --- command -----------------------------------------------------------------------------------

command_kind = getter(r.COMMAND, "kind")
command_sells = getter(r.COMMAND, "sells")
command_flags = getter(r.COMMAND, "flags")
command_self_trade = getter(r.COMMAND, "self_trade")
command_verdict = getter(r.COMMAND, "verdict")
command_reason = getter(r.COMMAND, "reason")
command_account = getter(r.COMMAND, "account")
command_instrument = getter(r.COMMAND, "instrument")
command_id = getter(r.COMMAND, "id")
command_tick = getter(r.COMMAND, "tick")
command_quantity = getter(r.COMMAND, "quantity")
command_time = getter(r.COMMAND, "time")
command_signer = getter(r.COMMAND, "signer")

# --- event -------------------------------------------------------------------------------------

set_event_kind = setter(r.EVENT, "kind")
set_event_sells = setter(r.EVENT, "sells")
set_event_note = setter(r.EVENT, "note")
set_event_instrument = setter(r.EVENT, "instrument")
set_event_id = setter(r.EVENT, "id")
set_event_maker_id = setter(r.EVENT, "maker_id")
set_event_account = setter(r.EVENT, "account")
set_event_maker_account = setter(r.EVENT, "maker_account")
set_event_tick = setter(r.EVENT, "tick")
set_event_lots = setter(r.EVENT, "lots")
set_event_remaining = setter(r.EVENT, "remaining")
set_event_maker_remaining = setter(r.EVENT, "maker_remaining")
set_event_fee = setter(r.EVENT, "fee")
set_event_maker_fee = setter(r.EVENT, "maker_fee")

# --- order -------------------------------------------------------------------------------------

order_id = getter(r.ORDER, "id")
set_order_id = setter(r.ORDER, "id")
order_seq = getter(r.ORDER, "seq")
set_order_seq = setter(r.ORDER, "seq")
order_remaining = getter(r.ORDER, "remaining")
set_order_remaining = setter(r.ORDER, "remaining")
order_quantity = getter(r.ORDER, "quantity")
set_order_quantity = setter(r.ORDER, "quantity")
order_tick = getter(r.ORDER, "tick")
set_order_tick = setter(r.ORDER, "tick")
order_instrument = getter(r.ORDER, "instrument")
set_order_instrument = setter(r.ORDER, "instrument")
order_next = getter(r.ORDER, "next")
set_order_next = setter(r.ORDER, "next")
order_previous = getter(r.ORDER, "previous")
set_order_previous = setter(r.ORDER, "previous")
order_account = getter(r.ORDER, "account")
set_order_account = setter(r.ORDER, "account")
order_holding = getter(r.ORDER, "holding")
set_order_holding = setter(r.ORDER, "holding")
order_expiry = getter(r.ORDER, "expiry")
set_order_expiry = setter(r.ORDER, "expiry")
order_signer = getter(r.ORDER, "signer")
set_order_signer = setter(r.ORDER, "signer")
order_flags = getter(r.ORDER, "flags")
set_order_flags = setter(r.ORDER, "flags")
order_sells = getter(r.ORDER, "sells")
set_order_sells = setter(r.ORDER, "sells")
order_rests = getter(r.ORDER, "rests")
set_order_rests = setter(r.ORDER, "rests")

# --- level -------------------------------------------------------------------------------------

level_head = getter(r.LEVEL, "head")
set_level_head = setter(r.LEVEL, "head")
level_tail = getter(r.LEVEL, "tail")
set_level_tail = setter(r.LEVEL, "tail")
level_lots = getter(r.LEVEL, "lots")
set_level_lots = setter(r.LEVEL, "lots")

# --- far ---------------------------------------------------------------------------------------

far_key = getter(r.FAR, "key")
set_far_key = setter(r.FAR, "key")
far_head = getter(r.FAR, "head")
set_far_head = setter(r.FAR, "head")
far_tail = getter(r.FAR, "tail")
set_far_tail = setter(r.FAR, "tail")
far_lots = getter(r.FAR, "lots")
set_far_lots = setter(r.FAR, "lots")

# --- side --------------------------------------------------------------------------------------

side_base = getter(r.SIDE, "base")
set_side_base = setter(r.SIDE, "base")
side_best = getter(r.SIDE, "best")
set_side_best = setter(r.SIDE, "best")
side_orders = getter(r.SIDE, "orders")
set_side_orders = setter(r.SIDE, "orders")
side_far = getter(r.SIDE, "far")
set_side_far = setter(r.SIDE, "far")

# --- book --------------------------------------------------------------------------------------

book_tick_value = getter(r.BOOK, "tick_value")
set_book_tick_value = setter(r.BOOK, "tick_value")
book_closes_at = getter(r.BOOK, "closes_at")
set_book_closes_at = setter(r.BOOK, "closes_at")
book_lots_max = getter(r.BOOK, "lots_max")
set_book_lots_max = setter(r.BOOK, "lots_max")
book_taker_rate = getter(r.BOOK, "taker_rate")
set_book_taker_rate = setter(r.BOOK, "taker_rate")
book_maker_rate = getter(r.BOOK, "maker_rate")
set_book_maker_rate = setter(r.BOOK, "maker_rate")

# --- holding -----------------------------------------------------------------------------------

holding_account = getter(r.HOLDING, "account")
set_holding_account = setter(r.HOLDING, "account")
holding_instrument = getter(r.HOLDING, "instrument")
set_holding_instrument = setter(r.HOLDING, "instrument")
holding_lots = getter(r.HOLDING, "lots")
set_holding_lots = setter(r.HOLDING, "lots")
holding_tried = getter(r.HOLDING, "tried")
set_holding_tried = setter(r.HOLDING, "tried")

# --- free --------------------------------------------------------------------------------------

free_slot = getter(r.FREE, "slot")
set_free_slot = setter(r.FREE, "slot")

# --- entry -------------------------------------------------------------------------------------

entry_word = getter(r.ENTRY, "word")
set_entry_word = setter(r.ENTRY, "word")

# --- word --------------------------------------------------------------------------------------

word_bits = getter(r.WORD, "bits")
set_word_bits = setter(r.WORD, "bits")

# --- signer ------------------------------------------------------------------------------------

signer_until = getter(r.SIGNER, "until")
set_signer_until = setter(r.SIGNER, "until")

# --- pair --------------------------------------------------------------------------------------

pair_key = getter(r.PAIR, "key")
set_pair_key = setter(r.PAIR, "key")
pair_value = getter(r.PAIR, "value")
set_pair_value = setter(r.PAIR, "value")

# --- context -----------------------------------------------------------------------------------

context_orders = getter(r.CONTEXT, "orders")
set_context_orders = setter(r.CONTEXT, "orders")
context_free = getter(r.CONTEXT, "free")
set_context_free = setter(r.CONTEXT, "free")
context_levels = getter(r.CONTEXT, "levels")
set_context_levels = setter(r.CONTEXT, "levels")
context_bitmaps = getter(r.CONTEXT, "bitmaps")
set_context_bitmaps = setter(r.CONTEXT, "bitmaps")
context_books = getter(r.CONTEXT, "books")
set_context_books = setter(r.CONTEXT, "books")
context_sides = getter(r.CONTEXT, "sides")
set_context_sides = setter(r.CONTEXT, "sides")
context_order_table = getter(r.CONTEXT, "order_table")
set_context_order_table = setter(r.CONTEXT, "order_table")
context_holdings = getter(r.CONTEXT, "holdings")
set_context_holdings = setter(r.CONTEXT, "holdings")
context_holding_table = getter(r.CONTEXT, "holding_table")
set_context_holding_table = setter(r.CONTEXT, "holding_table")
context_far = getter(r.CONTEXT, "far")
set_context_far = setter(r.CONTEXT, "far")
context_far_sorted = getter(r.CONTEXT, "far_sorted")
set_context_far_sorted = setter(r.CONTEXT, "far_sorted")
context_events = getter(r.CONTEXT, "events")
set_context_events = setter(r.CONTEXT, "events")
context_signers = getter(r.CONTEXT, "signers")
set_context_signers = setter(r.CONTEXT, "signers")
context_slots = getter(r.CONTEXT, "slots")
set_context_slots = setter(r.CONTEXT, "slots")
context_pairs = getter(r.CONTEXT, "pairs")
set_context_pairs = setter(r.CONTEXT, "pairs")
context_band_bits = getter(r.CONTEXT, "band_bits")
set_context_band_bits = setter(r.CONTEXT, "band_bits")
context_bitmap_words = getter(r.CONTEXT, "bitmap_words")
set_context_bitmap_words = setter(r.CONTEXT, "bitmap_words")
context_order_bits = getter(r.CONTEXT, "order_bits")
set_context_order_bits = setter(r.CONTEXT, "order_bits")
context_holding_bits = getter(r.CONTEXT, "holding_bits")
set_context_holding_bits = setter(r.CONTEXT, "holding_bits")
context_far_bits = getter(r.CONTEXT, "far_bits")
set_context_far_bits = setter(r.CONTEXT, "far_bits")
context_far_limit = getter(r.CONTEXT, "far_limit")
set_context_far_limit = setter(r.CONTEXT, "far_limit")
context_holdings_limit = getter(r.CONTEXT, "holdings_limit")
set_context_holdings_limit = setter(r.CONTEXT, "holdings_limit")
context_events_limit = getter(r.CONTEXT, "events_limit")
set_context_events_limit = setter(r.CONTEXT, "events_limit")
context_books_limit = getter(r.CONTEXT, "books_limit")
set_context_books_limit = setter(r.CONTEXT, "books_limit")
context_free_count = getter(r.CONTEXT, "free_count")
set_context_free_count = setter(r.CONTEXT, "free_count")
context_holdings_count = getter(r.CONTEXT, "holdings_count")
set_context_holdings_count = setter(r.CONTEXT, "holdings_count")
context_far_count = getter(r.CONTEXT, "far_count")
set_context_far_count = setter(r.CONTEXT, "far_count")
context_events_count = getter(r.CONTEXT, "events_count")
set_context_events_count = setter(r.CONTEXT, "events_count")
context_live = getter(r.CONTEXT, "live")
set_context_live = setter(r.CONTEXT, "live")
context_high_water = getter(r.CONTEXT, "high_water")
set_context_high_water = setter(r.CONTEXT, "high_water")
context_now = getter(r.CONTEXT, "now")
set_context_now = setter(r.CONTEXT, "now")
context_lag = getter(r.CONTEXT, "lag")
set_context_lag = setter(r.CONTEXT, "lag")
context_soonest = getter(r.CONTEXT, "soonest")
set_context_soonest = setter(r.CONTEXT, "soonest")
context_next_seq = getter(r.CONTEXT, "next_seq")
set_context_next_seq = setter(r.CONTEXT, "next_seq")
context_recenterings = getter(r.CONTEXT, "recenterings")
set_context_recenterings = setter(r.CONTEXT, "recenterings")
