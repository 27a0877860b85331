"""The environment in which slither and halmos live."""

import subprocess
import sys
import venv
from pathlib import Path

from scripts.storage_layout import ROOT

TOOLS = ROOT / ".toolchain" / "analysis"
LOCK = ROOT / "scripts" / "analysis" / "requirements.lock"


def install() -> None:
    """Install the tools as the lock file says; does nothing where they are."""
    stamp = TOOLS / "installed"
    if stamp.is_file() and stamp.read_bytes() == LOCK.read_bytes():
        return
    venv.create(TOOLS, clear=True, with_pip=True)
    pip: list[str | Path] = [TOOLS / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "--require-hashes", "-r", LOCK],
        stdout=sys.stderr,
        check=True,
    )
    stamp.write_bytes(LOCK.read_bytes())
