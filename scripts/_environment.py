"""Point the tools that run from `.venv` at this checkout.

`scripts/setup.sh` copies this file into the virtual environment, where it is imported at the start
of each interpreter. So `.venv/bin/ape`, `.venv/bin/pytest` and the rest find the pinned compiler
and Foundry tools whether or not the environment is activated.
"""

import os
import sys
from pathlib import Path

_root = Path(sys.prefix).parent
_bin = str(Path(sys.prefix) / "bin")

# py-solc-x looks for compilers here, not in ~/.solcx, which other checkouts may change.
os.environ["SOLCX_BINARY_PATH"] = str(_root / ".toolchain" / "solcx")

# ape unpacks dependencies here. Set it to ~/.ape to share ape's data with other projects.
os.environ.setdefault("APE_DATA_FOLDER", str(_root / ".toolchain" / "ape"))

# anvil, forge and cast are linked next to the interpreter.
if _bin not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join(filter(None, [_bin, os.environ.get("PATH")]))
