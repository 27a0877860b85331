"""Fields of a TOML file: read by kind, and refused by name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gaslab.errors import InputError

_MISSING = object()


class Fields:
    """A table of a TOML file.

    Each method takes a field out; `done` refuses what is left. So a misspelled field is never
    silently ignored.

    Parameters
    ----------
    values : dict
    file : str
        Name of the file, for messages.
    path : str
        Where the table stands in the file; empty for the file itself.
    """

    def __init__(self, values: dict[str, Any], file: str, path: str = ""):
        self._values = dict(values)
        self._known: list[str] = []
        self.file = file
        self.path = path

    def name(self, field: str) -> str:
        """A field's full name: ``vaults.toml: variants.packed.contract``."""
        return f"{self.file}: {self.path}{'.' if self.path and field else ''}{field}"

    def take(self, field: str, default: Any = _MISSING) -> Any:
        """A field of any kind."""
        self._known.append(field)
        found = self._values.pop(field, default)
        if found is _MISSING:
            raise InputError(self.name(field), "nothing", "a value: the field is needed")
        return found

    def _typed(self, field: str, kind: type, words: str, default: Any) -> Any:
        found = self.take(field, default)
        if found is not default and type(found) is not kind:
            raise InputError(self.name(field), found, words)
        return found

    def text(self, field: str, default: Any = _MISSING) -> str:
        return str(self._typed(field, str, "a text", default))

    def flag(self, field: str, default: bool) -> bool:
        return bool(self._typed(field, bool, "true or false", default))

    def number(self, field: str, default: int) -> int:
        found = int(self._typed(field, int, "a whole number", default))
        if found < 0:
            raise InputError(self.name(field), found, "0 or more")
        return found

    def items(self, field: str, default: Any = _MISSING) -> list[Any]:
        return list(self._typed(field, list, "a list", default))

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty if the field is not there."""
        found = self.items(field, [])
        for index, one in enumerate(found):
            if not isinstance(one, str):
                raise InputError(f"{self.name(field)}[{index}]", one, "a text")
        return tuple(found)

    def numbers(self, field: str) -> tuple[int, ...]:
        """A list of whole numbers above zero, ascending."""
        found = self.items(field)
        for index, one in enumerate(found):
            if type(one) is not int or one < 1:
                raise InputError(f"{self.name(field)}[{index}]", one, "a whole number above 0")
        if not found or found != sorted(set(found)):
            raise InputError(self.name(field), found, "ascending numbers, at least one")
        return tuple(found)

    def one_of(self, field: str, allowed: Sequence[str], default: str) -> str:
        found = self.text(field, default)
        if found not in allowed:
            raise InputError(self.name(field), found, f"one of {', '.join(allowed)}")
        return found

    def file_path(self, field: str, folder: Path, default: Any = _MISSING) -> Path | None:
        """A file that exists, relative to `folder`."""
        text = self._typed(field, str, "a path", default)
        return None if text is None else existing(self.name(field), text, folder)

    def files(self, field: str, folder: Path) -> tuple[Path, ...]:
        names = self.texts(field)
        return tuple(
            existing(f"{self.name(field)}[{k}]", one, folder) for k, one in enumerate(names)
        )

    def table(self, field: str, *, needed: bool = False) -> Fields:
        """A table; an empty one if it is not there."""
        found = self._typed(field, dict, "a table", _MISSING if needed else {})
        return Fields(found, self.file, self._below(field))

    def tables(self, field: str, *, needed: bool = False) -> Iterator[Fields]:
        """A list of tables (``[[field]]``)."""
        found = self._typed(field, list, f"tables: [[{field}]]", _MISSING if needed else [])
        for index, one in enumerate(found):
            if not isinstance(one, dict):
                raise InputError(f"{self.name(field)}[{index}]", one, f"a table: [[{field}]]")
            yield Fields(one, self.file, f"{self._below(field)}[{index}]")

    def named_tables(self, field: str) -> Iterator[tuple[str, Fields]]:
        """Tables by name (``[field.name]``), in the file's order."""
        tables = self.table(field, needed=True)
        for name in tables.left:
            yield name, tables.table(name)

    def _below(self, field: str) -> str:
        return f"{self.path}.{field}" if self.path else field

    def has(self, field: str) -> bool:
        return field in self._values

    @property
    def left(self) -> list[str]:
        """Fields that nothing has asked for yet."""
        return list(self._values)

    def part(self, names: Sequence[str]) -> Fields:
        """Some of the fields as a table of their own, taken out of this one."""
        self._known += names
        values = {name: self._values.pop(name) for name in names if name in self._values}
        return Fields(values, self.file, self.path)

    def done(self) -> None:
        """Refuse fields that nothing asked for.

        Raises
        ------
        InputError
        """
        for field in self._values:
            raise InputError(self.name(field), field, f"one of {', '.join(self._known)}")


def read_fields(path: Path) -> Fields:
    """A TOML file's fields.

    Raises
    ------
    InputError
        It is not there, or no TOML.
    """
    try:
        return Fields(tomllib.loads(path.read_text()), path.name)
    except OSError:
        raise InputError("file", str(path), "a TOML file that exists") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(path.name, str(error), "TOML") from None


def existing(where: str, text: str, folder: Path) -> Path:
    """A file that exists, relative to `folder`."""
    path = (folder / text).resolve()
    if not path.is_file():
        raise InputError(where, text, f"a file that exists, relative to {folder}")
    return path
