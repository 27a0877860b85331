"""Checkpoints: what is kept of final batches, and that nothing of it is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from matcher.challenger.checkpoint import FILE, Checkpoint, Checkpoints
from matcher.challenger.faults import CheckpointUnusable
from matcher.reference.tree import keccak
from tests.support.challenge import Arena, events, work, work_through

WRONG = {0: keccak(b"a root")}


def final_life(arena: Arena, batches: int = 3) -> None:
    """Some batches, all of them final."""
    for _ in range(batches):
        fill, used = arena.trade(1)
        arena.commit([fill], used=used)
    arena.exchange.finalize()
    arena.chain.mine()


def checkpoints(directory: Path) -> Checkpoints:
    return Checkpoints(directory, pause=0.0)


def test_checkpoint_spares_the_history_and_leads_to_the_same_state(
    arena: Arena, tmp_path: Path
) -> None:
    final_life(arena)
    first = arena.challenger(checkpoints=checkpoints(tmp_path))
    work(first)
    assert (tmp_path / FILE).exists()
    fill, used = arena.trade()
    arena.commit([fill], used=used)
    fill, _ = arena.trade()
    arena.lie([fill], roots=WRONG)
    again = arena.challenger(checkpoints=checkpoints(tmp_path))
    work(again)
    assert again.watch.counts.batches == 2  # those after the checkpoint
    assert again.tally.convicted == 1
    assert again.watch.judge.state.root() == arena.exchange.batches[-2].state.root()
    assert again.watch.counts.rebuilt == 0


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: data[:-20], "truncated"),
        (lambda _: b"", "truncated"),
        (lambda _: b"\xff" * 100, "trailing"),
        (lambda data: data.replace(b"registry", b"registrx"), "unknown field"),
    ],
)
def test_unreadable_checkpoint_is_named_and_the_history_read_again(
    arena: Arena, tmp_path: Path, spoil: Any, why: str
) -> None:
    final_life(arena, 1)
    work(arena.challenger(checkpoints=checkpoints(tmp_path)))
    path = tmp_path / FILE
    path.write_bytes(spoil(path.read_bytes()))
    with capture_logs() as logs:
        again = arena.challenger(checkpoints=checkpoints(tmp_path))
        work(again)
    assert "checkpoint not used" in events(logs), why
    assert again.watch.judge.state.root() == arena.exchange.head.state.root()
    assert again.watch.counts.batches == 2
    assert path.exists()  # a new one


def test_checkpoint_of_other_accounts_is_refused_by_the_root(arena: Arena, tmp_path: Path) -> None:
    final_life(arena, 1)
    work(arena.challenger(checkpoints=checkpoints(tmp_path)))
    path = tmp_path / FILE
    kept = msgspec.msgpack.decode(path.read_bytes(), type=Checkpoint)
    richer = msgspec.structs.replace(kept.accounts[1], cash=kept.accounts[1].cash + 1)
    changed = msgspec.structs.replace(kept, accounts=[kept.accounts[0], richer, kept.accounts[2]])
    path.write_bytes(msgspec.msgpack.encode(changed))
    with capture_logs() as logs:
        again = arena.challenger(checkpoints=checkpoints(tmp_path))
        work_through(again)
    (said,) = [line for line in logs if line["event"] == "checkpoint not used"]
    assert "states root" in said["reason"]
    assert again.watch.judge.state.root() == arena.exchange.head.state.root()
    assert again.tally.lies == 0


def test_checkpoint_of_another_exchange_is_refused(arena: Arena, tmp_path: Path) -> None:
    final_life(arena, 1)
    work(arena.challenger(checkpoints=checkpoints(tmp_path)))
    found = checkpoints(tmp_path).load(
        (1337, bytes.fromhex(arena.exchange.registry.address[2:]), arena.genesis_hash)
    )
    assert found is not None
    assert found.batch == 2
    other = (1337, bytes(20), arena.genesis_hash)
    with pytest.raises(CheckpointUnusable, match="of exchange"):
        checkpoints(tmp_path).load(other)
