"""Named accessors of every record of `matcher.kernel.layout`, but the context.

``order_tick(order)`` reads the tick of the order record at an address, ``set_order_tick(order,
tick)`` writes it. Each is made from its layout, so no offset is written twice; this list only gives
them names that a reader, and a type checker, can follow.
"""

from matcher.kernel import layout as r
from matcher.kernel.memory import getter, setter

# --- command -------------------------------------------------------------------------------------

command_kind = getter(r.COMMAND, "kind")
command_sells = getter(r.COMMAND, "sells")
command_flags = getter(r.COMMAND, "flags")
command_self_trade = getter(r.COMMAND, "self_trade")
command_annex = getter(r.COMMAND, "annex")
command_mark = getter(r.COMMAND, "mark")
command_reason = getter(r.COMMAND, "reason")
command_account = getter(r.COMMAND, "account")
command_instrument = getter(r.COMMAND, "instrument")
command_id = getter(r.COMMAND, "id")
command_tick = getter(r.COMMAND, "tick")
command_quantity = getter(r.COMMAND, "quantity")
command_time = getter(r.COMMAND, "time")
command_signer = getter(r.COMMAND, "signer")
command_target = getter(r.COMMAND, "target")
command_amount = getter(r.COMMAND, "amount")
command_origin = getter(r.COMMAND, "origin")

# --- fact ----------------------------------------------------------------------------------------

fact_kind = getter(r.FACT, "kind")
fact_annex = getter(r.FACT, "annex")
fact_account = getter(r.FACT, "account")
fact_instrument = getter(r.FACT, "instrument")
fact_value = getter(r.FACT, "value")
fact_market = getter(r.FACT, "market")
fact_expiry = getter(r.FACT, "expiry")
fact_time = getter(r.FACT, "time")
fact_signer = getter(r.FACT, "signer")
fact_strike = getter(r.FACT, "strike")
fact_other = getter(r.FACT, "other")
fact_origin = getter(r.FACT, "origin")

# --- annex ---------------------------------------------------------------------------------------

annex_digest_0 = getter(r.ANNEX, "digest_0")
annex_digest_1 = getter(r.ANNEX, "digest_1")
annex_digest_2 = getter(r.ANNEX, "digest_2")
annex_digest_3 = getter(r.ANNEX, "digest_3")
annex_address_0 = getter(r.ANNEX, "address_0")
annex_address_1 = getter(r.ANNEX, "address_1")
annex_address_2 = getter(r.ANNEX, "address_2")

# --- rates ---------------------------------------------------------------------------------------

rates_old_taker = getter(r.RATES, "old_taker")
rates_old_maker = getter(r.RATES, "old_maker")
rates_new_taker = getter(r.RATES, "new_taker")
rates_new_maker = getter(r.RATES, "new_maker")

# --- event ---------------------------------------------------------------------------------------

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

# --- event_numbers -------------------------------------------------------------------------------

set_event_numbers_amount = setter(r.EVENT_NUMBERS, "amount")
set_event_numbers_other = setter(r.EVENT_NUMBERS, "other")

# --- order ---------------------------------------------------------------------------------------

order_id = getter(r.ORDER, "id")
set_order_id = setter(r.ORDER, "id")
order_seq = getter(r.ORDER, "seq")
set_order_seq = setter(r.ORDER, "seq")
order_remaining = getter(r.ORDER, "remaining")
set_order_remaining = setter(r.ORDER, "remaining")
order_slot = getter(r.ORDER, "slot")
set_order_slot = setter(r.ORDER, "slot")
order_tick = getter(r.ORDER, "tick")
set_order_tick = setter(r.ORDER, "tick")
order_holding = getter(r.ORDER, "holding")
set_order_holding = setter(r.ORDER, "holding")
order_next = getter(r.ORDER, "next")
set_order_next = setter(r.ORDER, "next")
order_previous = getter(r.ORDER, "previous")
set_order_previous = setter(r.ORDER, "previous")
order_due_next = getter(r.ORDER, "due_next")
set_order_due_next = setter(r.ORDER, "due_next")
order_due_previous = getter(r.ORDER, "due_previous")
set_order_due_previous = setter(r.ORDER, "due_previous")
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
order_timed = getter(r.ORDER, "timed")
set_order_timed = setter(r.ORDER, "timed")

