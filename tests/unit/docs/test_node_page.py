"""docs/reference/node.md says of every switch of the node what it is by default."""

import re
from pathlib import Path

import click

from matcher.node import cli

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "node.md"


def rows() -> dict[str, list[str]]:
    """Switches of the table, each with its defaults: one, or one each."""
    found: dict[str, list[str]] = {}
    for names, defaults in re.findall(
        r"^\| (`--[^|]*) \|([^|]*)\|", PAGE.read_text(), re.MULTILINE
    ):
        switches = re.findall(r"--[a-z-]+", names)
        said = [text.strip(" `") for text in defaults.split(", ")]
        for number, switch in enumerate(switches):
            found[switch] = said if len(switches) == 1 else [said[min(number, len(said) - 1)]]
    return found


def options() -> dict[str, click.Option]:
    return {option.opts[0]: option for option in cli.params if isinstance(option, click.Option)}


def test_page_names_every_switch_and_no_other() -> None:
    assert sorted(rows()) == sorted(options())


def test_page_says_the_defaults() -> None:
    for switch, said in rows().items():
        option = options()[switch]
        default = option.default
        if option.multiple:
            assert default is not None
            (default,) = default
        if option.is_flag or default is None:
            continue
        assert said == [
            f"{default:,}" if isinstance(default, int) and default != 8000 else f"{default}"
        ]
