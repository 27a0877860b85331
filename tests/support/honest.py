"""Honest batches of a few ops on the stage, with everything that must be signed for them."""

from __future__ import annotations

from matcher.reference.words import Fill, Op
from tests.support.liar import Liar
from tests.support.stage import (
    CALL,
    HOLDER,
    Stage,
    order_id,
)


def traded(
    liar: Liar,
    taker: int,
    maker: int,
    instrument: int = CALL,
    *,
    tick: int = 500,
    lots: int = 1,
    numbers: tuple[int, int] = (30, 31),
    generations: tuple[int, int] = (1, 1),
    sells: bool = False,
    flags: tuple[int, int] = (0, 0),
    expiry: int | None = None,
) -> Fill:
    """A fill, and both orders signed by their owners, filled in whole."""
    sides = ((taker, not sells), (maker, sells))
    for (index, buys), number, generation, flag in zip(
        sides, numbers, generations, flags, strict=True
    ):
        signed = liar.stage.order(
            index,
            instrument,
            buys=buys,
            tick=tick,
            lots=lots,
            number=number,
            generation=generation,
            flags=flag,
            expiry=expiry,
            signer=liar.stage.key if index == HOLDER else None,
        )
        liar.plan.messages.append(signed)
    ids = (order_id(n, g) for n, g in zip(numbers, generations, strict=True))
    return Fill(int(sells), taker, maker, instrument, tick, lots, *ids)


def only(stage: Stage, *chunks: list[Op]) -> Liar:
    """An operator whose batch is just this."""
    liar = Liar.on(stage)
    liar.plan.chunks = [list(ops) for ops in chunks]
    return liar