# --- level ---------------------------------------------------------------------------------------

level_head = getter(r.LEVEL, "head")
set_level_head = setter(r.LEVEL, "head")
level_tail = getter(r.LEVEL, "tail")
set_level_tail = setter(r.LEVEL, "tail")
level_lots = getter(r.LEVEL, "lots")
set_level_lots = setter(r.LEVEL, "lots")

# --- far -----------------------------------------------------------------------------------------

far_key = getter(r.FAR, "key")
set_far_key = setter(r.FAR, "key")
far_head = getter(r.FAR, "head")
set_far_head = setter(r.FAR, "head")
far_tail = getter(r.FAR, "tail")
set_far_tail = setter(r.FAR, "tail")
far_lots = getter(r.FAR, "lots")
set_far_lots = setter(r.FAR, "lots")

# --- side ----------------------------------------------------------------------------------------

side_base = getter(r.SIDE, "base")
set_side_base = setter(r.SIDE, "base")
side_best = getter(r.SIDE, "best")
set_side_best = setter(r.SIDE, "best")
side_orders = getter(r.SIDE, "orders")
set_side_orders = setter(r.SIDE, "orders")
side_far = getter(r.SIDE, "far")
set_side_far = setter(r.SIDE, "far")

# --- book ----------------------------------------------------------------------------------------

book_tick_value = getter(r.BOOK, "tick_value")
set_book_tick_value = setter(r.BOOK, "tick_value")
book_lots_max = getter(r.BOOK, "lots_max")
set_book_lots_max = setter(r.BOOK, "lots_max")
book_ticks_max = getter(r.BOOK, "ticks_max")
set_book_ticks_max = setter(r.BOOK, "ticks_max")
book_strike = getter(r.BOOK, "strike")
set_book_strike = setter(r.BOOK, "strike")
book_closes_at = getter(r.BOOK, "closes_at")
set_book_closes_at = setter(r.BOOK, "closes_at")
book_taker_rate = getter(r.BOOK, "taker_rate")
set_book_taker_rate = setter(r.BOOK, "taker_rate")
book_maker_rate = getter(r.BOOK, "maker_rate")
set_book_maker_rate = setter(r.BOOK, "maker_rate")
book_top_rate = getter(r.BOOK, "top_rate")
set_book_top_rate = setter(r.BOOK, "top_rate")
book_series = getter(r.BOOK, "series")
set_book_series = setter(r.BOOK, "series")
book_market = getter(r.BOOK, "market")
set_book_market = setter(r.BOOK, "market")
book_call = getter(r.BOOK, "call")
set_book_call = setter(r.BOOK, "call")
book_closed = getter(r.BOOK, "closed")
set_book_closed = setter(r.BOOK, "closed")
book_next = getter(r.BOOK, "next")
set_book_next = setter(r.BOOK, "next")
book_cap = getter(r.BOOK, "cap")
set_book_cap = setter(r.BOOK, "cap")

# --- market --------------------------------------------------------------------------------------

market_tick_value = getter(r.MARKET, "tick_value")
set_market_tick_value = setter(r.MARKET, "tick_value")
market_strike_value = getter(r.MARKET, "strike_value")
set_market_strike_value = setter(r.MARKET, "strike_value")
market_old_taker = getter(r.MARKET, "old_taker")
set_market_old_taker = setter(r.MARKET, "old_taker")
market_old_maker = getter(r.MARKET, "old_maker")
set_market_old_maker = setter(r.MARKET, "old_maker")
market_new_taker = getter(r.MARKET, "new_taker")
set_market_new_taker = setter(r.MARKET, "new_taker")
market_new_maker = getter(r.MARKET, "new_maker")
set_market_new_maker = setter(r.MARKET, "new_maker")
market_active_at = getter(r.MARKET, "active_at")
set_market_active_at = setter(r.MARKET, "active_at")
market_top_rate = getter(r.MARKET, "top_rate")
set_market_top_rate = setter(r.MARKET, "top_rate")
market_listed = getter(r.MARKET, "listed")
set_market_listed = setter(r.MARKET, "listed")
market_active = getter(r.MARKET, "active")
set_market_active = setter(r.MARKET, "active")

