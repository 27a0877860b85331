"""Time, batches, and facts from the chain (matching.md)."""

from matcher import commands
from matcher.errors import ChainError, Reject
from matcher.events import (
    BatchClosed,
    BatchOpened,
    CancelReason,
    Credited,
    Released,
    SettledPosition,
)
from matcher.reference.book import OpenOrder
from matcher.reference.floor import Floor, Refused
from matcher.reference.margin import value
from matcher.reference.symbols import symbol
from matcher.reference.words import Credit, Release, Settle
from matcher.types import Fees, Instrument, Market

# --- time ----------------------------------------------------------------------------------------


def tell_time(floor: Floor, time: int) -> None:
    """Time never goes back; orders leave that may no longer be filled."""
    floor.now = max(floor.now, time)
    for order in floor.open_orders():
        reason = leaves_for(floor, order)
        if reason is not None:
            floor.cancel(order, reason)


def leaves_for(floor: Floor, order: OpenOrder) -> CancelReason | None:
    """The first reason why an order may no longer be filled."""
    if order.signed.order.expiry < floor.now:
        return CancelReason.EXPIRED
    instrument = floor.context.instruments[order.instrument]
    if floor.now + floor.windows.lag >= instrument.expires_at:
        return CancelReason.INSTRUMENT_CLOSED
    if not signer_lasts(floor, order):
        return CancelReason.SIGNER_INVALID
    return None


def signer_lasts(floor: Floor, order: OpenOrder) -> bool:
    """Whether who signed may still sign."""
    signer = order.signed.signer
    if signer == floor.owners[order.account]:
        until = floor.orders_until.get(order.account, 0)
        return until == 0 or until >= floor.now
    _, valid_until = floor.keys[order.account][signer]
    return valid_until >= floor.now


# --- batches -------------------------------------------------------------------------------------


def open_batch(floor: Floor) -> None:
    """Begin a batch: settle what can be settled, then credit and release what waits."""
    if floor.batch_open and floor.ops > 0:
        raise Refused(Reject.BATCH_HAS_OPS, "batch", f"{floor.ops} ops", "0 ops")
    floor.batch_open = True
    floor.ops = 0
    floor.context.built_at = floor.now
    floor.emit(BatchOpened(built_at=floor.now))
    for key, (price, fixed_at) in sorted(floor.prices.items()):
        if fixed_at < floor.context.built_at and key not in floor.context.prices:
            floor.context.prices[key] = (price, fixed_at)
            settle(floor, key)
    for account in sorted(floor.owners):
        credit(floor, account)
        release(floor, account)


def close_batch(floor: Floor) -> None:
    """End the open batch, if there is one."""
    if floor.batch_open:
        floor.emit(BatchClosed(built_at=floor.context.built_at, ops=floor.ops))
        floor.batch_open = False
        floor.ops = 0


def settle(floor: Floor, key: tuple[int, int]) -> None:
    """Pay out every position of an expiry whose price takes effect."""
    market, expiry = key
    context = floor.context
    for index in sorted(floor.state.accounts):
        legs = [(context.option(i), lots) for i, lots in floor.account(index).positions.items()]
        settled = [(option, lots) for option, lots in legs if (option.market, option.expiry) == key]
        if settled:
            cash = value(settled, context.prices[key][0], context.caps[key])
            floor.emit(SettledPosition(account=index, market=market, expiry=expiry, cash=cash))
            floor.perform(Settle(index, market, expiry))


def credit(floor: Floor, account: int) -> None:
    """Let in what was deposited and is not credited yet."""
    amount = floor.context.deposited.get(account, 0) - floor.account(account).credited
    if amount > 0:
        floor.emit(Credited(account=account, amount=amount))
        floor.perform(Credit(account, amount))


def release(floor: Floor, account: int) -> None:
    """Serve all open asks: let out everything that margin allows."""
    asks = floor.context.asks.get(account, 0)
    if asks > floor.account(account).served:
        amount = max(0, floor.worst(account))
        floor.emit(Released(account=account, amount=amount, served=asks))
        floor.perform(Release(account, amount, asks))


# --- facts ---------------------------------------------------------------------------------------


def known(condition: bool, what: str) -> None:
    """Raise unless the chain told before what this fact is about."""
    if not condition:
        raise ChainError(f"a fact about {what}, of which nothing was told")


