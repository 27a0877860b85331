"""What a run leaves: plain numbers for the closing table and for the report."""

import msgspec

from demo.steps import Style


class BatchRow(msgspec.Struct, frozen=True):
    id: int
    built_at: int  # seconds
    committed_at: int
    chunks: int
    ops: int  # words that are neither NOP nor root
    fills: int
    root: bytes
    batch_hash: bytes
    transaction: bytes
    gas: int  # of the whole commit transaction
    status: str

    @property
    def gas_per_fill(self) -> int | None:
        """Rounded down; None without fills."""
        return self.gas // self.fills if self.fills else None


class Print(msgspec.Struct, frozen=True):
    """A trade as the tape shows it."""

    at: int  # milliseconds since the flow began
    tick: int
    lots: int
    taker_sells: bool


class DepthPicture(msgspec.Struct, frozen=True):
    """The book of one instrument at one moment; levels from the best price on."""

    title: str
    symbol: str
    at: int  # milliseconds since the flow began
    tick_value: int  # atoms
    bids: tuple[tuple[int, int], ...]  # tick, lots
    asks: tuple[tuple[int, int], ...]


class Tape(msgspec.Struct, frozen=True):
    """All trades of one instrument."""

    symbol: str
    tick_value: int
    prints: tuple[Print, ...]


class AccountRow(msgspec.Struct, frozen=True):
    """One trader's money, atoms: ``deposited + premiums - fees + settled - exited == cash``."""

    name: str
    style: Style
    account: int
    deposited: int
    premiums: int  # signed: received for what was sold less paid for what was bought
    fees: int  # signed: paid less rebates
    settled: int  # signed: payoffs at the fixed prices
    exited: int  # let out by withdrawals and releases
    claimed: int  # of that, paid by the Vault
    cash: int
    worst: int  # cash and what is still open, at the worst price
    fills: int

    @property
    def balanced(self) -> bool:
        """The identity above holds."""
        return self.deposited + self.premiums - self.fees + self.settled - self.exited == self.cash


class Invariant(msgspec.Struct, frozen=True):
    """One law of section 12 of the protocol, checked against the chain."""

    name: str  # S1
    law: str
    found: str  # the numbers
    holds: bool


class Refusal(msgspec.Struct, frozen=True):
    code: str
    count: int


class Settlement(msgspec.Struct, frozen=True):
    market: str
    expires_at: int
    price: int  # atoms per lot
    cap: int
    reporters: int
    paid: int  # atoms paid to those who gained


class Results(msgspec.Struct, frozen=True):
    """Everything that the closing table and the report show."""

    flow: str
    network: str
    chain_id: int
    contracts: tuple[tuple[str, str], ...]  # name, address
    finished_at: int  # the chain's time, seconds
    seconds: int  # of the wall clock, for people
    counts: tuple[tuple[str, int], ...]  # label, number: messages, orders, fills...
    facts: tuple[tuple[str, int], ...]  # of the flow
    refusals: tuple[Refusal, ...]
    gas: tuple[tuple[str, int, int], ...]  # what, transactions, gas of all
    batches: tuple[BatchRow, ...]
    pictures: tuple[DepthPicture, ...]
    tapes: tuple[Tape, ...]
    accounts: tuple[AccountRow, ...]  # the fee account first
    settlements: tuple[Settlement, ...]
    invariants: tuple[Invariant, ...]
    vault: int  # atoms the Vault's token balance holds at the end

    @property
    def fills(self) -> int:
        return sum(batch.fills for batch in self.batches)

    @property
    def deposited(self) -> int:
        return sum(row.deposited for row in self.accounts)

    @property
    def claimed(self) -> int:
        return sum(row.claimed for row in self.accounts)

    @property
    def unaccounted(self) -> int:
        """Atoms that came in and are neither paid out nor in the Vault."""
        return self.deposited - self.claimed - self.vault

    @property
    def sound(self) -> bool:
        """Every atom is accounted for and every invariant holds."""
        return (
            self.unaccounted == 0
            and all(row.balanced for row in self.accounts)
            and bool(self.invariants)
            and all(invariant.holds for invariant in self.invariants)
        )
