"""Where the gas of transactions goes: by function, by source line, as a flame graph.

Every unit is somewhere: what belongs to no instruction (the intrinsic gas and calldata, a created
contract's code, the floor's top-up, the refund) has lines of its own, and the sum is the gas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from sha3 import keccak_256

from gaslab import solc
from gaslab.bench import Bench
from gaslab.components import Component
from gaslab.environment import Environment
from gaslab.errors import InputError, MeterBroken
from gaslab.experiment import Experiment
from gaslab.measurement import Measurement
from gaslab.schedule import Schedule
from gaslab.sources import Sources
from gaslab.terminal import aligned
from gaslab.words import grouped, percent

Stack = tuple[str, ...]

# Charged before the first opcode or after the last, in the order in which a reader meets them.
OUTSIDE = (
    Component.INTRINSIC,
    Component.CALLDATA_ZERO,
    Component.CALLDATA_NONZERO,
    Component.ACCESS_LIST,
    Component.AUTHORIZATION,
    Component.FLOOR,
    Component.REFUND,
)
VIA_IR = (
    "Compiled via IR, whose maps are coarse: inlined code is booked where the optimizer put it."
)
LEGACY = (
    "Compiled through the legacy pipeline: exact lines, but not the gas of the IR pipeline's code."
)
REST = "creation, deposit and prepaid state"  # of the transaction's own frame


@dataclass
class Profile:
    """Gas of several transactions, by where it went.

    Attributes
    ----------
    name : str
    gas : int
    runs : list of (Stack, int)
        In the order of execution; neighbors of one stack are merged.
    lines : dict of (str, int) to int
        Own gas by source and line; line 0 for what comes from no source.
    outside : dict of str to int
        What belongs to no instruction; the refund is negative.
    note : str
        What a reader must know of the maps; may be empty.
    """

    name: str
    gas: int = 0
    runs: list[tuple[Stack, int]] = field(default_factory=list)
    lines: dict[tuple[str, int], int] = field(default_factory=dict)
    outside: dict[str, int] = field(default_factory=dict)
    note: str = ""

    def check(self) -> None:
        """See that every unit is somewhere, and nowhere twice.

        Raises
        ------
        MeterBroken
        """
        outside = sum(self.outside.values())
        stacks = sum(gas for _, gas in self.runs) + outside
        lines = sum(self.lines.values()) + outside
        if not stacks == lines == self.gas:
            raise MeterBroken(f"{self.name}: {self.gas} gas, {stacks} by function, {lines} by line")

    @property
    def stacks(self) -> dict[Stack, int]:
        """Own gas by stack, outermost first; what belongs to no instruction too."""
        sums: dict[Stack, int] = {}
        for stack, gas in self.runs:
            sums[stack] = sums.get(stack, 0) + gas
        return sums | {(f"[{name}]",): gas for name, gas in self.outside.items()}

    @property
    def functions(self) -> dict[str, tuple[int, int]]:
        """Own gas, and gas with all that it called, by function; the heaviest first."""
        own: dict[str, int] = {}
        whole: dict[str, int] = {}
        for stack, gas in self.stacks.items():
            own[stack[-1]] = own.get(stack[-1], 0) + gas
            for name in set(stack):
                whole[name] = whole.get(name, 0) + gas
        order = sorted(whole, key=lambda name: (-own.get(name, 0), name))
        return {name: (own.get(name, 0), whole[name]) for name in order}


def profile_variants(
    experiment: Experiment,
    schedule: Schedule,
    size: int,
    names: Sequence[str],
    *,
    legacy: bool = False,
) -> list[Profile]:
    """Drive some of an experiment's variants, and see where their gas goes.

    Parameters
    ----------
    legacy : bool
        Compile through the legacy pipeline, whose maps are exact. The code and its gas are others.

    Raises
    ------
    GasLabError
    """
    able = [one for one in experiment.variants if one.runs_under(schedule.name)]
    chosen = [one for one in able if one.name in names]
    if not chosen:
        allowed = ", ".join(one.name for one in able) or "none"
        raise InputError(
            "--variant", ", ".join(names), f"one that runs under {schedule.name}: {allowed}"
        )
    found = []
    for variant in chosen:
        settings = experiment.settings_of(variant)
        if legacy:
            settings = replace(settings, via_ir=False)
        contracts = solc.compile_files([experiment.source_of(variant)], settings)
        environment = Environment(schedule, profile=True)
        bench = Bench(experiment, variant, schedule, contracts, environment)
        experiment.drive(bench, size)
        name = f"{experiment.id}/{variant.name}/n={size}/{schedule.name}"
        preferred = [*contracts.values(), *solc.loaded()]
        profile = profile_of(name, bench.measured, environment, preferred)
        profile.note = VIA_IR if settings.via_ir else LEGACY if legacy else ""
        found.append(profile)
    return found


def profile_of(
    name: str,
    measured: Iterable[Measurement],
    environment: Environment,
    contracts: Sequence[solc.Contract],
) -> Profile:
    """Profile transactions of an environment that was made with ``profile=True``.

    Parameters
    ----------
    name : str
    measured : iterable of Measurement
    environment : Environment
        Where they were sent.
    contracts : sequence of Contract
        Whose code may have run; of equal ones the first counts.
    """
    codes = _codes(environment, contracts)
    profile = Profile(name)
    for measurement in measured:
        _add(profile, measurement, codes)
    profile.check()
    return profile


def _codes(environment: Environment, contracts: Sequence[solc.Contract]) -> dict[bytes, Sources]:
    """Sources by the hash of the code that ran."""
    found: dict[bytes, Sources] = {}
    for contract in contracts:
        found.setdefault(_hash(contract.runtime), Sources(contract))
        found.setdefault(_hash(contract.creation), Sources(contract, creation=True))
    # Immutables and constructors' arguments are in the code that runs, not in what was compiled.
    for sent in environment.transactions:
        address = sent.measurement.contract
        if address is None:
            continue
        code = environment.code(address)
        for contract in contracts:
            if contract.made(code):
                found.setdefault(_hash(code), Sources(contract))
                initcode = _initcode(sent.raw, contract.creation, sent.measurement.initcode_bytes)
                if initcode:
                    found.setdefault(_hash(initcode), Sources(contract, creation=True))
                break
    return found


def _initcode(raw: bytes, creation: bytes, size: int) -> bytes:
    """A creation transaction's data, which stands in it as it is."""
    start = raw.find(creation)
    return raw[start : start + size] if start >= 0 else b""