# --- series --------------------------------------------------------------------------------------

series_market = getter(r.SERIES, "market")
set_series_market = setter(r.SERIES, "market")
series_expiry = getter(r.SERIES, "expiry")
set_series_expiry = setter(r.SERIES, "expiry")
series_cap = getter(r.SERIES, "cap")
set_series_cap = setter(r.SERIES, "cap")
series_price = getter(r.SERIES, "price")
set_series_price = setter(r.SERIES, "price")
series_fixed_at = getter(r.SERIES, "fixed_at")
set_series_fixed_at = setter(r.SERIES, "fixed_at")
series_books = getter(r.SERIES, "books")
set_series_books = setter(r.SERIES, "books")
series_fixed = getter(r.SERIES, "fixed")
set_series_fixed = setter(r.SERIES, "fixed")
series_settled = getter(r.SERIES, "settled")
set_series_settled = setter(r.SERIES, "settled")
series_closed = getter(r.SERIES, "closed")
set_series_closed = setter(r.SERIES, "closed")

# --- account -------------------------------------------------------------------------------------

account_owner = getter(r.ACCOUNT, "owner")
set_account_owner = setter(r.ACCOUNT, "owner")
account_groups = getter(r.ACCOUNT, "groups")
set_account_groups = setter(r.ACCOUNT, "groups")
account_cash = getter(r.ACCOUNT, "cash")
set_account_cash = setter(r.ACCOUNT, "cash")
account_floor = getter(r.ACCOUNT, "floor")
set_account_floor = setter(r.ACCOUNT, "floor")
account_both = getter(r.ACCOUNT, "both")
set_account_both = setter(r.ACCOUNT, "both")
account_instruments = getter(r.ACCOUNT, "instruments")
set_account_instruments = setter(r.ACCOUNT, "instruments")
account_positions = getter(r.ACCOUNT, "positions")
set_account_positions = setter(r.ACCOUNT, "positions")
account_orders = getter(r.ACCOUNT, "orders")
set_account_orders = setter(r.ACCOUNT, "orders")
account_pages = getter(r.ACCOUNT, "pages")
set_account_pages = setter(r.ACCOUNT, "pages")
account_orders_until = getter(r.ACCOUNT, "orders_until")
set_account_orders_until = setter(r.ACCOUNT, "orders_until")
account_opened = getter(r.ACCOUNT, "opened")
set_account_opened = setter(r.ACCOUNT, "opened")
account_waits = getter(r.ACCOUNT, "waits")
set_account_waits = setter(r.ACCOUNT, "waits")
account_idle = getter(r.ACCOUNT, "idle")
set_account_idle = setter(r.ACCOUNT, "idle")
account_deposited = getter(r.ACCOUNT, "deposited")
set_account_deposited = setter(r.ACCOUNT, "deposited")
account_asks = getter(r.ACCOUNT, "asks")
set_account_asks = setter(r.ACCOUNT, "asks")
account_exited = getter(r.ACCOUNT, "exited")
set_account_exited = setter(r.ACCOUNT, "exited")
account_credited = getter(r.ACCOUNT, "credited")
set_account_credited = setter(r.ACCOUNT, "credited")
account_served = getter(r.ACCOUNT, "served")
set_account_served = setter(r.ACCOUNT, "served")
account_elsewhere = getter(r.ACCOUNT, "elsewhere")
set_account_elsewhere = setter(r.ACCOUNT, "elsewhere")
account_leased = getter(r.ACCOUNT, "leased")
set_account_leased = setter(r.ACCOUNT, "leased")

# --- signer --------------------------------------------------------------------------------------

signer_account = getter(r.SIGNER, "account")
set_signer_account = setter(r.SIGNER, "account")
signer_owner = getter(r.SIGNER, "owner")
set_signer_owner = setter(r.SIGNER, "owner")
signer_key = getter(r.SIGNER, "key")
set_signer_key = setter(r.SIGNER, "key")
signer_valid_from = getter(r.SIGNER, "valid_from")
set_signer_valid_from = setter(r.SIGNER, "valid_from")
signer_until = getter(r.SIGNER, "until")
set_signer_until = setter(r.SIGNER, "until")
signer_address_0 = getter(r.SIGNER, "address_0")
set_signer_address_0 = setter(r.SIGNER, "address_0")
signer_address_1 = getter(r.SIGNER, "address_1")
set_signer_address_1 = setter(r.SIGNER, "address_1")
signer_address_2 = getter(r.SIGNER, "address_2")
set_signer_address_2 = setter(r.SIGNER, "address_2")

