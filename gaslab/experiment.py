"""A technique as an experiment: a baseline and variants behind one interface.

An experiment drives each of its variants through the same story for a number of items, N. The
driver says what is measured and what is *observed*; variants are equivalent if everything observed
is alike. So the figures of two variants are of the same behavior, or say in what they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from gaslab.errors import InputError

if TYPE_CHECKING:
    from gaslab.bench import Bench

ALL_SCHEDULES: tuple[str, ...] = ()


class Technique(StrEnum):
    """What the techniques are called."""

    RING_BUFFER = "ring buffer"
    OFF_HEAP = "off-heap storage"
    COMPACTION = "memory compaction"
    POOL = "pre-allocated pool"
    SCRATCH = "garbage-free scratch memory"
    SHARDING = "state sharding"
    ZERO_COPY = "zero-copy deserialization"
    LAYOUT = "deterministic layout"
    STACK_TO_MEMORY = "stack-to-memory swapping"
    MEMORY_HARD = "memory-hard expansion"
    ALIGNMENT = "storage slot alignment"
    OPCODES = "opcode efficiency"
    BLACK_SCHOLES = "Black-Scholes on chain"
    OFF_CHAIN = "off-chain compute, on-chain verification"
    BATCHING = "batching"
    BLOAT = "state bloat and purging"
    ORACLE = "oracle medians"
    MARGIN = "dynamic margin"
    GAS_CAP = "items under the gas cap"
    L2_FEES = "layer-2 fees"
    CALLS = "calls and deployment"
    SIGNATURES = "signatures"
    OWN = "a pair of your own"  # for pairs outside the catalogue that name no technique


@dataclass(frozen=True)
class Settings:
    """How solc compiles. The defaults are the product's own."""

    via_ir: bool = True
    runs: int = 200
    evm_version: str = "cancun"  # runs under every schedule; prague generates the same code
    optimizer: bool = True


@dataclass(frozen=True)
class Variant:
    """One way of doing it.

    Attributes
    ----------
    name : str
        Short, lower case, e.g. ``ring``.
    contract : str
        Name of the contract in the experiment's source.
    note : str
        A sentence: what this variant does.
    differs : str
        Empty if it behaves like the baseline. Else in what it does not ("the chain keeps a root,
        not the data"): its rows are labelled so, and it is exempt from the comparison of what the
        driver observes under names in `exempt`.
    exempt : frozenset of str
        Observations that this variant need not share.
    schedules : tuple of str
        The schedules that it can run under; empty for all.
    settings : Settings or None
        The experiment's, if None.
    source : Path or None
        A file of its own, absolute, for what the settings of the others would not compile; the
        experiment's, if None.
    """

    name: str
    contract: str
    note: str
    differs: str = ""
    exempt: frozenset[str] = frozenset()
    schedules: tuple[str, ...] = ALL_SCHEDULES
    settings: Settings | None = None
    source: Path | None = None

    def runs_under(self, schedule: str) -> bool:
        return not self.schedules or schedule in self.schedules


@dataclass(frozen=True)
class Experiment:
    """A question about gas, with everything that is needed to answer it.

    Attributes
    ----------
    id : str
        Short, lower case, words joined by hyphens: the first part of its snapshot lines.
    title : str
    techniques : tuple of Technique
    question : str
        One sentence that ends in a question mark.
    source : Path
        The Solidity file, absolute.
    variants : tuple of Variant
        The first is the baseline.
    sizes : tuple of int
        N, ascending.
    unit : str
        What N counts, singular: ``price pushed``. Per-item figures are gas / N.
    drive : callable
        ``drive(bench, n)``: deploys, sets up, measures, observes.
    claim : str
        What the technique promises.
    rule : str
        The opcode rule or EIP it rests on.
    pays, does_not_pay : str
        When it does and when it does not. Words only: figures come from the results.
    readability : str
        What it costs the reader.
    tolerance : mapping of str to int
        Observations that are numbers and may differ by so much from the first variant's (in the
        observation's own unit); numeric code only. The reference itself is observed by the driver
        through `Bench.accuracy`.
    per_item : bool
        Whether gas / N means something.
    settings : Settings
    layout : tuple of str
        Contracts whose storage layout the report draws.
    """

    id: str
    title: str
    techniques: tuple[Technique, ...]
    question: str
    source: Path
    variants: tuple[Variant, ...]
    sizes: tuple[int, ...]
    unit: str
    drive: Callable[[Bench, int], None]
    claim: str
    rule: str
    pays: str
    does_not_pay: str
    readability: str
    tolerance: Mapping[str, int] = field(default_factory=dict)
    per_item: bool = True
    settings: Settings = Settings()
    layout: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if len(self.variants) < 2:
            raise InputError(f"{self.id}.variants", names, "a baseline and at least one variant")
        if len(set(names)) != len(names):
            raise InputError(f"{self.id}.variants", names, "names that differ")
        if list(self.sizes) != sorted(set(self.sizes)) or not self.sizes:
            raise InputError(f"{self.id}.sizes", self.sizes, "ascending numbers, at least one")
        for variant in self.variants:
            if variant.exempt and not variant.differs:
                raise InputError(
                    f"{self.id}.variants.{variant.name}.exempt",
                    ", ".join(sorted(variant.exempt)),
                    "nothing, unless `differs` says in what it does not behave alike",
                )
        for source in (self.source, *(one.source for one in self.variants if one.source)):
            if not source.is_file():
                raise InputError(f"{self.id}.source", str(source), "a Solidity file that exists")

    @property
    def baseline(self) -> Variant:
        return self.variants[0]

    def settings_of(self, variant: Variant) -> Settings:
        return variant.settings or self.settings

    def source_of(self, variant: Variant) -> Path:
        return variant.source or self.source