def _hash(code: bytes) -> bytes:
    return bytes(keccak_256(code).digest())


# --- from steps to stacks -------------------------------------------------------------------------


def _add(profile: Profile, measurement: Measurement, codes: dict[bytes, Sources]) -> None:
    stepped = 0
    known: dict[tuple[bytes, int], tuple[str, int]] = {}
    for stack, group in groupby(_walk(measurement, codes), key=itemgetter(0)):
        total = 0
        for _, code, pc, gas in group:
            place = known.get((code, pc))
            if place is None:
                place = known[code, pc] = _line(codes, code, pc)
            profile.lines[place] = profile.lines.get(place, 0) + gas
            total += gas
        if total:
            profile.runs.append((stack, total))
        stepped += total
    rest = measurement.gas - stepped
    for part in OUTSIDE:
        gas = measurement.components.get(part, 0)
        if gas:
            profile.outside[str(part)] = profile.outside.get(str(part), 0) + gas
            rest -= gas
    if rest:
        profile.outside[REST] = profile.outside.get(REST, 0) + rest
    profile.gas += measurement.gas


def _walk(
    measurement: Measurement, codes: dict[bytes, Sources]
) -> Iterator[tuple[Stack, bytes, int, int]]:
    """Each step with the functions that it is in, outermost first.

    A frame's functions are followed by the compiler's marks of jumps into and out of them. What was
    inlined has no marks, but its instructions still name the function they come from.
    """
    frames: list[list[str]] = []
    entering = False
    for depth, code, pc, gas in measurement.steps:
        sources = codes.get(code)
        name = sources.function(pc) if sources else f"code {code.hex()[:8]}"
        if depth >= len(frames):
            frames.append([name])
            entering = False
        elif depth < len(frames) - 1:
            del frames[depth + 1 :]
            entering = False
        frame = frames[depth]
        if not gas:
            continue  # a halt, or the position that a frame was left at
        if entering:
            frame.append(name)
            entering = False
        yield _stack(measurement.label, frames, name), code, pc, gas
        jump = sources.jump(pc) if sources else "-"
        if jump == "i":
            entering = True
        elif jump == "o" and len(frame) > 1:
            frame.pop()


