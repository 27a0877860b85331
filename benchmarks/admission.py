"""Orders checked against margin per second: the kernel beside the same with numpy arrays.

    python -m benchmarks.admission [--count 200000] [--rounds 5] [--seed 1]

Accounts place, cancel and fill orders at random in one series of options; every step changes what
the account may lose at each settlement price, and every order is admitted or refused by it. Steps
are drawn beforehand and told one after the other: by compiled code to the kernel, by Python to a
twin that keeps numpy arrays per account. Rounds are interleaved, each from the start; the
clock is the processor time of one thread, and what compiles is compiled before it starts. Both
admit the same orders and end with the same sums, or this stops.
"""

import argparse
import os
import platform
import statistics
import time
from importlib.metadata import version
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.result import Result
from benchmarks.words import show
from matcher.kernel import layout
from matcher.kernel.compiled import compiled
from matcher.kernel.groups import enter_strike, group_at, make_group
from matcher.kernel.margin import NOT_BORNE, admit_order, fill, remove_order
from matcher.kernel.margin_layout import GROUP, GROUP_BLOCK, GROUP_KEY

CAP: Final = 100_000  # atoms per lot
RATE: Final = 20  # atoms per lot
MONEY: Final = 20_000_000  # atoms of each account
OPEN: Final = 16  # orders of an account at a time, at most
PLACE, CANCEL, FILL = range(3)
PLAIN: Final = f"numpy {version('numpy')}, an array per account"

Steps = NDArray[np.int64]  # (count, 7): what, account, sells, price, lots, call, strike


def apply_steps(
    c: int, steps: Steps, backed: NDArray[np.int64], admitted: NDArray[np.int64]
) -> int:
    """Tell the kernel all steps; how many orders were admitted.

    Parameters
    ----------
    steps : ndarray
        Of a CANCEL or FILL, `steps[i, 6]` is the number of the PLACE it is about.
    backed : ndarray
        Written. By account: what backs it, atoms.
    admitted : ndarray
        Written. By step: 1 if it was an order that was admitted.
    """
    count = 0
    for number in range(len(steps)):
        what, account = steps[number, 0], steps[number, 1]
        place = number if what == PLACE else steps[number, 6]
        sells, price, lots = steps[place, 2], steps[place, 3], steps[place, 4]
        call, strike = steps[place, 5], steps[place, 6]
        group = group_at(c, account)
        if what == PLACE:
            change = admit_order(c, group, backed[account], sells, price, lots, call, strike)
            admitted[number] = change != NOT_BORNE
            if change != NOT_BORNE:
                backed[account] += change
                count += 1
        elif admitted[place]:
            if what == CANCEL:
                backed[account] += remove_order(c, group, sells, price, lots, call, strike)
            else:
                _, change = fill(c, group, sells, price, lots, call, strike, lots)
                backed[account] += change + (price * lots if sells else -price * lots)
    return count


class Kernel:
    """Groups of the kernel's, one for each account, all strikes in use."""

    def __init__(self, accounts: int, strikes: list[int]):
        self._context = np.zeros(1, layout.CONTEXT)
        self._arrays = {
            "groups": np.zeros(accounts + 1, GROUP),
            "group_keys": np.zeros(accounts + 1, GROUP_KEY),
            "group_blocks": np.zeros(accounts + 1, GROUP_BLOCK),
        }
        for name, array in self._arrays.items():
            self._context[0][name] = array.ctypes.data
        c = self._context.ctypes.data
        for account in range(1, accounts + 1):
            number = make_group(c, 0, account, 1, 10, CAP, RATE)
            for strike in strikes:
                enter_strike(c, number, strike)
        self.backed = np.full(accounts + 1, MONEY, np.int64)
        signature = "int64(int64, int64[:, ::1], int64[::1], int64[::1])"
        self._apply = compiled(signature)(apply_steps)
        self.address = c

    def run(self, steps: Steps) -> int:
        return int(self._apply(self.address, steps, self.backed, np.zeros(len(steps), np.int64)))


