"""Compiled contracts, never older than their sources.

``ape compile`` looks at each file alone: a contract whose own file is unchanged stays as it was,
even if a library it imports has changed. So everything is compiled anew when anything has changed.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from matcher.chain.artifacts import MANIFEST, ROOT

STAMP = MANIFEST.parent / "sources.sha256"
LOCK = MANIFEST.parent / "lock"


def digest_of_sources() -> str:
    """Hash of all sources and of the compiler's settings."""
    digest = hashlib.sha256()
    for path in [ROOT / "ape-config.yaml", *sorted((ROOT / "contracts").rglob("*.sol"))]:
        if ".cache" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def compile_contracts() -> None:
    """Compile with ape unless the artifacts are of exactly these sources. One process at a time."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        digest = digest_of_sources()
        if MANIFEST.exists() and STAMP.exists() and STAMP.read_text() == digest:
            return
        ape = Path(sys.executable).parent / "ape"
        done = subprocess.run(
            [ape, "compile", "--force"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"ape compile failed:\n{done.stdout}\n{done.stderr}")
        STAMP.write_text(digest)
