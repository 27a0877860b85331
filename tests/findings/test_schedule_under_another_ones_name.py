"""A schedule's file that extends osaka and says no name was called osaka, and its figures too.

Two schedules of one name overwrote each other's rows without a word.
"""

from pathlib import Path

import pytest

from gaslab.environment import Environment
from gaslab.errors import InputError
from gaslab.schedule import load_schedule, load_schedules


def _file(folder: Path, text: str, name: str = "own.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["", 'name = "osaka"\n', 'name = "cancun"\n'])
def test_own_schedule_with_a_name_of_the_labs_is_refused(tmp_path: Path, name: str) -> None:
    path = _file(tmp_path, f'extends = "osaka"\n{name}[transaction]\nbase = 22_000\n')
    with pytest.raises(InputError, match=r"own\.toml: name: found \w+, allowed a name of its own"):
        load_schedule(path)


@pytest.mark.parametrize("name", ["Ösaka / x", "<b>own</b>", "-own", "own_1"])
def test_name_that_no_snapshot_could_hold_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"own\.toml: name: found .*, allowed lower-case letters"):
        load_schedule(_file(tmp_path, f'extends = "osaka"\nname = "{name}"\n'))


def test_two_schedules_of_one_name_are_refused(tmp_path: Path) -> None:
    text = 'extends = "osaka"\nname = "own"\n'
    paths = [_file(tmp_path, text, name) for name in ("a.toml", "b.toml")]
    with pytest.raises(InputError, match=r"b\.toml, allowed each name once; two are own"):
        load_schedules(paths)
    with pytest.raises(InputError, match="found osaka, allowed each name once"):
        load_schedules(["osaka", "osaka"])


@pytest.mark.parametrize("field", ["transaction_gas_cap", "block_gas_limit"])
def test_limit_of_zero_is_refused(tmp_path: Path, field: str) -> None:
    with pytest.raises(InputError, match=rf"own\.toml: {field}: found 0, allowed .* from 1"):
        load_schedule(_file(tmp_path, f'extends = "osaka"\nname = "own"\n{field} = 0\n'))


def test_block_below_the_cap_of_a_transaction_limits_it(tmp_path: Path) -> None:
    path = _file(tmp_path, 'extends = "osaka"\nname = "own"\nblock_gas_limit = 1_000_000\n')
    environment = Environment(load_schedule(path))

    assert environment.gas_limit == 1_000_000
    assert environment.send(environment.accounts[1]).gas == 21_000