def _stack(label: str, frames: Sequence[Sequence[str]], name: str) -> Stack:
    """Names without repetition: of what was called, and what the instruction itself is of."""
    names = [label, *(one for frame in frames for one in frame), name]
    return tuple(one for k, one in enumerate(names) if k == 0 or one != names[k - 1])


def _line(codes: dict[bytes, Sources], code: bytes, pc: int) -> tuple[str, int]:
    sources = codes.get(code)
    if sources is None:
        return f"code {code.hex()[:8]}", 0
    return sources.line(pc) or (f"{sources.contract.name} (compiler)", 0)


# --- forms ----------------------------------------------------------------------------------------


def as_text(profile: Profile, count: int = 15) -> str:
    """The heaviest functions and lines, and what belongs to none of them."""
    gas = max(profile.gas, 1)
    functions = [["function", "own gas", "", "with calls"]]
    for name, (own, whole) in list(profile.functions.items()):
        if own and len(functions) <= count and not name.startswith("["):
            functions.append([name, grouped(own), percent(own, gas), grouped(whole)])
    heaviest = sorted(profile.lines.items(), key=lambda item: (-item[1], item[0]))[:count]
    lines = [["line", "own gas", ""]]
    for (name, line), own in heaviest:
        lines.append([f"{name}:{line}" if line else name, grouped(own), percent(own, gas)])
    outside = [["outside of code", "gas", ""]]
    outside += [[name, grouped(own), percent(own, gas)] for name, own in profile.outside.items()]
    tables = (table for table in (functions, lines, outside) if len(table) > 1)
    parts = [f"{profile.name}: {grouped(profile.gas)} gas"]
    parts += ["\n".join(aligned(table)) for table in tables]
    return "\n\n".join([*parts, *([profile.note] if profile.note else [])]) + "\n"


def as_collapsed(profile: Profile) -> str:
    """For flamegraph.pl: ``transaction;function;function gas``; without what is negative."""
    root = profile.name.replace(";", ",")
    lines = (
        f"{';'.join([root, *(name.replace(';', ',') for name in stack)])} {gas}"
        for stack, gas in sorted(profile.stacks.items())
        if gas > 0
    )
    return "".join(f"{line}\n" for line in lines)


def as_speedscope(profiles: Sequence[Profile]) -> dict[str, Any]:
    """For speedscope.app: a profile each, in the order of execution.

    A flame graph has no negative weights: a refund is left out, and named in the profile's title.
    """
    frames: dict[str, int] = {}
    shown = []
    for profile in profiles:
        outside = [((f"[{name}]",), gas) for name, gas in profile.outside.items()]
        drawn = [(stack, gas) for stack, gas in (*outside, *profile.runs) if gas > 0]
        left_out = sum(gas for _, gas in (*outside, *profile.runs) if gas < 0)
        note = f", {grouped(left_out)} refunded" if left_out else ""
        shown.append(
            {
                "type": "sampled",
                "name": f"{profile.name}: {grouped(profile.gas)} gas{note}",
                "unit": "none",
                "startValue": 0,
                "endValue": sum(gas for _, gas in drawn),
                "samples": [
                    [frames.setdefault(name, len(frames)) for name in stack] for stack, _ in drawn
                ],
                "weights": [gas for _, gas in drawn],
            }
        )
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "gaslab",
        "name": profiles[0].name if profiles else "",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in frames]},
        "profiles": shown,
    }