class Arrays:
    """The same with numpy: prices, and of each account what is held and what orders may lose."""

    def __init__(self, accounts: int, strikes: list[int]):
        prices = np.array(sorted({0, CAP, *strikes}), np.int64)
        self._paid = {
            (call, strike): np.maximum(prices - strike if call else strike - prices, 0)
            for call in (0, 1)
            for strike in strikes
        }
        self._held = [np.zeros(len(prices), np.int64) for _ in range(accounts + 1)]
        self._pending = [np.zeros(len(prices), np.int64) for _ in range(accounts + 1)]
        self._cash = [MONEY] * (accounts + 1)
        self.backed = [MONEY] * (accounts + 1)

    def run(self, steps: list[tuple[int, ...]]) -> int:
        admitted: dict[int, tuple[int, Any]] = {}
        count = 0
        for number, (what, account, sells, price, lots, call, last) in enumerate(steps):
            if what == PLACE:
                notional = price * lots
                fee = min(lots * RATE, notional // 8)
                signed, cash = (-lots, notional) if sells else (lots, -notional)
                value = signed * self._paid[call, last]
                loss = np.minimum(0, value + (cash - fee))
                pending = self._pending[account] + loss
                backed = self._cash[account] + int((self._held[account] + pending).min())
                if backed >= 0:
                    self._pending[account] = pending
                    self.backed[account] = backed
                    admitted[number] = cash, (loss, value)
                    count += 1
            elif last in admitted:
                cash, (loss, value) = admitted.pop(last)
                self._pending[account] = self._pending[account] - loss
                if what == FILL:
                    self._held[account] = self._held[account] + value
                    self._cash[account] += cash
                least = int((self._held[account] + self._pending[account]).min())
                self.backed[account] = self._cash[account] + least
        return count


def drawn(random: np.random.Generator, count: int, accounts: int, strikes: list[int]) -> Steps:
    """Steps at random: half of them place, a third cancel, a sixth fill."""
    steps = np.zeros((count, 7), np.int64)
    standing: list[list[int]] = [[] for _ in range(accounts + 1)]
    for number in range(count):
        account = int(random.integers(1, accounts + 1))
        own = standing[account]
        if not own or (len(own) < OPEN and random.random() < 0.5):
            call, strike = int(random.integers(2)), strikes[random.integers(len(strikes))]
            most = CAP - strike if call else strike
            price, lots = int(random.integers(1, most)), int(random.integers(1, 100))
            steps[number] = PLACE, account, random.integers(2), price, lots, call, strike
            own.append(number)
        else:
            place = own.pop(int(random.integers(len(own))))
            what = FILL if random.random() < 1 / 3 else CANCEL
            steps[number] = (what, account, 0, 0, 0, 0, place)
    return steps


def case(random: np.random.Generator, count: int, rounds: int, accounts: int, width: int) -> Result:
    """Accounts that all use `width` strikes."""
    strikes = [CAP * (place + 1) // (width + 1) for place in range(width)]
    steps = drawn(random, count, accounts, strikes)
    told = [tuple(row) for row in steps.tolist()]
    fast, slow = list[float](), list[float]()
    for _ in range(rounds):
        kernel, arrays = Kernel(accounts, strikes), Arrays(accounts, strikes)
        start = time.thread_time()
        admitted = kernel.run(steps)
        fast.append(count / (time.thread_time() - start))
        start = time.thread_time()
        same = arrays.run(told)
        slow.append(count / (time.thread_time() - start))
        if admitted != same or kernel.backed.tolist() != arrays.backed:
            raise SystemExit(f"differ: {admitted} and {same} orders admitted")
    ours, theirs = statistics.median(fast), statistics.median(slow)
    name = f"{accounts:,} accounts, {width} strike{'s' * (width > 1)} each"
    placed = int((steps[:, 0] == PLACE).sum())
    detail: dict[str, float | int | str] = {"steps": count, "placed": placed, "admitted": admitted}
    return Result("admission", name, ours, theirs, "steps/s", PLAIN, rounds, detail)


def measure(quick: bool, count: int = 200_000, rounds: int = 5, seed: int = 1) -> list[Result]:
    """All of it."""
    if quick:
        count, rounds = min(count, 20_000), min(rounds, 3)
    random = np.random.default_rng(seed)
    return [
        case(random, count, rounds, accounts, width)
        for accounts, width in ((16, 1), (16, 6), (16, 30), (10_000, 2))
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    names = ("numba", "llvmlite", "numpy")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()},", end=" ")
    print(", ".join(f"{name} {version(name)}" for name in names))
    print(f"run       seed {asked.seed}, medians of {asked.rounds} rounds, processor time")
    show(measure(False, asked.count, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