def market_listed(floor: Floor, fact: commands.MarketListed) -> None:
    """A market, with rates of 0 until FeesSet."""
    if fact.market not in floor.context.markets:
        floor.context.markets[fact.market] = Market(
            index=fact.market,
            name=fact.name,
            tick_value=fact.tick_value,
            strike_value=fact.strike_value,
        )
        floor.context.fees[fact.market] = Fees(0, 0, 0, 0, 0)


def fees_set(floor: Floor, fact: commands.FeesSet) -> None:
    """New rates; orders leave, newest first, of accounts that cannot bear them."""
    known(fact.market in floor.context.markets, f"market {fact.market}")
    if fact.active_at < floor.context.fees[fact.market].active_at:
        return
    floor.context.fees[fact.market] = Fees(
        old_taker=fact.old_taker,
        old_maker=fact.old_maker,
        new_taker=fact.new_taker,
        new_maker=fact.new_maker,
        active_at=fact.active_at,
    )
    for account in sorted(floor.orders):
        in_market = [
            order
            for order in floor.open_orders_of(account)
            if floor.context.instruments[order.instrument].market == fact.market
        ]
        while in_market and floor.worst_with_orders(account) < 0:
            floor.cancel(in_market.pop(), CancelReason.MARGIN)


def expiry_opened(floor: Floor, fact: commands.ExpiryOpened) -> None:
    """An expiry and its cap."""
    known(fact.market in floor.context.markets, f"market {fact.market}")
    floor.context.caps.setdefault((fact.market, fact.expiry), fact.cap)


def instrument_listed(floor: Floor, fact: commands.InstrumentListed) -> None:
    """An instrument, named by its symbol."""
    key = (fact.market, fact.expiry)
    known(key in floor.context.caps, f"market {fact.market}, expiry {fact.expiry}")
    if fact.instrument not in floor.context.instruments:
        name = floor.context.markets[fact.market].name
        floor.symbols[symbol(name, fact.kind, fact.expiry, fact.strike)] = fact.instrument
        floor.context.instruments[fact.instrument] = Instrument(
            index=fact.instrument,
            market=fact.market,
            kind=fact.kind,
            expiry=fact.expiry,
            strike=fact.strike,
        )


def price_fixed(floor: Floor, fact: commands.PriceFixed) -> None:
    """A settlement price; it takes effect when a batch is opened after it."""
    key = (fact.market, fact.expiry)
    known(key in floor.context.caps, f"market {fact.market}, expiry {fact.expiry}")
    floor.prices.setdefault(key, (fact.price, fact.fixed_at))


def account_opened(floor: Floor, fact: commands.AccountOpened) -> None:
    """An account and its owner."""
    if floor.owners.get(fact.account, bytes(20)) == bytes(20):
        floor.owners[fact.account] = fact.owner
        floor.context.opened.add(fact.account)


def deposited(floor: Floor, fact: commands.Deposited) -> None:
    """All that was ever deposited; what is new is credited."""
    known(fact.account in floor.owners, f"account {fact.account}")
    total = max(fact.deposited, floor.context.deposited.get(fact.account, 0))
    floor.context.deposited[fact.account] = total
    if floor.batch_open:
        credit(floor, fact.account)


def asked(floor: Floor, fact: commands.Asked) -> None:
    """All asks ever; what is new cancels the orders and is served."""
    known(fact.account in floor.owners, f"account {fact.account}")
    if fact.asks <= floor.context.asks.get(fact.account, 0):
        return
    floor.context.asks[fact.account] = fact.asks
    for order in floor.open_orders_of(fact.account):
        floor.cancel(order, CancelReason.FORCED_WITHDRAWAL)
    if floor.batch_open:
        release(floor, fact.account)


def orders_until_set(floor: Floor, fact: commands.OrdersUntilSet) -> None:
    """The end of the owner's orders; it only falls."""
    known(fact.account in floor.owners, f"account {fact.account}")
    told = [t for t in (fact.until, floor.orders_until.get(fact.account, 0)) if t]
    if told:
        floor.orders_until[fact.account] = min(told)


def key_set(floor: Floor, fact: commands.KeySet) -> None:
    """A session key; its end only falls."""
    known(fact.account in floor.owners, f"account {fact.account}")
    keys = floor.keys.setdefault(fact.account, {})
    valid_from, valid_until = keys.get(fact.key, (fact.valid_from, fact.valid_until))
    keys[fact.key] = (valid_from, min(valid_until, fact.valid_until))
