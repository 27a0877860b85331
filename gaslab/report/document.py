"""The report as JSON, for programs. ``report.schema.json`` says its form.

Whole numbers only. The version rises when a field changes its meaning or goes; new fields may come
at any time.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gaslab.components import GROUPS
from gaslab.report.book import Book, Chapter
from gaslab.report.layout import Block
from gaslab.snapshot import FIGURES, Row
from gaslab.verdicts import Verdict

SCHEMA = Path(__file__).parent / "report.schema.json"
VERSION = 1


def document(book: Book) -> dict[str, Any]:
    """The report as plain values."""
    return {
        "format": "gaslab-report",
        "version": VERSION,
        "title": book.title,
        "schedules": [asdict(note) for note in book.schedules],
        "focus": book.focus,
        "components": [
            {"name": str(part), "group": group} for group, parts in GROUPS.items() for part in parts
        ],
        "experiments": [_experiment(chapter) for chapter in book.all_chapters],
        "product": [case(row) for flow in book.flows for row in flow.rows.values()],
    }


def text(book: Book) -> str:
    """The same rows give the same bytes."""
    return json.dumps(document(book), indent=1, ensure_ascii=False) + "\n"


def _experiment(chapter: Chapter) -> dict[str, Any]:
    experiment = chapter.experiment
    return {
        "id": experiment.id,
        "title": experiment.title,
        "techniques": [str(technique) for technique in experiment.techniques],
        "question": experiment.question,
        "unit": experiment.unit,
        "per_item": experiment.per_item,
        "claim": experiment.claim,
        "rule": experiment.rule,
        "pays": experiment.pays,
        "does_not_pay": experiment.does_not_pay,
        "readability": experiment.readability,
        "source": experiment.source.name,
        "variants": [
            {
                "name": variant.name,
                "contract": variant.contract,
                "note": variant.note,
                "baseline": variant is experiment.baseline,
                "differs": variant.differs,
                "compiler": asdict(experiment.settings_of(variant)),
            }
            for variant in experiment.variants
        ],
        "layouts": [
            {"contract": contract, "blocks": [_block(block) for block in blocks]}
            for contract, blocks in chapter.blocks
        ],
        "verdicts": [_verdict(verdict) for verdict in chapter.verdicts],
        "cases": [case(row) for row in chapter.results.rows],
    }


def _block(block: Block) -> dict[str, Any]:
    return asdict(block) | {"slots": block.slots, "lost": block.lost}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": str(verdict.kind),
        "variant": verdict.variant,
        "size": verdict.size,
        "schedules": list(verdict.schedules),
        "figures": {name: dict(figures) for name, figures in verdict.figures.items()},
        "sentence": verdict.sentence,
    }


def case(row: Row) -> dict[str, Any]:
    """A row as the report has it."""
    return {
        "variant": row.variant,
        "size": row.size,
        "schedule": row.schedule,
        "gas": row.gas,
        "figures": {name: row[name] for name in FIGURES if row[name] and name != "gas"},
        "components": {str(part): gas for part, gas in row.components.items()},
        "errors": row.errors,
    }
