"""Resolve requirements/*.in into pins with hashes; no file records where packages came from.

One file of pins serves every supported Python: a package that only one of them needs has a marker.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMON = [
    "--quiet",
    "--universal",
    "--python-version=3.11",  # the oldest; newer ones take the same versions
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    f"--override={HERE / 'overrides.txt'}",
    "--custom-compile-command=make lock",
]
# The widest set first, so that the narrower ones pin the same versions.
SETS = (("dev", []), ("stack", ["-c", "dev.txt"]), ("serving", ["-c", "dev.txt"]))


def main() -> None:
    """Write one file of pins for each set."""
    uv = Path(sys.executable).parent / "uv"
    for name, constraints in SETS:
        files = [f"{name}.in", "-o", f"{name}.txt"]
        command = [str(uv), "pip", "compile", *COMMON, *files, *constraints]
        subprocess.run(command, cwd=HERE, check=True)


if __name__ == "__main__":
    main()
