"""Trading on the tests' exchange: the reference model matches what traders sign, and commits it.

`Venue` is an operator without a server. Facts reach it from receipts, orders as signed messages;
what the model answers becomes words, chunks and a batch on the chain.
"""

from collections.abc import Sequence
from typing import Any

from eth_account.signers.local import LocalAccount

from matcher import commands
from matcher.events import Event, Rejected
from matcher.reference.batching import chunks_of, signed_ops
from matcher.reference.exchange import Exchange as Model
from matcher.reference.messages import digest
from matcher.reference.symbols import symbol
from matcher.types import Order, SignedOrder, Withdrawal
from tests.support.chain import Receipt
from tests.support.exchange import Batch, Exchange

FOREVER = 2**40 - 1


class Venue:
    """An operator that is honest and has no server.

    Parameters
    ----------
    exchange : Exchange
        Where it commits; its listings are told to the model at once.
    """

    def __init__(self, exchange: Exchange):
        self.exchange = exchange
        self.model = Model(exchange.windows)
        self.happened: list[Event] = []
        self.ids: dict[int, int] = {}
        context = exchange.context
        self._clock()
        self.tell(commands.AccountOpened(0, address(exchange.deployment.fee_owner)))
        for market in context.markets.values():
            fees = context.fees[market.index]
            self.tell(
                commands.MarketListed(
                    market.index, market.name, market.tick_value, market.strike_value
                )
            )
            self.tell(
                commands.FeesSet(
                    market.index,
                    fees.old_taker,
                    fees.old_maker,
                    fees.new_taker,
                    fees.new_maker,
                    fees.active_at,
                )
            )
        for (index, expiry), cap in context.caps.items():
            self.tell(commands.ExpiryOpened(index, expiry, cap))
        for item in context.instruments.values():
            self.tell(
                commands.InstrumentListed(
                    item.index, item.market, item.kind, item.expiry, item.strike
                )
            )

    # --- facts ------------------------------------------------------------------------------------

    def tell(self, command: commands.Command) -> list[Event]:
        """Apply a command that must not be refused."""
        events = self.model.apply(command)
        refused = [event for event in events if isinstance(event, Rejected)]
        assert not refused, refused
        self.model.check()
        self.happened += events
        return events

    def learn(self, receipt: Receipt) -> Receipt:
        """Tell the model what a transaction did on the chain."""
        self._clock()
        for event in receipt.events:
            command = self._fact(event.name, event.args, receipt.time)
            if command is not None:
                self.tell(command)
        return receipt

    def _fact(self, name: str, args: dict[str, Any], time: int) -> commands.Command | None:
        match name:
            case "Opened":
                self.exchange.context.opened.add(args["account"])
                return commands.AccountOpened(args["account"], address(args["owner"]))
            case "Deposited":
                self.exchange.context.deposited[args["account"]] = args["deposited"]
                return commands.Deposited(args["account"], args["deposited"], time)
            case "Asked":
                self.exchange.context.asks[args["account"]] = args["asks"]
                return commands.Asked(args["account"], args["asks"], time)
            case "OrdersUntilSet":
                return commands.OrdersUntilSet(args["account"], args["ordersUntil"])
            case "KeySet":
                return commands.KeySet(
                    args["account"], address(args["key"]), args["validFrom"], args["validUntil"]
                )
            case "PriceFixed":
                return commands.PriceFixed(
                    args["market"], args["expiry"], args["price"], args["fixedAt"]
                )
            case _:
                return None

    def _clock(self) -> None:
        self.tell(commands.Clock(self.exchange.chain.now - 1))

    # --- trading ----------------------------------------------------------------------------------

    def open_batch(self) -> None:
        """Begin a batch now; what waited for it happens first."""
        self._clock()
        self.tell(commands.OpenBatch())

    def sign_order(
        self,
        signer: LocalAccount,
        account: int,
        instrument: int,
        *,
        buy: bool,
        price: int,
        quantity: int,
        flags: int = 0,
    ) -> SignedOrder:
        """An order with the account's next id; price in atoms per lot."""
        context = self.exchange.context
        item = context.instruments[instrument]
        name = context.markets[item.market].name
        order = Order(
            account=account,
            instrument=symbol(name, item.kind, item.expiry, item.strike),
            buy=buy,
            price=price,
            quantity=quantity,
            id=self._next_id(account),
            expiry=FOREVER,
            flags=flags,
        )
        signature = self.exchange.sign(signer, order)
        found = digest(order, self.exchange.domain())
        return SignedOrder(order, signature, found, address(signer.address))

    def place(self, signed: SignedOrder) -> list[Event]:
        return self.tell(commands.PlaceOrder(signed))

    def withdraw(self, signer: LocalAccount, account: int, amount: int) -> None:
        message = Withdrawal(account, amount, self._next_id(account), FOREVER)
        signature = self.exchange.sign(signer, message)
        found = digest(message, self.exchange.domain())
        self.tell(commands.WithdrawRequest(message, signature, found, address(signer.address)))

    def _next_id(self, account: int) -> int:
        self.ids[account] = self.ids.get(account, 0) + 1
        return self.ids[account]

    def commit(self) -> Batch:
        """Close the batch and commit everything that happened."""
        self.tell(commands.CloseBatch())
        chunks: Sequence[Any] = chunks_of(signed_ops(self.happened))
        self.happened = []
        built_at = self.model.floor.context.built_at
        return self.exchange.commit(
            *([signed.op for signed in chunk.ops] for chunk in chunks), built_at=built_at
        )


def address(text: str) -> bytes:
    """20 bytes of an address."""
    return bytes.fromhex(text.removeprefix("0x"))
