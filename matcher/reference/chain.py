"""What the chain says once all its facts are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from matcher.errors import ProtocolError
from matcher.reference import records as r
from matcher.reference.authorization import Signers
from matcher.reference.context import Context
from matcher.reference.messages import domain_separator
from matcher.reference.orderfile import file_hash
from matcher.types import Fees, Instrument, Market


@dataclass
class Chain:
    """The facts, as a prover reads them.

    A prover reads the chain as it is at the time of the proof. Everything is write-once, dated, or
    only grows, so what the chain says of an honest batch does not depend on when it is asked.
    """

    deployed: r.Deployed
    facts: Context
    fees: dict[int, list[r.FeesSet]] = field(default_factory=dict)  # by market, as told
    signers: Signers = field(default_factory=Signers)
    order_files: dict[bytes, bytes] = field(default_factory=dict)  # by hash

    @classmethod
    def of(cls, everything: Sequence[r.Record]) -> "Chain":
        """All that is told.

        Raises
        ------
        ProtocolError
            If there is no `Deployed` among it.
        """
        deployed = next((fact for fact in everything if isinstance(fact, r.Deployed)), None)
        if deployed is None:
            raise ProtocolError("records: found no Deployed, allowed one, first")
        chain = cls(deployed, Context(built_at=0, lag=deployed.windows.lag))
        for fact in everything:
            chain.learn(fact)
        return chain

    def learn(self, fact: r.Record) -> None:
        """Keep one fact."""
        known = self.facts
        match fact:
            case r.MarketListed():
                known.markets[fact.market] = Market(
                    fact.market, fact.name, fact.tick_value, fact.strike_value
                )
            case r.FeesSet():
                self.fees.setdefault(fact.market, []).append(fact)
            case r.ExpiryOpened():
                known.caps[fact.market, fact.expiry] = fact.cap
            case r.InstrumentListed():
                known.instruments[fact.instrument] = Instrument(
                    fact.instrument, fact.market, fact.kind, fact.expiry, fact.strike
                )
            case r.PriceFixed():
                known.prices[fact.market, fact.expiry] = (fact.price, fact.fixed_at)
            case r.AccountOpened():
                known.opened.add(fact.account)
                self.signers.owners[fact.account] = fact.owner
            case r.Deposited():
                known.deposited[fact.account] = fact.deposited
            case r.Asked():
                known.asks[fact.account] = fact.asks
            case r.OrdersUntilSet():
                self.signers.orders_until[fact.account] = fact.until
            case r.KeySet():
                window = (fact.valid_from, fact.valid_until)
                self.signers.keys[fact.account, fact.key] = window
            case r.OrderFilePublished():
                self.order_files[file_hash(fact.data)] = fact.data
            case _:
                pass  # batches and claims are no facts to judge by

    def context(self, built_at: int) -> Context:
        """What a batch built at that time is judged by."""
        fees = {market: fees_at(dated, built_at) for market, dated in self.fees.items()}
        return replace(self.facts, built_at=built_at, fees=fees)

    def separator(self) -> bytes:
        """Of the EIP-712 domain."""
        return domain_separator(self.deployed.chain_id, self.deployed.registry)


def fees_at(dated: Sequence[r.FeesSet], built_at: int) -> Fees:
    """The rates that hold at a time: of the last change active by then, else those before all."""
    active = [fact for fact in dated if fact.active_at <= built_at]
    fact = active[-1] if active else dated[0]
    return Fees(fact.old_taker, fact.old_maker, fact.new_taker, fact.new_maker, fact.active_at)
