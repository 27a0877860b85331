"""Facts of the chain, put straight into the contracts' storage.

What the model's `Context` holds, as listings, deposits, asks and settlements would leave it. Where
thousands of facts are wanted, or facts that only years of transactions would bring about.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path

from sha3 import keccak_256

from matcher.reference.context import Context
from matcher.types import Fees
from tests.support.exchange import Exchange

LAYOUT = Path(__file__).parents[1] / "layout" / "snapshots"
OWNER = int.from_bytes(b"somebody who opened ", "big")  # of accounts opened here

Slots = dict[int, int]  # slot: word


def slot_of(contract: str, name: str, *keys: int) -> int:
    """Where a variable stands, of a mapping the value of these keys; by the committed layout."""
    slot = _places(contract)[name]
    for key in keys:
        preimage = key.to_bytes(32, "big") + slot.to_bytes(32, "big")
        slot = int.from_bytes(keccak_256(preimage).digest(), "big")
    return slot


@cache
def _places(contract: str) -> dict[str, int]:
    layout = json.loads((LAYOUT / f"{contract}.json").read_text())
    return {entry["name"]: int(entry["slot"]) for entry in layout["storage"]}


def storage_of(context: Context) -> dict[str, Slots]:
    """The words that these facts take, by role of the contract."""
    return {
        "markets": _listings(context),
        "prices": {
            slot_of("SettlementPrices", "_fixed", *key): price << 192 | at << 152
            for key, (price, at) in context.prices.items()
        },
        "vault": _accounts(context),
    }


def put(exchange: Exchange, context: Context) -> None:
    """Put them on the embedded chain, and see that the views say the same."""
    for role, slots in storage_of(context).items():
        exchange.chain.write_storage(exchange.deployment.addresses[role], slots)
    require_told(exchange, context)


def require_told(exchange: Exchange, context: Context) -> None:
    """One fact of each kind, by the contract's own view."""
    ask, markets, vault = exchange.chain.call, exchange.markets.functions, exchange.vault.functions
    for index, market in list(context.markets.items())[-1:]:
        found = ask(markets.marketOf(index))
        assert found == (market.name, market.tick_value, market.strike_value)
        assert ask(markets.feesOf(index)) == _fields(context.fees[index])
    for key, cap in list(context.caps.items())[-1:]:
        assert ask(markets.expiryOf(*key))[0] == cap
    for index, listed in list(context.instruments.items())[-1:]:
        found = ask(markets.instrumentOf(index))
        assert found == (listed.market, listed.kind, listed.expiry, listed.strike)
    for key, fixed in list(context.prices.items())[-1:]:
        assert ask(exchange.prices.functions.priceOf(*key)) == fixed
    last = max(context.opened)
    assert ask(vault.accountCount()) == last + 1
    _, deposited, _, _, _, asks, _ = ask(vault.accountOf(last))
    assert (deposited, asks) == (context.deposited.get(last, 0), context.asks.get(last, 0))


def opened_up_to(last: int) -> set[int]:
    """Accounts 0 and 2 to `last`."""
    return {0, *range(2, last + 1)}


def _listings(context: Context) -> Slots:
    words: Slots = defaultdict(int)
    for index, market in context.markets.items():
        name = int.from_bytes(market.name.encode().ljust(8, b"\0"), "big")
        words[slot_of("Markets", "_markets", index)] = (
            name << 192 | market.tick_value << 160 | market.strike_value << 128
        )
    for index, fees in context.fees.items():
        word = 0
        for value, bits in zip(_fields(fees), (32, 32, 32, 32, 40), strict=True):
            word = word << bits | value % (1 << bits)
        words[slot_of("Markets", "_fees", index)] = word << 88
    for key, cap in context.caps.items():
        strike_value = context.markets[key[0]].strike_value
        words[slot_of("Markets", "_expiries", *key)] = cap << 200 | 1 << 184 | strike_value << 152
    for index, listed in context.instruments.items():
        word = listed.market << 56 | listed.kind << 48 | listed.expiry << 24 | listed.strike
        words[slot_of("Markets", "_instruments", index // 4)] |= word << 64 * (3 - index % 4)
    return dict(words)


def _accounts(context: Context) -> Slots:
    """Words of accounts with counters; of the others the Vault's count alone says that they are
    open. Accounts are opened in turn, so all up to the last are.
    """
    last = max(context.opened)
    words = {slot_of("Vault", "_state"): 1 << 252 | (last + 1) << 168}
    for index in context.deposited.keys() | context.asks.keys():
        place = slot_of("Vault", "_accounts", index)
        words[place] = OWNER << 96 | context.deposited.get(index, 0) << 40 | 1
        words[place + 1] = context.asks.get(index, 0) << 128
    return words


def _fields(fees: Fees) -> tuple[int, int, int, int, int]:
    return fees.old_taker, fees.old_maker, fees.new_taker, fees.new_maker, fees.active_at
