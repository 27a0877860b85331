"""The whole state of the running exchange, its text and its invariants."""

from collections import defaultdict

from matcher.account import ZERO_ADDRESS, Account
from matcher.book import OpenOrder
from matcher.errors import ChainError, InvariantBroken
from matcher.listings import Line, Listings
from matcher.types import FEE_ACCOUNT, MAX_POSITIONS, POSITION_VALUE_MAX, Windows


class State:
    """What commands change.

    Attributes
    ----------
    now, built_at : int
        Seconds.
    batch_open : bool
    batch_ops : int
        Ops since the batch was opened.
    next_seq : int
        Number that the next accepted order gets.
    halted : str or None
        Why trading is halted.
    listings : Listings
    accounts : dict
    holders : dict
        (market, expiry) to the accounts that hold positions of it.
    waiting : set
        Accounts whose credit or release waits for a batch.
    traders : dict
        Market to the accounts with open orders in it, each with how many.
    open_orders : int
    """

    def __init__(self, windows: Windows):
        self.windows = windows
        self.now = 0
        self.built_at = 0
        self.batch_open = False
        self.batch_ops = 0
        self.next_seq = 1
        self.halted: str | None = None
        self.listings = Listings(windows.lag)
        self.accounts: dict[int, Account] = {FEE_ACCOUNT: Account(FEE_ACCOUNT, ZERO_ADDRESS)}
        self.holders: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        self.waiting: set[int] = set()
        self.traders: defaultdict[int, dict[int, int]] = defaultdict(dict)
        self.open_orders = 0

    def known(self, account: int, fact: object) -> Account:
        """The account that a fact names; ChainError if it was never opened."""
        found = self.accounts.get(account)
        if found is None:
            raise ChainError(f"{fact}: account {account} was not opened")
        return found

    def margin_rate(self, line: Line) -> int:
        """The fee rate that open orders of an instrument are charged at, atoms per lot."""
        return self.listings.margin_rate(line.info.market, self.built_at)

    def worst_with_orders(self, account: Account) -> int:
        """The least an account is worth with every open order filled or not, atoms."""
        total = account.cash
        for (market, _), group in account.groups.items():
            group.recharge(self.listings.margin_rate(market, self.built_at))
            total += group.with_orders()
        return total

    def free(self, account: Account) -> int:
        """Atoms that may be withdrawn."""
        return max(0, self.worst_with_orders(account))

    def text(self) -> str:
        """One fact per line (docs/reference/matching.md)."""
        batch = f"{self.built_at} {int(self.batch_open)} {self.batch_ops}"
        out = [
            f"time {self.now} {batch} {self.next_seq}",
            f"halted {int(self.halted is not None)}",
            *self.listings.state_lines(),
        ]
        for _, account in sorted(self.accounts.items()):
            out += _account_lines(account)
        for index, line in sorted(self.listings.lines.items()):
            for letter, side in (("B", line.book.bids), ("S", line.book.asks)):
                out += [
                    f"order {index} {letter} {o.tick} {o.seq} {o.account} {o.id} {o.remaining}"
                    f" {o.quantity} {o.flags} {o.expiry} {o.signer.hex()}"
                    for o in side
                ]
        return "".join(line + "\n" for line in out)

    def check(self) -> None:
        """Raise `InvariantBroken` if anything is found that must never be.

        Notes
        -----
        S2 (what accounts hold is what came in), S3 (lots of an instrument sum to zero), rule 0
        with and without open orders, limits of positions, and that every index agrees with what
        it indexes.
        """
        lots: defaultdict[int, int] = defaultdict(int)
        holders: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
        money = 0
        for account in self.accounts.values():
            account.check()
            self._check_margin(account)
            money += account.cash - account.credited + account.exited
            for index, position in account.positions.items():
                lots[index] += position
                holders[self.listings.lines[index].contract.key].add(account.index)
        if money:
            raise InvariantBroken(f"S2: accounts hold {money} atoms that never came in")
        unmatched = {index: total for index, total in lots.items() if total}
        if unmatched:
            raise InvariantBroken(f"S3: lots do not sum to zero: {unmatched}")
        if holders != {key: who for key, who in self.holders.items() if who}:
            raise InvariantBroken("the index of holders differs from the positions")
        self._check_books()

    def _check_margin(self, account: Account) -> None:
        if account.worst < 0 or self.worst_with_orders(account) < 0:
            raise InvariantBroken(
                f"S5: account {account.index} is worth {account.worst} at worst,"
                f" {self.worst_with_orders(account)} with its orders"
            )
        if account.count > MAX_POSITIONS:
            raise InvariantBroken(f"account {account.index} holds {account.count} positions")
        for index, position in account.positions.items():
            if abs(position) * self.listings.lines[index].contract.cap > POSITION_VALUE_MAX:
                raise InvariantBroken(f"account {account.index} holds {position} of {index}")

    def _check_books(self) -> None:
        standing: dict[int, OpenOrder] = {}
        for line in self.listings.lines.values():
            line.book.check()
            for side in (line.book.bids, line.book.asks):
                standing.update((order.seq, order) for order in side)
        counted: defaultdict[int, dict[int, int]] = defaultdict(dict)
        indexed: dict[int, OpenOrder] = {}
        for account in self.accounts.values():
            for order in account.open.values():
                indexed[order.seq] = order
                market = self.listings.lines[order.instrument].info.market
                counted[market][account.index] = counted[market].get(account.index, 0) + 1
        if standing != indexed or len(standing) != self.open_orders:
            raise InvariantBroken("the accounts' open orders are not those in the books")
        if counted != {market: who for market, who in self.traders.items() if who}:
            raise InvariantBroken("the index of traders differs from the open orders")


def _account_lines(account: Account) -> list[str]:
    a = account.index
    told = f"{account.orders_until} {account.deposited} {account.asks}"
    made = f"{account.cash} {account.exited} {account.credited} {account.served}"
    return [
        f"account {a} {account.owner.hex()} {told} {made}",
        *(
            f"key {a} {key.hex()} {life.valid_from} {life.valid_until}"
            for key, life in sorted(account.keys.items())
        ),
        *(f"position {a} {index} {lots}" for index, lots in account.positions.items()),
        *(
            f"slot {a} {number} {slot.generation} {slot.filled}"
            for number, slot in sorted(account.slots.items())
            if slot.generation or slot.filled
        ),
        *(
            f"seen {a} {number} {seen.id} {seen.digest.hex()}"
            for number, seen in sorted(account.seen.items())
        ),
    ]
