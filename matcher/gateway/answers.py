"""What the gateway says, as JSON values: every integer a decimal string, every hash 0x and hex.

Reads the engine and the feed and changes neither. Names are those of the protocol's messages; a
price is in atoms per lot, as it is signed, and never in ticks.
"""

from typing import Final

from matcher import wire
from matcher.batch import Batch
from matcher.board import Account
from matcher.errors import Reject
from matcher.events import CancelReason, Trade
from matcher.exchange import Exchange
from matcher.feed import BatchSummary, Feed, Fill, Movement, OrderState
from matcher.gateway.chain_view import ChainView
from matcher.gateway.faults import Refused
from matcher.history import summarize
from matcher.listings import NO_FEES, Line
from matcher.types import SLOTS, InstrumentKind, Market, SignedOrder

Json = dict[str, object]

KINDS: Final = {InstrumentKind.CALL: "call", InstrumentKind.PUT: "put"}


def hexed(value: bytes) -> str:
    """``0x`` and lower-case hex."""
    return "0x" + value.hex()


def text(value: int | None) -> str | None:
    """A decimal string; null stays null."""
    return None if value is None else str(value)


class Answers:
    """Looks things up and puts them into words.

    Parameters
    ----------
    engine : Exchange
    feed : Feed
    chain : ChainView
    """

    def __init__(self, engine: Exchange, feed: Feed, chain: ChainView):
        self._engine = engine
        self._feed = feed
        self._chain = chain

    # --- names ------------------------------------------------------------------------------------

    def require_instrument(self, symbol: str, field: str = "instrument") -> int:
        """Index of a listed instrument, or `Refused`."""
        index = self._engine.listings.by_symbol.get(symbol)
        if index is None:
            raise Refused(Reject.INSTRUMENT_UNKNOWN, field, symbol, "a listed instrument")
        return index

    def require_account(self, index: int, field: str = "account") -> Account:
        """An account that was opened, or `Refused`."""
        account = self._engine.accounts.get(index)
        if account is None:
            raise Refused(Reject.ACCOUNT_UNKNOWN, field, str(index), "an account that was opened")
        return account

    def symbol(self, index: int) -> str:
        """Symbol of an instrument that exists."""
        return self._engine.listings.lines[index].symbol

    def _price(self, instrument: int, tick: int) -> str:
        return str(tick * self._engine.tick_value(instrument))

    # --- markets ----------------------------------------------------------------------------------

    def market(self, market: Market) -> Json:
        """A market with its dated fee rates."""
        fees = self._engine.listings.fees.get(market.index, NO_FEES)
        return {
            "market": str(market.index),
            "name": market.name,
            "tickValue": str(market.tick_value),
            "strikeValue": str(market.strike_value),
            "fees": {
                "oldTaker": str(fees.old_taker),
                "oldMaker": str(fees.old_maker),
                "newTaker": str(fees.new_taker),
                "newMaker": str(fees.new_maker),
                "activeAt": str(fees.active_at),
            },
        }

    def markets(self) -> list[Json]:
        """All markets."""
        return [self.market(market) for _, market in sorted(self._engine.listings.markets.items())]

    def instrument(self, line: Line) -> Json:
        """An instrument, with the times that matter and its settlement price if it is fixed."""
        key = (line.info.market, line.info.expiry)
        fixed = self._engine.listings.prices.get(key)
        return {
            "instrument": line.symbol,
            "index": str(line.index),
            "market": str(line.info.market),
            "kind": KINDS[InstrumentKind(line.info.kind)],
            "expiry": str(line.info.expiry),
            "expiresAt": str(line.info.expires_at),
            "closesAt": str(line.closes_at),
            "strike": str(line.info.strike),
            "strikePrice": str(line.contract.strike),
            "cap": str(line.contract.cap),
            "tickValue": str(line.tick_value),
            "open": self._feed.now < line.closes_at,
            "settlementPrice": None if fixed is None else str(fixed.price),
            "settledAt": None if fixed is None else str(fixed.fixed_at),
        }

    def instruments(self) -> list[Json]:
        """All instruments, by index."""
        return [self.instrument(line) for _, line in sorted(self._engine.listings.lines.items())]

    def line(self, index: int) -> Line:
        """An instrument that exists."""
        return self._engine.listings.lines[index]

    def book(self, instrument: int, depth: int) -> Json:
        """The best ``depth`` levels of both sides, from the engine's own book."""
        bids, asks = self._engine.book(instrument, depth)
        return {
            "bids": [self.level(instrument, *level) for level in bids],
            "asks": [self.level(instrument, *level) for level in asks],
        }

    def levels(self, instrument: int) -> Json:
        """All levels of both sides, from the feed: what the deltas of the stream build on."""
        return {
            side: [self.level(instrument, *level) for level in self._feed.levels(instrument, buy)]
            for side, buy in (("bids", True), ("asks", False))
        }

    def level(self, instrument: int, tick: int, lots: int, orders: int) -> list[str]:
        """``[price, lots, orders]``."""
        return [self._price(instrument, tick), str(lots), str(orders)]

    def trade(self, fill: Fill) -> Json:
        """A trade, as everybody may see it."""
        trade = fill.trade
        return {
            "number": str(fill.number),
            "at": str(fill.at),
            "instrument": self.symbol(trade.instrument),
            "price": self._price(trade.instrument, trade.tick),
            "lots": str(trade.lots),
            "takerSells": trade.taker_sells,
        }

    # --- accounts ---------------------------------------------------------------------------------

    def account(self, index: int) -> Json:
        """Money, positions, what is free, and the counters of the chain."""
        self.require_account(index)
        account = self._engine.account_view(index)
        return {
            "account": str(index),
            "owner": hexed(account.owner),
            "cash": str(account.cash),
            "worst": str(account.worst),
            "worstWithOrders": str(account.worst_with_orders),
            "free": str(account.free),
            "positions": [
                {"instrument": self.symbol(instrument), "lots": str(lots)}
                for instrument, lots in account.positions.items()
            ],
            "openOrders": str(account.open_orders),
            "deposited": str(account.deposited),
            "credited": str(account.credited),
            "exited": str(account.exited),
            "asks": str(account.asks),
            "served": str(account.served),
            "ordersUntil": str(account.orders_until),
            "keys": [
                {
                    "key": hexed(key),
                    "validFrom": str(valid_from),
                    "validUntil": str(valid_until),
                }
                for key, (valid_from, valid_until) in account.keys.items()
            ],
        }

    def slots(self, index: int) -> list[Json]:
        """Order slots that were ever used: the next generation that is free, and whether it is
        the slot of an open order. A slot that is not listed begins with generation 0.
        """
        account = self.require_account(index)
        return [
            {
                "slot": str(number),
                "nextGeneration": str(max(slot.generation, slot.seen // SLOTS) + 1),
                "busy": slot.order > 0,
            }
            for number, slot in account.slots.items()
        ]

    def order(self, state: OrderState) -> Json:
        """An order and what became of it."""
        order = state.signed.order
        return {
            "account": str(order.account),
            "id": str(order.id),
            "instrument": order.instrument,
            "buy": order.buy,
            "price": str(order.price),
            "quantity": str(state.quantity),
            "filled": str(state.filled),
            "remaining": str(state.remaining),
            "status": state.status,
            "reason": None if state.reason is None else CancelReason(state.reason).name,
            "flags": str(order.flags),
            "expiry": str(order.expiry),
            "acceptedAt": str(state.accepted_at),
            "changedAt": str(state.changed_at),
            "digest": hexed(state.signed.digest),
        }

    def signed_order(self, signed: SignedOrder) -> Json:
        """An order as it was signed."""
        return {
            "order": wire.terms(signed.order),
            "signature": hexed(signed.signature),
            "digest": hexed(signed.digest),
            "signer": hexed(signed.signer),
        }

    def fill(self, fill: Fill) -> Json:
        """A fill with both signed orders, and its place once its batch is closed."""
        trade = fill.trade
        return self.trade(fill) | {
            "taker": self._side(trade, taker=True),
            "maker": self._side(trade, taker=False),
            "word": hexed(fill.word),
            "batch": text(fill.batch),
            "index": text(fill.index),
        }

    def _side(self, trade: Trade, taker: bool) -> Json:
        account, order_id, fee, signed = (
            (trade.taker, trade.taker_id, trade.taker_fee, trade.taker_signed)
            if taker
            else (trade.maker, trade.maker_id, trade.maker_fee, trade.maker_signed)
        )
        return {
            "account": str(account),
            "id": str(order_id),
            "fee": str(fee),
            "signed": self.signed_order(signed),
        }

    def movement(self, movement: Movement) -> Json:
        """Cash that came in or went out otherwise than by a fill."""
        answer: Json = {
            "number": str(movement.number),
            "at": str(movement.at),
            "kind": movement.kind,
            "account": str(movement.account),
            "amount": str(movement.amount),
            "batch": text(movement.batch),
            "index": text(movement.index),
        }
        optional = {
            "to": movement.target,
            "id": movement.id,
            "market": movement.market,
            "expiry": movement.expiry,
        }
        return answer | {name: str(v) for name, v in optional.items() if v is not None}

    # --- batches ----------------------------------------------------------------------------------

    def batch(self, summary: BatchSummary) -> Json:
        """A batch for lists, with its place on the chain."""
        return {
            "batch": str(summary.id),
            "builtAt": str(summary.built_at),
            "chunkCount": str(summary.chunk_count),
            "ops": str(summary.ops),
            "fills": str(summary.fills),
            "stateRoot": hexed(summary.state_root),
            "batchHash": hexed(summary.batch_hash),
        } | self._place(summary.id)

    def batch_with_header(self, batch: Batch) -> Json:
        """A batch as it stands in the archive."""
        return self.batch(summarize(batch)) | {"header": self.header(batch.header)}

    def _place(self, batch_id: int) -> Json:
        place = self._chain.place(batch_id)
        return {
            "status": place.stage.value,
            "committedAt": text(place.committed_at),
            "finalAt": text(place.final_at),
            "confirmations": str(place.confirmations),
            "transaction": None if place.transaction is None else hexed(place.transaction),
        }

    @staticmethod
    def header(header: bytes) -> Json:
        """The six words of a header, named as the contracts' ``Header`` names them."""
        names = ("info", "parent", "chunksRoot", "stateRoot", "blobsHash", "extra")
        return {name: hexed(header[32 * i : 32 * i + 32]) for i, name in enumerate(names)}
