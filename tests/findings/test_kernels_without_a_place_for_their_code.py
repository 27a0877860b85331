"""Where neither the package's directory nor a home could be written, as for a service with a user
of its own, numba refused to compile what it could not keep, and nothing of the matcher started.
"""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import matcher

ASK = """
from matcher.kernel import atomics
from matcher.types import PRODUCTION_WINDOWS
from matcher.exchange import Exchange
from matcher import commands
print(Exchange(PRODUCTION_WINDOWS).apply(commands.OpenBatch()))
"""


def test_matcher_starts_where_compiled_code_cannot_be_kept(tmp_path: Path) -> None:
    package = Path(matcher.__file__).parent
    copytree(package, tmp_path / "matcher", ignore=ignore_patterns("__pycache__"))
    file = tmp_path / "matcher" / "kernel" / "__pycache__"  # so that no directory can be made there
    file.write_text("")
    environment = {
        name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"
    } | {"HOME": str(file), "XDG_CACHE_HOME": str(file), "PYTHONDONTWRITEBYTECODE": "1"}
    started = subprocess.run(
        [sys.executable, "-c", ASK],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert started.returncode == 0, started.stderr
    assert "BatchOpened" in started.stdout
    assert started.stderr.count("compiled code is not kept") == 1
    assert "NUMBA_CACHE_DIR" in started.stderr
