"""Wallets that sign orders, for the benchmarks of signatures and of the gateway."""

import random
from typing import Any, Final

import coincurve

from matcher import wire
from matcher.eip712 import Domain, keccak
from matcher.types import Order

START: Final = 1_800_000_000  # seconds
EXPIRY: Final = 501_680  # 26MAR27 08:00 UTC, hours
DOMAIN: Final = Domain(1337, b"\x5f" * 20)
ACCOUNTS: Final = range(2, 66)
STRIKES: Final = tuple(range(100, 120))
TICK_VALUE: Final = 100
PRICE: Final = 5_000_000

KEYS: Final = {account: coincurve.PrivateKey(keccak(b"owner %d" % account)) for account in ACCOUNTS}


def address_of(account: int) -> bytes:
    """The owner's address, 20 bytes."""
    return keccak(KEYS[account].public_key.format(compressed=False)[1:])[12:]


def sign(order: Order) -> bytes:
    """65 bytes r, s, v."""
    raw = KEYS[order.account].sign_recoverable(DOMAIN.digest(order), hasher=None)
    return raw[:64] + bytes([27 + raw[64]])


def orders(count: int, seed: int) -> list[Order]:
    """Orders of one lot around one price in all books; about half of them trade."""
    rng = random.Random(seed)
    used = dict.fromkeys(ACCOUNTS, 0)
    made = []
    for _ in range(count):
        account = rng.choice(ACCOUNTS)
        used[account] += 1
        made.append(
            Order(
                account=account,
                instrument=f"BTC-26MAR27-{rng.choice(STRIKES)}-C",
                buy=rng.random() < 0.5,
                price=PRICE + TICK_VALUE * rng.randrange(-10, 11),
                quantity=1,
                id=used[account],
                expiry=START + 1_000_000,
                flags=0,
            )
        )
    return made


def request_of(order: Order) -> dict[str, Any]:
    """The body of a request, as a wallet would send it."""
    return {"order": wire.terms(order), "signature": "0x" + sign(order).hex()}
