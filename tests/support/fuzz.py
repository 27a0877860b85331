"""The kernel's exchange beside the model, for as long as one likes.

    python -m tests.support.fuzz --commands 10000000 --first 0

Streams come in slices, numbered from 0; a slice is one seed in one scene, so that a run can go on
where another ended (``--first``), and two can share the work (``--step``). Of each command the
events are compared, now and then the whole state; in each slice the exchange is dumped and
loaded at some moment, and its lines are told to another: the first of them one command at a time,
as a node does, the rest in passes of many, as a replay does. How wide the bands of books are
differs from slice to slice. A difference is shrunk and printed.
"""

import gc
import random
import time
from collections import Counter
from functools import partial
from pathlib import Path

import click
import msgspec
import numpy as np

from matcher import commands as c
from matcher.board import Board
from matcher.errors import ChainError
from matcher.exchange import Exchange
from matcher.kernel import layout
from matcher.kernel.memory import COMPILED
from matcher.kernel.pools import Limits
from matcher.lines import Encoder
from matcher.names import Names
from tests.support.scenes import SCENES
from tests.support.street import WINDOWS
from tests.support.twins import Twins, scene_stream, shrink

SLICE = 20_000  # commands
EVERY = 1000  # commands between comparisons of the state
CHECK = 2500  # commands between looks at every invariant
ALONE = 1000  # commands that are told again one at a time
BOOKS = 1 << 14  # instruments that a slice may list
OUT = Path("out") / "fuzz"


class LastLines(Encoder):
    """An encoder that knows what it made last."""

    last = b""

    def encode(self, command: c.Command, origin: int = 0) -> bytes:
        self.last = super().encode(command, origin)
        return self.last


def new_exchange(band_bits: int = 12) -> Exchange:
    exchange = Exchange(WINDOWS, Limits(books=BOOKS, band_bits=band_bits))
    exchange.encoder = LastLines(exchange.names)
    return exchange


def band_bits_of(scene: str, seed: int) -> int:
    """Log2 of the ticks of a book's band, in this slice."""
    return random.Random(f"{scene} {seed}").choice((6, 8, 10))


def reloaded(exchange: Exchange) -> Exchange:
    """Another exchange that was loaded with what this one dumps."""
    twin = new_exchange(exchange.kernel.limits.band_bits)
    twin.load(exchange.dump())
    return twin


def replayed(lines: list[bytes], names: Names, band_bits: int) -> Board:
    """What an exchange knows that was told these lines."""
    follower = new_exchange(band_bits)
    for line in lines[:ALONE]:
        follower.apply_lines(line)
    follower.kernel.run(np.frombuffer(b"".join(lines[ALONE:]), layout.COMMAND))
    return Board(follower.kernel, names)


def run_slice(scene: str, seed: int, n: int) -> Twins:
    """One slice; AssertionError or whatever the exchange raises where it differs."""
    street, stream = scene_stream(scene, seed, n)
    band_bits = band_bits_of(scene, seed)
    twins = Twins(new_exchange(band_bits), street.model)
    rng = random.Random(seed)
    reloads = {rng.randrange(n) for _ in range(2)}
    lines: list[bytes] = []
    for command, expected in stream:
        if twins.count in reloads:
            twins.subject = reloaded(twins.subject)
        twins.tell(command, expected)
        if not isinstance(expected, ChainError):
            lines.append(twins.subject.encoder.last)
        if twins.count % EVERY == 0:
            twins.compare()
        if twins.count % CHECK == 0:
            twins.check()
    twins.compare()
    twins.check()
    assert twins.subject.state_hash() == street.model.state_hash()
    follower = replayed(lines, twins.subject.names, band_bits)
    assert follower.state_text() == twins.subject.state_text(), "a replay of the lines differs"
    return twins


def explain(scene: str, seed: int, n: int) -> None:
    """Shrink what differs in a slice, print it, and leave it in a file."""
    _, stream = scene_stream(scene, seed, n)
    make = partial(new_exchange, band_bits_of(scene, seed))
    commands = shrink(make, [command for command, _ in stream])
    click.echo(f"shrunk to {len(commands)} commands:")
    for command in commands:
        click.echo(f"  {command}")
    path = OUT / f"{scene.replace(' ', '-')}-{seed}.msgpack"
    OUT.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.msgpack.encode(commands))
    click.echo(f"left in {path}")


def run(total: int, first: int, step: int, size: int, scenes: list[str]) -> Counter[str]:
    """Slices until `total` commands ran equal; how many of each kind."""
    kinds: Counter[str] = Counter()
    began = time.perf_counter()
    number = first
    while kinds.total() < total:
        scene, seed = scenes[number % len(scenes)], number
        n = min(size, total - kinds.total())
        try:
            kinds += run_slice(scene, seed, n).kinds
        except Exception as error:
            click.echo(f"slice {number} ({scene}, seed {seed}) differs: {error}")
            explain(scene, seed, n)
            raise
        rate = kinds.total() / (time.perf_counter() - began)
        click.echo(f"slice {number} ({scene}): {kinds.total():,} commands equal, {rate:,.0f}/s")
        number += step
    return kinds


@click.command()
@click.option("--commands", "total", default=100_000, show_default=True, type=click.IntRange(1))
@click.option("--first", default=0, show_default=True, help="Number of the first slice.")
@click.option("--step", default=1, show_default=True, help="From one slice to the next.")
@click.option("--slice", "size", default=SLICE, show_default=True, help="Commands of a slice.")
@click.option("--scene", "scenes", multiple=True, type=click.Choice(sorted(SCENES)))
def cli(total: int, first: int, step: int, size: int, scenes: tuple[str, ...]) -> None:
    """Run the kernel's exchange beside the model."""
    gc.set_threshold(100_000)  # what the model leaves behind is seldom cyclic
    click.echo("compiled" if COMPILED else "plain Python, every address checked")
    kinds = run(total, first, step, size, list(scenes) or list(SCENES))
    missing = {kind.__name__ for kind in known_kinds()} - kinds.keys()
    click.echo(f"{kinds.total():,} commands ran equal: {dict(kinds.most_common())}")
    click.echo(f"never told: {sorted(missing) or None}")


def known_kinds() -> tuple[type[c.Command], ...]:
    """All commands that the model knows."""
    left = (c.Redate, c.OperatorNamed, c.BatchLimited)  # the batcher's business
    return tuple(kind for kind in c.Command.__subclasses__() if kind not in left)


if __name__ == "__main__":
    cli()
