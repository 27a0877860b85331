"""A pair of the user's own, from a TOML file: measured without touching the lab.

The file names contracts, says what is deployed, sent and measured, and what must be alike::

    source = "Vaults.sol"
    unit = "deposit"
    sizes = [1, 8, 64]

    [variants.plain]
    contract = "PlainVault"

    [variants.packed]
    contract = "PackedVault"

    [[measure]]
    call = "deposit"
    args = ["$accounts[i % 10]", "$100 + i"]
    repeat = "$n"

    [[observe.views]]
    call = "total"

Texts that begin with ``$`` are computed (`gaslab.expressions`) from ``n``, ``i`` (the turn of a
``repeat``), ``accounts``, ``self`` (the variant's contract) and the names of ``[[contracts]]``.
Where that does not do, ``driver = "file.py:function"`` names a function of a bench and N.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from gaslab.bench import Bench
from gaslab.environment import Deployed
from gaslab.errors import GasLabError, InputError, NotEquivalent
from gaslab.experiment import Experiment, Settings, Technique, Variant
from gaslab.expressions import evaluate
from gaslab.fields import Fields, existing, read_fields
from gaslab.schedule import NAMES
from gaslab.solc import compile_files

EVM_VERSIONS = ("london", "paris", "shanghai", "cancun", "prague", "osaka")
MOST_TURNS = 100_000
RESERVED = ("n", "i", "accounts", "self")
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Pair:
    """An experiment that a file describes.

    Attributes
    ----------
    experiment : Experiment
    schedules : tuple of str
        Names, or paths of schedules' files.
    """

    experiment: Experiment
    schedules: tuple[str, ...]


def load_pair(path: Path) -> Pair:
    """Read a pair's file.

    Raises
    ------
    InputError
        Naming file and field, what was found and what is allowed.
    """
    given = read_fields(path)
    folder = path.resolve().parent
    source = existing(given.name("source"), given.text("source"), folder)
    settings = _settings(given.table("settings"), Settings())
    variants = tuple(_variants(given, folder, settings))
    if len(variants) < 2:
        found = [variant.name for variant in variants]
        raise InputError(given.name("variants"), found, "a baseline and at least one variant")
    names = ", ".join(variant.name for variant in variants)
    experiment = Experiment(
        id=_slug(given.name("id"), given.text("id", path.stem.lower().replace("_", "-"))),
        title=given.text("title", path.stem),
        techniques=tuple(_techniques(given)) or (Technique.OWN,),
        question=given.text("question", f"Which of them costs less gas: {names}?"),
        source=source,
        variants=variants,
        sizes=given.numbers("sizes"),
        unit=given.text("unit", "item"),
        drive=_drive(given, folder, source),
        claim=given.text("claim", ""),
        rule=given.text("rule", ""),
        pays=given.text("pays", ""),
        does_not_pay=given.text("does_not_pay", ""),
        readability=given.text("readability", ""),
        tolerance=_tolerance(given.table("tolerance")),
        per_item=given.flag("per_item", default=True),
        settings=settings,
        layout=given.texts("layout"),
    )
    if isinstance(experiment.drive, Script):
        _observed(given, experiment, experiment.drive.observations)
    schedules = given.texts("schedules") or NAMES
    given.done()
    return Pair(experiment, tuple(_schedule(name, folder) for name in schedules))


def _observed(given: Fields, experiment: Experiment, names: Sequence[str]) -> None:
    """See that what is tolerated or exempt is observed."""
    told = [("tolerance", name) for name in experiment.tolerance]
    for variant in experiment.variants:
        told += [(f"variants.{variant.name}.exempt", name) for name in sorted(variant.exempt)]
    for field, name in told:
        if name not in names:
            raise InputError(given.name(field), name, f"what is observed: {', '.join(names)}")


def _schedule(name: str, folder: Path) -> str:
    """A schedule's file is named relative to the pair's."""
    return str(folder / name) if name.endswith(".toml") else name


def _slug(where: str, text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise InputError(where, text, "lower-case letters and digits, joined by hyphens")
    return text


def _techniques(given: Fields) -> Iterator[Technique]:
    for index, name in enumerate(given.texts("techniques")):
        try:
            yield Technique(name)
        except ValueError:
            where = f"{given.name('techniques')}[{index}]"
            raise InputError(where, name, f"one of {', '.join(Technique)}") from None


def _tolerance(given: Fields) -> dict[str, int]:
    return {name: given.number(name, 0) for name in given.left}


def _settings(given: Fields, base: Settings) -> Settings:
    found = replace(
        base,
        via_ir=given.flag("via_ir", base.via_ir),
        runs=given.number("runs", base.runs),
        evm_version=given.one_of("evm_version", EVM_VERSIONS, base.evm_version),
        optimizer=given.flag("optimizer", base.optimizer),
    )
    given.done()
    return found


def _variants(given: Fields, folder: Path, settings: Settings) -> Iterator[Variant]:
    for name, table in given.named_tables("variants"):
        own = table.part([one.name for one in fields(Settings)])
        variant = Variant(
            name=_slug(table.name(""), name),
            contract=table.text("contract"),
            note=table.text("note", ""),
            differs=table.text("differs", ""),
            exempt=frozenset(table.texts("exempt")),
            schedules=table.texts("schedules"),
            source=table.file_path("source", folder, None),
            settings=_settings(own, settings) if own.left else None,
        )
        table.done()
        yield variant


# --- what is done ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A transaction or a view, so many times.

    Attributes
    ----------
    where : str
        The field in the file, for messages.
    call : str
        A function's name, or its full signature.
    at : str
        ``self``, or the name of another contract.
    args, repeat, sender, value : object
        As they stand in the file.
    """

    where: str
    call: str
    at: str
    args: Sequence[Any]
    repeat: Any
    sender: Any
    value: Any

    def turns(self, names: Mapping[str, Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:
        """Arguments and options, for each turn.

        Raises
        ------
        InputError
        """
        count = evaluate(self.repeat, names, f"{self.where}.repeat")
        if type(count) is not int or not 0 <= count <= MOST_TURNS:
            raise InputError(f"{self.where}.repeat", count, f"0 to {MOST_TURNS}")
        for i in range(count):
            here = {**names, "i": i}
            args = [
                evaluate(one, here, f"{self.where}.args[{k}]") for k, one in enumerate(self.args)
            ]
            sender = evaluate(self.sender, here, f"{self.where}.sender")
            value = evaluate(self.value, here, f"{self.where}.value")
            yield args, {"sender": sender, "value": value}


@dataclass(frozen=True)
class Deployment:
    """A contract besides the variant's own: a token, a price feed."""

    where: str
    name: str
    contract: str
    source: Path
    args: Sequence[Any]


@dataclass(frozen=True)
class Script:
    """What a pair's file says is done.

    Attributes
    ----------
    file : str
    contracts : tuple of Deployment
        Deployed first, in this order.
    deploy : Step
        Arguments, sender and value of the variant's own constructor.
    setup, measure : tuple of Step
    views : tuple of Step
        Read at the end and observed.
    outputs, logs : bool
        Whether what the measured calls return and log is observed.
    """

    file: str
    contracts: tuple[Deployment, ...]
    deploy: Step
    setup: tuple[Step, ...]
    measure: tuple[Step, ...]
    views: tuple[Step, ...]
    outputs: bool
    logs: bool

    @property
    def observations(self) -> list[str]:
        """All that can be observed: of outputs and logs only what there is."""
        names = [f"outputs of {step.call}" for step in self.measure if self.outputs]
        contracts = ("self", *(other.name for other in self.contracts))
        names += [f"logs of {name}" for name in contracts if self.logs]
        return [*dict.fromkeys(names), *self._labels]

    @property
    def _labels(self) -> list[str]:
        """What views are observed as: the second of one function with its position."""
        labels: list[str] = []
        for index, step in enumerate(self.views):
            labels.append(step.call if step.call not in labels else f"{step.call} ({index})")
        return labels

    def __call__(self, bench: Bench, n: int) -> None:
        """Drive one variant."""
        at, names = self._deployed(bench, n)
        for step in self.setup:
            for args, options in step.turns(names):
                with _told(step.where):
                    bench.setup(step.call, *args, at=_of(step, at), **options)
        outputs: dict[str, list[Any]] = {}
        for step in self.measure:
            target = _of(step, at)
            for args, options in step.turns(names):
                with _told(step.where):
                    found = bench.measure(step.call, *args, at=target, **options)
                    result = target.decode(step.call, found.output, count=len(args))
                outputs.setdefault(f"outputs of {step.call}", []).append(result)
        self._observe(bench, at, names, outputs)

    def _deployed(self, bench: Bench, n: int) -> tuple[dict[str, Deployed], dict[str, Any]]:
        at: dict[str, Deployed] = {}
        names: dict[str, Any] = {"n": n, "i": 0, "accounts": list(bench.environment.accounts)}
        settings = bench.experiment.settings
        for other in self.contracts:
            found = compile_files([other.source], settings)
            if other.contract not in found:
                allowed = f"one of {', '.join(sorted(found))}"
                raise InputError(f"{other.where}.contract", other.contract, allowed)
            args = evaluate(list(other.args), names, f"{other.where}.args")
            with _told(other.where):
                at[other.name] = bench.environment.deploy(found[other.contract], *args)
            names[other.name] = at[other.name].address
        if bench.variant.contract not in bench.contracts:
            where = f"{self.file}: variants.{bench.variant.name}.contract"
            allowed = f"one of {', '.join(sorted(bench.contracts))}"
            raise InputError(where, bench.variant.contract, allowed)
        ((args, options),) = self.deploy.turns(names)
        with _told(self.deploy.where):
            at["self"] = bench.deploy(*args, **options)
        names["self"] = at["self"].address
        return at, names

    def _observe(
        self,
        bench: Bench,
        at: Mapping[str, Deployed],
        names: Mapping[str, Any],
        outputs: Mapping[str, list[Any]],
    ) -> None:
        told: dict[str, Any] = {}
        if self.outputs:
            told |= {
                name: values for name, values in outputs.items() if any(v != () for v in values)
            }
        if self.logs:
            for name, deployed in at.items():
                found = [log for one in bench.measured for log in deployed.logs(one)]
                told |= {f"logs of {name}": found} if found or name == "self" else {}
        for label, step in zip(self._labels, self.views, strict=True):
            with _told(step.where):
                values = [
                    bench.read(step.call, *args, at=_of(step, at)) for args, _ in step.turns(names)
                ]
            told[label] = values[0] if step.repeat == 1 else values
        if not any(told.values()) and not self.views:
            raise NotEquivalent(
                f"{self.file}: nothing is observed that could differ: the measured calls return "
                "and log nothing; add [[observe.views]]"
            )
        for name, value in told.items():
            bench.observe(name, value)


def _of(step: Step, at: Mapping[str, Deployed]) -> Deployed:
    if step.at not in at:
        raise InputError(f"{step.where}.at", step.at, f"one of {', '.join(at)}")
    return at[step.at]


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Say where in the file a call stands that cannot be made."""
    try:
        yield
    except InputError as error:
        if error.field.startswith(where):
            raise
        raise InputError(f"{where} ({error.field})", error.found, error.allowed) from None


# --- how the file says it -------------------------------------------------------------------------


def _drive(given: Fields, folder: Path, source: Path) -> Callable[[Bench, int], None]:
    if given.has("driver"):
        for name in ("contracts", "deploy", "setup", "measure", "observe"):
            if given.has(name):
                raise InputError(given.name(name), "driver as well", "one of driver and measure")
        return _driver(given.name("driver"), given.text("driver"), folder)
    contracts = tuple(_contracts(given, folder, source))
    measure = tuple(_steps(given, "measure", needed=True))
    setup = tuple(_steps(given, "setup"))
    deploy = given.table("deploy")
    observe = given.table("observe")
    script = Script(
        file=given.file,
        contracts=contracts,
        deploy=_step(deploy, call="constructor"),
        setup=setup,
        measure=measure,
        views=tuple(_steps(observe, "views")),
        outputs=observe.flag("outputs", default=True),
        logs=observe.flag("logs", default=True),
    )
    observe.done()
    known = ("self", *(other.name for other in contracts))
    for step in (*setup, *measure, *script.views):
        if step.at not in known:
            raise InputError(f"{step.where}.at", step.at, f"one of {', '.join(known)}")
    return script


def _contracts(given: Fields, folder: Path, source: Path) -> Iterator[Deployment]:
    taken = list(RESERVED)
    for table in given.tables("contracts"):
        name = table.text("name")
        if not name.isidentifier() or name in taken:
            raise InputError(table.name("name"), name, f"a name of its own, not {', '.join(taken)}")
        taken.append(name)
        other = Deployment(
            where=table.name(""),
            name=name,
            contract=table.text("contract"),
            source=table.file_path("source", folder, None) or source,
            args=table.items("args", []),
        )
        table.done()
        yield other


def _steps(given: Fields, field: str, *, needed: bool = False) -> Iterator[Step]:
    for table in given.tables(field, needed=needed):
        yield _step(table)


def _step(table: Fields, call: str = "") -> Step:
    step = Step(
        where=table.name(""),
        call=call or table.text("call"),
        at="self" if call else table.text("at", "self"),
        args=table.items("args", []),
        repeat=1 if call else table.take("repeat", 1),
        sender=table.take("sender", 0),
        value=table.take("value", 0),
    )
    table.done()
    return step


def _driver(where: str, text: str, folder: Path) -> Callable[[Bench, int], None]:
    """A function of a Python file: ``file.py:function``."""
    file, colon, name = text.partition(":")
    if not colon or not name.isidentifier():
        raise InputError(where, text, "file.py:function")
    path = existing(where, file, folder)
    spec = importlib.util.spec_from_file_location(f"gaslab_driver_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise InputError(where, text, "a Python file: file.py:function")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except GasLabError:
        raise
    except Exception as error:  # whatever the user's file does when it is loaded
        raise InputError(where, f"{type(error).__name__}: {error}", "a file that loads") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise InputError(where, name, f"a function of {path.name}")
    return found  # type: ignore[no-any-return]
