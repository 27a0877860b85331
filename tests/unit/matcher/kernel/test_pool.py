"""Records that stay where they are, and on huge pages, however many come."""

import mmap
import resource
from pathlib import Path

import pytest

from matcher.kernel.memory import COMPILED
from matcher.kernel.pool import HUGE_PAGE, RESERVED, Pool
from matcher.kernel.settlement_layout import CELL, QUAD


def test_grow_keeps_what_was_written_and_gives_zeros_behind_it() -> None:
    pool = Pool(QUAD, 3)
    written = 0
    while len(pool) < HUGE_PAGE // 8:
        room = len(pool)
        pool.array["first"][written:room] = range(written, room)
        pool.array["last"][written:room] = 7
        written = room
        pool.grow(room + 1)
        assert len(pool) >= room + room // 2
        assert len(pool.array) == len(pool)
        assert (pool.array["first"][:written] == range(written)).all()
        assert (pool.array["last"][:written] == 7).all()
        assert not pool.array["last"][written:].any()


@pytest.mark.skipif(not COMPILED, reason="debug mode only counts addresses")
def test_grow_moves_a_long_pool_no_more_before_its_addresses_end() -> None:
    pool = Pool(CELL, HUGE_PAGE // 8)
    pool.grow(HUGE_PAGE // 8 + 1)
    address = pool.address
    while 8 * len(pool) < RESERVED // 2:
        pool.grow(len(pool) + 1)
        assert pool.address == address


@pytest.mark.skipif(
    "[never]" in Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text()
    if Path("/sys/kernel/mm/transparent_hugepage/enabled").exists()
    else True,
    reason="the system gives no huge pages",
)
def test_grow_leaves_most_records_on_huge_pages() -> None:
    """A pool that moves whenever it grows has them on small ones."""
    pool = Pool(CELL, 1 << 10)
    while 8 * len(pool) < 16 * HUGE_PAGE:
        pool.array["value"][:] = 1
        pool.grow(len(pool) + 1)
    assert huge_bytes(pool.address) >= 5 * HUGE_PAGE


def huge_bytes(address: int) -> int:
    """Of the mapping at an address, as the system counts them."""
    within = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first = line.split()[0]
        if "-" in first:
            start, end = (int(part, 16) for part in first.split("-"))
            within = start <= address < end
        elif within and first == "AnonHugePages:":
            return 1024 * int(line.split()[1])
    raise AssertionError("no such mapping")


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="asks Linux")
def test_touch_leaves_no_faults_to_who_writes_first() -> None:
    pool = Pool(CELL, 1 << 22)
    pool.touch(1 << 22)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    pool.array["value"][:] = 1
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before < 3
    pool.touch(1 << 30)  # no more than there is
    assert pool.array["value"][:].all()
