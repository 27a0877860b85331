"""Sums over all accounts: what S1, S2 and S3 speak of (section 12)."""

from dataclasses import dataclass, field

from matcher.reference.context import Context
from matcher.reference.leaf import Account
from matcher.reference.margin import value


@dataclass
class Totals:
    """Sums over all accounts, atoms; lots by instrument."""

    cash: int = 0
    exited: int = 0
    credited: int = 0
    lots: dict[int, int] = field(default_factory=dict)  # no zeros
    settled: frozenset[tuple[int, int]] = frozenset()  # expiries with a SETTLE

    def replace(self, before: Account, after: Account) -> None:
        """Take an account out as it was and in as it is."""
        for account, sign in ((before, -1), (after, 1)):
            self.cash += sign * account.cash
            self.exited += sign * account.exited
            self.credited += sign * account.credited
            for instrument, lots in account.positions.items():
                total = self.lots.pop(instrument, 0) + sign * lots
                if total:
                    self.lots[instrument] = total

    def unmet_lots(self, context: Context) -> dict[int, int]:
        """Instruments before their first SETTLE whose lots do not sum to zero (S3)."""
        return {
            index: lots
            for index, lots in sorted(self.lots.items())
            if context.expiry_of(index) not in self.settled
        }

    def payoffs(self, context: Context) -> int | None:
        """What all positions pay together, atoms; None if that depends on a price not fixed."""
        total = 0
        fixed = context.fixed()
        for key in {context.expiry_of(index) for index in self.lots}:
            legs = [
                (context.option(index), lots)
                for index, lots in self.lots.items()
                if context.expiry_of(index) == key
            ]
            cap = context.caps[key]
            prices = {0, cap} | {option.strike for option, _ in legs}
            if key in fixed:
                prices = {fixed[key]}
            values = {value(legs, price, cap) for price in prices}
            if len(values) > 1:
                return None
            total += values.pop()
        return total
