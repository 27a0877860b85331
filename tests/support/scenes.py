"""Scenes at the ends of what may be: large and small prices, sizes, books and ids."""

from typing import Final

from tests.support.street import Scene

STRAY: Final = (
    ("stray_fact", 0.4),
    ("stray_batch", 3),
    ("end_orders", 0.5),
    ("change_fees", 1),
)
STEP: Final = (1 << 32) - 1  # largest tick and strike value

SCENES: Final[dict[str, Scene]] = {
    "plain": Scene(wide_cap=1 << 40, weights=STRAY),
    # positions near 2^39 lots, orders near 2^32
    "many lots": Scene(
        tick_value=1,
        strike_value=1,
        cap=150,
        premium=2,
        quantities=(1, 1 << 20, 1 << 31, (1 << 32) - 1, (1 << 32) - 1),
        most=(1 << 32) - 1,
        money=(1 << 54) - 1,
        reach=(1 << 32) - 1,
        wide_cap=1 << 26,
        weights=STRAY,
    ),
    # one lot is worth more than most accounts; notionals and caps near their limits
    "dear": Scene(
        tick_value=STEP,
        strike_value=STEP,
        cap=1 << 55,
        strikes=(0, 1 << 20, 1 << 22, (1 << 22) + 1, 1 << 23, (1 << 24) - 1),
        spot=1 << 22,
        premium=STEP << 14,
        spread=1 << 12,
        quantities=(1, 1, 2, 3),
        most=4,
        money=(1 << 54) - 1,
        wide_cap=(1 << 56) - 1,
        weights=STRAY,
    ),
    # prices over the whole range of ticks, so that few lie in a book's band
    "far apart": Scene(
        tick_value=7,
        strike_value=10**9,
        cap=1 << 40,
        strikes=(0, 1, 10, 15, 20, 2000),
        spot=15,
        premium=1 << 33,
        spread=1 << 32,
        quantities=(1, 2, 3),
        most=9,
        money=1 << 42,
        wide_cap=1 << 50,
        weights=STRAY,
    ),
    # many strikes: more instruments than an account may hold, more points than a quad has
    "many strikes": Scene(
        strikes=tuple(range(60, 140, 2)), money=10**9, wide_cap=1 << 40, weights=STRAY
    ),
    # whole pages of slots, deep books
    "many slots": Scene(
        slots=4096,
        spread=150,
        quantities=(1, 2, 3),
        most=5,
        money=10**10,
        wide_cap=1 << 40,
        weights=(
            ("place", 60),
            ("take", 3),
            ("cancel_all", 0.05),
            ("ask", 0.02),
            ("revoke_key", 0.02),
            ("end_orders", 0.01),
            ("change_fees", 0.02),
            ("pass_expiry", 0.01),
            ("tick_clock", 2),
        ),
    ),
    # few slots, generations up to the last
    "generations": Scene(
        slots=3, generations=(1, 1, 1 << 20, 1 << 28), wide_cap=1 << 40, weights=STRAY
    ),
}
ACCOUNTS: Final = {"many slots": 5, "generations": 30, "many strikes": 6}  # else 8
