"""Slots drawn to scale: a row is a word of 32 bytes, its low end at the right."""

from __future__ import annotations

from markupsafe import Markup

from gaslab.report.layout import SLOT, Block, Place, SlotRow
from gaslab.report.svg import across, element, picture, tip
from gaslab.words import grouped

ROW, GAP, TOP = 34, 4, 20
_LEFT = 0.13  # room for the numbers of slots


def slots(block: Block) -> Markup:
    """One block as a picture: fields to scale, the bytes that are lost hatched."""
    parts = [_ruler()]
    for index, row in enumerate(block.rows):
        parts += _row(row, TOP + index * (ROW + GAP))
    height = TOP + len(block.rows) * (ROW + GAP)
    label = f"Storage of {block.title}: {words(block)}"
    return picture(parts, height, label, "slots")


def words(block: Block) -> str:
    """``2 slots, 4 bytes lost``."""
    slots = f"{grouped(block.slots)} slot{'' if block.slots == 1 else 's'}"
    lost = f"{grouped(block.lost)} byte{'' if block.lost == 1 else 's'} lost"
    return f"{slots}, {lost if block.lost else 'no byte lost'}"


def _x(byte: int) -> float:
    """Where the low end of a byte lies, as a fraction."""
    return 1 - (1 - _LEFT) * byte / SLOT


def _ruler() -> Markup:
    marks = [
        element("text", str(byte), x=across(_x(byte)), y=12, class_="tick", text_anchor=anchor)
        for byte, anchor in ((32, "start"), (24, "middle"), (16, "middle"), (8, "middle"))
    ]
    marks.append(element("text", "byte 0", x="100%", y=12, class_="tick", text_anchor="end"))
    return Markup("").join(marks)


def _row(row: SlotRow, y: float) -> list[Markup]:
    number = str(row.first) if row.count == 1 else f"{row.first}–{row.first + row.count - 1}"
    parts = [
        element("text", number, x=0, y=y + ROW / 2 + 4, class_="tick"),
        element(
            "rect",
            *([tip(f"{row.lost} bytes lost")] if row.lost else []),
            x=across(_LEFT),
            y=y,
            width=across(1 - _LEFT),
            height=ROW,
            class_="lost",
        ),
    ]
    parts += [_field(place, row, y, index) for index, place in enumerate(row.places)]
    return parts


def _field(place: Place, row: SlotRow, y: float, index: int) -> Markup:
    size = f"{place.size * row.count} bytes" if row.count > 1 else f"{place.size} bytes"
    told = f"{place.name}: {place.type}, {'its seat' if place.seat else size}"
    inner = [
        tip(told),
        element(
            "rect",
            x="0.5",
            y="0.5",
            width="100%",
            height=ROW - 1,
            class_="seat" if place.seat else f"field f-{index % 4}",
        ),
    ]
    if place.size >= 3:
        inner.append(element("text", place.name, x=6, y=14, class_="field-name"))
        if place.size >= 6:
            more = f"{place.type} × {row.count} slots" if row.count > 1 else place.type
            inner.append(element("text", more, x=6, y=28, class_="field-type"))
    return element(
        "svg",
        *inner,
        x=across(_x(place.offset + place.size)),
        y=y,
        width=across((1 - _LEFT) * place.size / SLOT),
        height=ROW,
    )
