"""The traders' side: steps of a flow to signed requests, and what must come back."""

from typing import Any, Final

import msgspec
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32

from demo.stage import Trader, World
from demo.steps import SPOIL_CODES, Amend, Cancel, CancelAll, Place, Spoil, Step
from matcher import wire
from matcher.eip712 import CURVE_ORDER, Domain, Message
from matcher.errors import Reject
from matcher.types import (
    SLOTS,
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    OrderFlag,
)

CANCEL_LIFE: Final = 300  # seconds
TOO_MANY_LOTS: Final = 50_000
FAR_ACCOUNT: Final = 1_000_000  # nobody opened so many


class Request(msgspec.Struct, frozen=True):
    """One request; ``refused`` says with which code it must be refused, None: it may be taken."""

    path: str
    body: bytes
    refused: Reject | None = None
    repeats: bool = False  # the one before, once more
    names: tuple[int, int] | None = None  # account and id of the order that it should fill


def sign(signer: LocalAccount, domain: Domain, message: Message) -> bytes:
    """The EIP-712 signature of a message, 65 bytes."""
    return bytes(signer.unsafe_sign_hash(Hash32(domain.digest(message))).signature)


def high_s(signature: bytes) -> bytes:
    """The other signature of the same message, which must not count."""
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


class Desk:
    """Signs for all traders.

    Parameters
    ----------
    world : World
    is_busy : callable
        Whether a slot of an account holds an open order.
    """

    def __init__(self, world: World, is_busy: Any):
        self._world = world
        self._domain = world.domain
        self._foreign = Domain(self._domain.chain_id + 1, self._domain.verifying_contract)
        self._is_busy = is_busy
        self._next_id = [0] * len(world.traders)
        self._orders: dict[int, int] = {}  # key of the flow to order id
        self._owners: dict[int, int] = {}  # and to account

    def requests(self, step: Step, now: int) -> list[Request]:
        """What a trader sends for a step; ``now`` is the exchange's time, seconds."""
        trader, action = self._world.traders[step.trader], step.action
        if isinstance(action, Place):
            if action.spoil is not None:
                return self._spoiled(trader, step.trader, action, now)
            order = self._order(trader, step.trader, action, now)
            request = self._placed(order, trader.signer, action)
            if action.repeat:
                return [request, msgspec.structs.replace(request, repeats=True)]
            return [request]
        expiry = now + CANCEL_LIFE
        if isinstance(action, Cancel):
            order_id = self._orders[action.key]
            cancel = CancelTerms(trader.account, order_id, expiry)
            return [self._signed("/orders/cancel", "cancel", cancel, trader)]
        if isinstance(action, Amend):
            order_id = self._orders[action.key]
            amend = AmendTerms(trader.account, order_id, action.lots, expiry)
            return [self._signed("/orders/amend", "amend", amend, trader)]
        if isinstance(action, CancelAll):
            at = action.instrument
            name = "" if at is None else self._world.symbols[at]
            everything = CancelAllTerms(trader.account, name, expiry)
            return [self._signed("/orders/cancel-all", "cancelAll", everything, trader)]
        raise TypeError(f"{type(action).__name__} is no request of a trader")

    # --- orders -----------------------------------------------------------------------------------

    def _take_id(self, number: int) -> int:
        """The next id, past slots that still hold an open order of an earlier generation."""
        account = self._world.traders[number].account
        order_id = self._next_id[number]
        while order_id >= SLOTS and self._is_busy(account, order_id % SLOTS):
            order_id += 1
        self._next_id[number] = order_id + 1
        return order_id

    def _order(self, trader: Trader, number: int, action: Place, now: int) -> Order:
        order_id = self._orders[action.key] = self._take_id(number)
        self._owners[action.key] = trader.account
        market = self._world.listing.market_of(action.instrument)
        return Order(
            account=trader.account,
            instrument=self._world.symbols[action.instrument],
            buy=action.buy,
            price=action.tick * market.tick_value,
            quantity=action.lots,
            id=order_id,
            expiry=now + action.life,
            flags=action.flags,
        )

    def _placed(
        self, order: Order, signer: LocalAccount, action: Place, refused: Reject | None = None
    ) -> Request:
        return self._request(order, sign(signer, self._domain, order), action, refused)

    def _request(
        self, order: Order, signature: bytes, action: Place, refused: Reject | None
    ) -> Request:
        body = {
            "order": wire.terms(order),
            "signature": "0x" + signature.hex(),
            "selfTrade": "cancelOldest" if action.cancel_oldest else "cancelNewest",
        }
        names = None
        if action.names is not None:
            names = (self._owners[action.names], self._orders[action.names])
        return Request("/orders", msgspec.json.encode(body), refused, names=names)

    def _signed(
        self, path: str, name: str, terms: CancelTerms | AmendTerms | CancelAllTerms, trader: Trader
    ) -> Request:
        signature = sign(trader.signer, self._domain, terms)
        body = {name: wire.terms(terms), "signature": "0x" + signature.hex()}
        return Request(path, msgspec.json.encode(body))

    # --- what must be refused ---------------------------------------------------------------------

    def _spoiled(self, trader: Trader, number: int, action: Place, now: int) -> list[Request]:
        spoil = action.spoil
        assert spoil is not None
        code = SPOIL_CODES[spoil]
        order = self._order(trader, number, action, now)
        if spoil == Spoil.STALE_ID:
            return self._stale(order, trader, action, code)
        order = self._with_fault(order, spoil, now)
        if spoil == Spoil.WRONG_DOMAIN:
            signature = sign(trader.signer, self._foreign, order)
        elif spoil == Spoil.FOREIGN_SIGNER:
            other = self._world.traders[(number + 1) % len(self._world.traders)]
            signature = sign(other.signer, self._domain, order)
        else:
            signature = sign(trader.signer, self._domain, order)
        if spoil == Spoil.HIGH_S:
            signature = high_s(signature)
        request = self._request(order, signature, action, code)
        if spoil == Spoil.NUMBER_NOT_TEXT:
            body = msgspec.json.decode(request.body)
            body["order"]["price"] = order.price
            request = msgspec.structs.replace(request, body=msgspec.json.encode(body))
        return [request]

    def _with_fault(self, order: Order, spoil: Spoil, now: int) -> Order:
        """The terms with what is wrong about them; signed as they stand."""
        faults: dict[Spoil, dict[str, Any]] = {
            Spoil.OFF_TICK: {"price": order.price + 1},
            Spoil.UNKNOWN_INSTRUMENT: {"instrument": order.instrument[:-2] + "7-C"},
            Spoil.EXPIRED: {"expiry": now - 1},
            Spoil.TOO_LARGE: {"quantity": TOO_MANY_LOTS},
            Spoil.ODD_FLAGS: {"flags": int(OrderFlag.POST_ONLY | OrderFlag.IOC)},
            Spoil.UNKNOWN_ACCOUNT: {"account": FAR_ACCOUNT},
        }
        return msgspec.structs.replace(order, **faults.get(spoil, {}))

    def _stale(self, order: Order, trader: Trader, action: Place, code: Reject) -> list[Request]:
        """An order of the next generation, far from the market, and then one of this."""
        tick = self._world.listing.market_of(action.instrument).tick_value
        newer = msgspec.structs.replace(order, id=order.id + SLOTS, buy=True, price=tick)
        return [
            self._placed(newer, trader.signer, action),
            self._placed(order, trader.signer, action, code),
        ]
