"""What an audit found, for people and for programs."""

from collections.abc import Sequence
from typing import Final

import msgspec

SYMBOLS: Final = {True: "holds", False: "BROKEN", None: "not checked"}


class Law(msgspec.Struct, frozen=True):
    """One law of section 12 of the protocol.

    ``holds`` is None if the chain alone cannot tell; ``found`` says what would be needed.
    """

    name: str  # S1
    law: str
    found: str  # the numbers
    holds: bool | None


class Agreement(msgspec.Struct, frozen=True):
    """Something that was computed from the logs and read from the contracts."""

    what: str
    compared: int  # how many values
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.differences


class Place(msgspec.Struct, frozen=True):
    """A batch and what it is worth."""

    id: int
    batch_hash: str
    state_root: str
    built_at: int  # seconds
    committed_at: int
    final_at: int
    status: str  # committed, final, reverted
    chunks: int
    ops: int  # NOPs aside
    fills: int
    order_file: bool  # one was shown
    findings: tuple[str, ...]


class Holding(msgspec.Struct, frozen=True):
    """One account, atoms: what went in, what came out, what is left at the head."""

    account: int
    owner: str
    deposited: int  # all ever, as the Vault counts
    credited: int  # of that, let in
    exited: int  # let out
    claimed: int  # of that, paid by the Vault
    cash: int
    worst: int  # cash and positions at their worst
    positions: dict[int, int]  # instrument to lots


class Money(msgspec.Struct, frozen=True):
    """All accounts together, atoms."""

    deposited: int
    claimed: int
    vault: int  # the Vault's balance of the token
    credited: int
    exited: int
    cash: int
    owed: int  # what S1 says the Vault must hold

    @property
    def unaccounted(self) -> int:
        """What came in and is neither paid out nor in the Vault; below 0: tokens were given."""
        return self.deposited - self.claimed - self.vault


class AuditReport(msgspec.Struct, frozen=True):
    """Everything that was found."""

    chain_id: int
    registry: str
    block: int
    time: int  # seconds, of that block
    batches: tuple[Place, ...]
    laws: tuple[Law, ...]
    agreements: tuple[Agreement, ...]
    accounts: tuple[Holding, ...]
    money: Money

    @property
    def sound(self) -> bool:
        """No law is broken, chain and replay agree, and no batch that stands holds a lie."""
        return (
            all(law.holds is not False for law in self.laws)
            and all(agreement.holds for agreement in self.agreements)
            and all(not b.findings or b.status == "reverted" for b in self.batches)
        )

    def json(self) -> bytes:
        """Everything, and ``sound``, as JSON."""
        content = msgspec.to_builtins(self, str_keys=True)
        return msgspec.json.format(msgspec.json.encode(content | {"sound": self.sound}), indent=2)

    def rows(self) -> list[tuple[str, str, str]]:
        """(name, verdict, numbers) of each law and of each comparison with the chain."""
        laws = [(f"{law.name} {law.law}", SYMBOLS[law.holds], law.found) for law in self.laws]
        compared = [
            (
                f"chain: {agreement.what}",
                SYMBOLS[agreement.holds],
                "; ".join(agreement.differences) or f"{agreement.compared} agree",
            )
            for agreement in self.agreements
        ]
        return laws + compared

    def text(self) -> str:
        """A table for a terminal."""
        head = f"chain {self.chain_id}, block {self.block}, registry {self.registry}"
        money = self.money
        flow = (
            f"in {money.deposited}, out {money.claimed}, vault {money.vault},"
            f" unaccounted {money.unaccounted} atoms"
        )
        return "\n".join([head, *_table(self.rows()), *_table(self._money_rows()), flow])

    def _money_rows(self) -> list[tuple[str, ...]]:
        names = ("account", "deposited", "credited", "exited", "claimed", "cash", "worst")
        lines = [tuple(str(getattr(line, name)) for name in names) for line in self.accounts]
        return [names, *lines]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows with columns of one width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
