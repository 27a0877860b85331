"""Compile the contracts with ape, all of them, if anything has changed since.

    python -m scripts.compile

`ape compile` by itself looks at each file alone: a contract whose own file is unchanged stays as it
was, even if a library it imports has changed. So everything is compiled anew when anything has.
"""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
MANIFEST = BUILD / "__local__.json"
STAMP = BUILD / "stamp"  # of the sources that the manifest was made from, and of the manifest


def sources() -> list[Path]:
    """Every file that the build depends on, the compiler's settings first; not the gas lab's."""
    contracts = (ROOT / "contracts").rglob("*.sol")
    return [
        ROOT / "ape-config.yaml",
        ROOT / "package-lock.json",
        *sorted(path for path in contracts if not {".cache", "lab"} & set(path.parts)),
    ]


def fingerprint() -> str:
    """Hash of all sources and of what was made from them; empty if nothing was made."""
    if not MANIFEST.exists():
        return ""
    digest = hashlib.sha256()
    for path in [*sources(), MANIFEST]:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def compile_contracts() -> bool:
    """Compile if needed, one process at a time; whether it was.

    Raises
    ------
    RuntimeError
        With what ape says, if it fails.
    """
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if STAMP.exists() and STAMP.read_text() == fingerprint():
            return False
        ape = Path(sys.executable).parent / "ape"
        done = subprocess.run(
            [ape, "compile", "--force", "--verbosity", "WARNING"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"ape compile failed:\n{done.stdout}\n{done.stderr}")
        STAMP.write_text(fingerprint())
        return True


def main() -> None:
    """Compile if needed."""
    try:
        compile_contracts()
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
