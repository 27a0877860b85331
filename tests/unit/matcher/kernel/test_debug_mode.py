"""Kernels as plain Python, in a process of their own: each address is checked."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]

MISSING_ORDER = """
from tests.support.arena import BUY, desk, order

matching = desk()
matching.submit(order(2, 0, BUY, 100, 5))
levels = matching.pools.arrays["levels"]
levels["tail"][levels["tail"] > 0] = 1 << 20
read = lambda: matching.submit(order(2, 1, BUY, 100, 5))
"""
GONE = """
import numpy as np
from matcher.kernel import layout, margin_layout as m
from matcher.kernel.memory import AREAS, getter, setter

records = np.zeros(2, {record})
at = records.ctypes.data
AREAS.declare("{kind}", at, 2, records.itemsize)
get, put, price, set_price = {get}, {put}, m.quad_price, m.set_quad_price
{access}
{change}
read = lambda: {access}
"""
FIELD = {
    "record": "layout.ORDER",
    "kind": "order",
    "get": "getter(layout.ORDER, 'remaining')",
    "put": "setter(layout.ORDER, 'remaining')",
}
ROW = {"record": "m.QUAD", "kind": "quad", "get": "None", "put": "None"}
FORGOTTEN = "AREAS.forget(at, at + records.nbytes)"
SHADOWED = "AREAS.declare('{kind}', at + 1, 1, 2 * records.itemsize)"
ACCESSES = [
    (FIELD, "get(at + records.itemsize)"),
    (FIELD, "put(at + records.itemsize, 1)"),
    (ROW, "price(at + records.itemsize, 3)"),
    (ROW, "set_price(at + records.itemsize, 3, 1)"),
]


def refusal(setting: str) -> str:
    """What an access is refused with, `read` of a program that ran well until then."""
    program = (
        f"{setting}\nfrom matcher.kernel.memory import BadAddress\n"
        "try:\n    read()\nexcept BadAddress as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"NUMBA_DISABLE_JIT": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_link_to_an_order_that_does_not_exist_is_caught_when_it_is_followed() -> None:
    assert refusal(MISSING_ORDER).startswith("no order begins at address")


@pytest.mark.parametrize(("setting", "access"), ACCESSES)
@pytest.mark.parametrize("change", [FORGOTTEN, SHADOWED])
def test_a_record_that_was_read_is_not_read_when_it_is_gone(
    setting: dict[str, str], access: str, change: str
) -> None:
    program = GONE.format(**setting, access=access, change=change.format(**setting))
    assert refusal(program).startswith(f"no {setting['kind']} begins at address")
