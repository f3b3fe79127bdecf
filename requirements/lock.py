"""Resolve requirements/*.in into pins with hashes; no file records where packages came from."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMON = [
    "--quiet", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links",
    "--override", str(HERE / "overrides.txt"), "--custom-compile-command", "make lock",
]  # fmt: skip


def main() -> None:
    """The widest set first, so that the narrower ones pin the same versions."""
    uv = Path(sys.executable).parent / "uv"
    for name, constraints in (("dev", []), ("stack", ["-c", "dev.txt"]), ("serving", ["-c", "dev.txt"])):
        command = [str(uv), "pip", "compile", *COMMON, f"{name}.in", "-o", f"{name}.txt", *constraints]
        subprocess.run(command, cwd=HERE, check=True)


if __name__ == "__main__":
    main()
