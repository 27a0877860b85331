"""Matching (matching.md): an accepted order against the book."""

from matcher.events import CancelReason, Trade
from matcher.reference.book import Book, OpenOrder
from matcher.reference.fees import fee
from matcher.reference.floor import Floor
from matcher.reference.words import Fill
from matcher.types import (
    MAX_POSITIONS,
    POSITION_LOTS_MAX,
    POSITION_VALUE_MAX,
    OrderFlag,
    SelfTrade,
)


def match(floor: Floor, taker: OpenOrder, self_trade: int) -> CancelReason | None:
    """Trade while lots remain and the best opposite order crosses.

    Returns
    -------
    CancelReason or None
        Why what remains must not rest, if so.
    """
    book = floor.books.setdefault(taker.instrument, Book())
    while taker.remaining > 0 and (maker := book.best_against(taker)) is not None:
        if maker.account == taker.account:
            if self_trade == SelfTrade.CANCEL_NEWEST:
                return CancelReason.SELF_TRADE
            floor.cancel(maker, CancelReason.SELF_TRADE)
            continue

        lots = min(taker.remaining, maker.remaining)
        lots = min(lots, reducible(floor, taker))
        if lots == 0:
            return CancelReason.REDUCE_ONLY
        lots = min(lots, reducible(floor, maker))
        if lots == 0:
            floor.cancel(maker, CancelReason.REDUCE_ONLY)
            continue

        taker_fee, maker_fee = fees_of(floor, maker, lots)
        if not bears(floor, maker, lots, maker.tick, maker_fee):
            floor.cancel(maker, CancelReason.MARGIN)
            continue
        if not bears(floor, taker, lots, maker.tick, taker_fee):
            return CancelReason.MARGIN
        trade(floor, taker, maker, lots, (taker_fee, maker_fee))
    return None


def reducible(floor: Floor, order: OpenOrder) -> int:
    """Most lots that an order may fill now; reduce-only: no more than the opposite position."""
    if not order.has(OrderFlag.REDUCE_ONLY):
        return order.remaining
    position = floor.account(order.account).positions.get(order.instrument, 0)
    return max(0, -position if order.buy else position)


def notional(floor: Floor, instrument: int, tick: int, lots: int) -> int:
    """Atoms that a fill exchanges."""
    market = floor.context.instruments[instrument].market
    return tick * lots * floor.context.markets[market].tick_value


def fees_of(floor: Floor, maker: OpenOrder, lots: int) -> tuple[int, int]:
    """(taker, maker) fees of a fill at the maker's tick, at the batch's rates; atoms."""
    market = floor.context.instruments[maker.instrument].market
    value = notional(floor, maker.instrument, maker.tick, lots)
    taker_rate, maker_rate = floor.context.fees[market].at(floor.context.built_at)
    return fee(taker_rate, lots, value), fee(maker_rate, lots, value)


def bears(floor: Floor, order: OpenOrder, lots: int, tick: int, paid: int) -> bool:
    """Whether the order's account could bear a fill and its fee: limits and margin."""
    before = floor.account(order.account)
    after = before.copy()
    exchanged = notional(floor, order.instrument, tick, lots)
    after.cash += (-exchanged if order.buy else exchanged) - paid
    after.add_lots(order.instrument, lots if order.buy else -lots)
    listed = floor.context.instruments[order.instrument]
    cap = floor.context.caps[listed.market, listed.expiry]
    position = abs(after.positions.get(order.instrument, 0))
    if len(after.positions) > MAX_POSITIONS:
        return False
    if position * cap > POSITION_VALUE_MAX or position > POSITION_LOTS_MAX:
        return False
    worst = floor.context.worst(after.cash, after.positions)
    return worst >= 0 or worst >= floor.worst(order.account)


def trade(
    floor: Floor, taker: OpenOrder, maker: OpenOrder, lots: int, paid: tuple[int, int]
) -> None:
    """One fill."""
    taker.remaining -= lots
    maker.remaining -= lots
    if maker.remaining == 0:
        floor.remove(maker)
    floor.emit(
        Trade(
            instrument=taker.instrument,
            tick=maker.tick,
            lots=lots,
            taker_sells=not taker.buy,
            taker=taker.account,
            maker=maker.account,
            taker_id=taker.id,
            maker_id=maker.id,
            taker_fee=paid[0],
            maker_fee=paid[1],
            taker_remaining=taker.remaining,
            maker_remaining=maker.remaining,
            taker_signed=taker.signed,
            maker_signed=maker.signed,
        )
    )
    floor.perform(
        Fill(
            flags=0 if taker.buy else 1,
            taker=taker.account,
            maker=maker.account,
            instrument=taker.instrument,
            tick=maker.tick,
            lots=lots,
            taker_order=taker.id,
            maker_order=maker.id,
        )
    )
