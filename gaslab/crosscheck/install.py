"""Install the engines, as their lock files say, each into a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

from gaslab.crosscheck.engine import INSTALLED, PROGRAMS
from gaslab.errors import EngineMissing


def install(target: Path = INSTALLED) -> None:
    """Install EELS and ethereumjs; does nothing where they are as the lock files say.

    Raises
    ------
    EngineMissing
        What installs them is missing, or failed.
    """
    _python(target / "eels", PROGRAMS / "eels.lock")
    _node(target / "ethereumjs", (PROGRAMS / "package.json", PROGRAMS / "package-lock.json"))


def _python(folder: Path, lock: Path) -> None:
    if _current(folder, (lock,)):
        return
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    _run([*pip, "--disable-pip-version-check", "--require-hashes", "-r", lock], folder)
    _stamp(folder, (lock,))


def _node(folder: Path, files: tuple[Path, ...]) -> None:
    if _current(folder, files):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise EngineMissing("ethereumjs needs npm, which is not on the path")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder)
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    _stamp(folder, files)


def _run(command: list[str | Path], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False)
    if done.returncode:
        raise EngineMissing(f"{folder.name}: {command[0]} ended with {done.returncode}")


def _stamp(folder: Path, files: tuple[Path, ...]) -> None:
    (folder / "installed").write_bytes(b"".join(file.read_bytes() for file in files))


def _current(folder: Path, files: tuple[Path, ...]) -> bool:
    stamp = folder / "installed"
    return stamp.is_file() and stamp.read_bytes() == b"".join(file.read_bytes() for file in files)
