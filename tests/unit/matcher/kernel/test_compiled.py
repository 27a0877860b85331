import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from matcher.kernel import compiled

SOURCE = """
from matcher.kernel.compiled import compiled

@compiled("int64(int64)")
def doubled(number):
    return 2 * number
"""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("doubling", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_compiled_is_kept_until_what_it_imports_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "doubling.py"
    path.write_text(SOURCE)
    hits = []
    for stamp in ("first", "first", "second"):
        monkeypatch.setattr(compiled, "stamp", lambda _, stamp=stamp: stamp)
        module = load(path)
        assert module.doubled(21) == 42
        hits.append(sum(module.doubled.stats.cache_hits.values()))
    assert hits == [0, 1, 0]


def test_stamp_names_what_a_file_imports_and_no_other_file() -> None:
    folder = Path(compiled.__file__).parent

    def names(module: str) -> set[str]:
        return {name for name, _ in compiled.stamp(folder / module)}

    assert {"keccak.py", "keccak_plain.py", "compiled.py"} <= names("keccak.py")
    assert {"errors.py", "events.py", "types.py"} <= names("clock.py")
    assert "loop.py" not in names("keccak.py")
    assert {"loop.py", "orders.py", "memory.py", "compiled.py"} < names("loop.py")
    assert "ring.py" not in names("loop.py")


def imported(source: Path) -> set[Path]:
    """Files of the matcher that a source file imports, as Python's own parser reads it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    root = Path(compiled.__file__).parents[2]
    files = {root.joinpath(*name.split(".")).with_suffix(".py") for name in names}
    return {file for file in files if file.exists()}


def stamped(source: Path) -> set[Path]:
    """Source files that the stamp of one counts, found by the parser."""
    found = {source}
    waiting = [source]
    while waiting:
        new = imported(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def test_stamp_counts_every_file_that_a_parser_finds() -> None:
    sources = [*Path(compiled.__file__).parent.glob("*.py")]
    assert len(sources) > 50
    for source in sources:
        names = [name for name, _ in compiled.stamp(source)]
        assert names == [file.name for file in sorted(stamped(source))]


def test_compiled_refuses_other_types() -> None:
    from matcher.kernel import tree

    with pytest.raises(TypeError, match="No matching definition"):
        tree.find(None, 0, 1, 0)  # type: ignore[arg-type]
