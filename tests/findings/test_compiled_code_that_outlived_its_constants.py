"""Kernels freeze numbers of `matcher.errors`, `matcher.events` and `matcher.types` into machine
code. What was kept of it was dropped when a kernel's file changed, but not when one of these did,
nor when a file of another content came with the same size and time.
"""

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import matcher

ASK = """
from pathlib import Path
from matcher.kernel import clock
from matcher.kernel.compiled import stamp
print(stamp(Path(clock.__file__)))
"""


def told(folder: Path) -> str:
    """The mark of what is compiled of a kernel, by a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def test_code_that_is_kept_is_of_the_numbers_that_other_packages_have_now(tmp_path: Path) -> None:
    package = Path(matcher.__file__).parent
    copytree(package, tmp_path / "matcher", ignore=ignore_patterns("__pycache__"))
    events = tmp_path / "matcher" / "events.py"
    times = events.stat().st_atime_ns, events.stat().st_mtime_ns
    before = told(tmp_path)
    assert told(tmp_path) == before
    text = events.read_text()
    assert "EXPIRED = 5" in text
    events.write_text(text.replace("EXPIRED = 5", "EXPIRED = 9", 1))
    os.utime(events, ns=times)
    assert told(tmp_path) != before