# --- holding -------------------------------------------------------------------------------------

holding_account = getter(r.HOLDING, "account")
set_holding_account = setter(r.HOLDING, "account")
holding_instrument = getter(r.HOLDING, "instrument")
set_holding_instrument = setter(r.HOLDING, "instrument")
holding_lots = getter(r.HOLDING, "lots")
set_holding_lots = setter(r.HOLDING, "lots")
holding_bids = getter(r.HOLDING, "bids")
set_holding_bids = setter(r.HOLDING, "bids")
holding_asks = getter(r.HOLDING, "asks")
set_holding_asks = setter(r.HOLDING, "asks")
holding_orders = getter(r.HOLDING, "orders")
set_holding_orders = setter(r.HOLDING, "orders")
holding_group = getter(r.HOLDING, "group")
set_holding_group = setter(r.HOLDING, "group")
holding_next = getter(r.HOLDING, "next")
set_holding_next = setter(r.HOLDING, "next")

# --- slot ----------------------------------------------------------------------------------------

slot_seen = getter(r.SLOT, "seen")
set_slot_seen = setter(r.SLOT, "seen")
slot_generation = getter(r.SLOT, "generation")
set_slot_generation = setter(r.SLOT, "generation")
slot_filled = getter(r.SLOT, "filled")
set_slot_filled = setter(r.SLOT, "filled")
slot_order = getter(r.SLOT, "order")
set_slot_order = setter(r.SLOT, "order")
slot_digest_0 = getter(r.SLOT, "digest_0")
set_slot_digest_0 = setter(r.SLOT, "digest_0")
slot_digest_1 = getter(r.SLOT, "digest_1")
set_slot_digest_1 = setter(r.SLOT, "digest_1")
slot_digest_2 = getter(r.SLOT, "digest_2")
set_slot_digest_2 = setter(r.SLOT, "digest_2")
slot_digest_3 = getter(r.SLOT, "digest_3")
set_slot_digest_3 = setter(r.SLOT, "digest_3")

# --- page ----------------------------------------------------------------------------------------

page_account = getter(r.PAGE, "account")
set_page_account = setter(r.PAGE, "account")
page_number = getter(r.PAGE, "number")
set_page_number = setter(r.PAGE, "number")
page_next = getter(r.PAGE, "next")
set_page_next = setter(r.PAGE, "next")

# --- plan ----------------------------------------------------------------------------------------

plan_kind = getter(r.PLAN, "kind")
set_plan_kind = setter(r.PLAN, "kind")
plan_line = getter(r.PLAN, "line")
set_plan_line = setter(r.PLAN, "line")
plan_slot = getter(r.PLAN, "slot")
set_plan_slot = setter(r.PLAN, "slot")
plan_holding = getter(r.PLAN, "holding")
set_plan_holding = setter(r.PLAN, "holding")
plan_level = getter(r.PLAN, "level")
set_plan_level = setter(r.PLAN, "level")
plan_order = getter(r.PLAN, "order")
set_plan_order = setter(r.PLAN, "order")

# --- head ----------------------------------------------------------------------------------------

head_order = getter(r.HEAD, "order")
set_head_order = setter(r.HEAD, "order")

# --- entry ---------------------------------------------------------------------------------------

entry_word = getter(r.ENTRY, "word")
set_entry_word = setter(r.ENTRY, "word")

# --- word ----------------------------------------------------------------------------------------

word_bits = getter(r.WORD, "bits")
set_word_bits = setter(r.WORD, "bits")

# --- pair ----------------------------------------------------------------------------------------

pair_key = getter(r.PAIR, "key")
set_pair_key = setter(r.PAIR, "key")
pair_value = getter(r.PAIR, "value")
set_pair_value = setter(r.PAIR, "value")
