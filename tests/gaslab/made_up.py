"""Experiments and rows that were never measured, for what is said of rows."""

from pathlib import Path

from gaslab.components import Component
from gaslab.experiment import Experiment, Technique, Variant
from gaslab.snapshot import Row

ALL = ("cancun", "prague", "osaka", "amsterdam-draft")


def experiment(
    folder: Path,
    *names: str,
    id: str = "ring",  # noqa: A002 - as the field is called
    differs: dict[str, str] | None = None,
    sizes: tuple[int, ...] = (1, 4, 16, 64),
    per_item: bool = True,
    technique: Technique = Technique.RING_BUFFER,
    title: str = "",
    layout: tuple[str, ...] = (),
) -> Experiment:
    source = folder / f"{id.title().replace('-', '')}.sol"
    source.write_text("// <a reader's source>\npragma solidity 0.8.37;\n\ncontract Plain {}\n")
    return Experiment(
        id=id,
        title=title or id.replace("-", " ").capitalize(),
        techniques=(technique,),
        question="What does a price cost & where does it go?",
        source=source,
        variants=tuple(
            Variant(
                name,
                name.title().replace("-", ""),
                f"Keeps it the {name} way.",
                (differs or {}).get(name, ""),
            )
            for name in names
        ),
        sizes=sizes,
        unit="price pushed",
        drive=lambda bench, n: None,
        claim="A window needs no new slot.",
        rule="EIP-2200: an update costs 2,900 where a creation costs 20,000.",
        pays="Where only the newest values are read.",
        does_not_pay="Where history is read on chain.",
        readability="An index modulo a size.",
        per_item=per_item,
        layout=layout,
    )


def row(
    variant: str,
    size: int,
    schedule: str,
    components: dict[Component, int],
    *,
    of: str = "ring",
    **figures: int,
) -> Row:
    """A row whose gas is the sum of its components, as in any row that was measured."""
    gas = sum(components.values())
    told = {"gas": gas, "transactions": 1, "critical_path": gas}
    told["execution"] = gas - components.get(Component.FLOOR, 0)
    told |= figures
    told |= {str(part): value for part, value in components.items() if value}
    return Row(of, variant, size, schedule, {name: value for name, value in told.items() if value})


def plain(
    variant: str, size: int, schedule: str, gas: int, *, of: str = "ring", **figures: int
) -> Row:
    """A row of which only the gas matters."""
    return row(variant, size, schedule, {Component.INTRINSIC: gas}, of=of, **figures)
