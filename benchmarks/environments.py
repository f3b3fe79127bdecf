"""Virtual environments for peers, whose packages Sixgate does not need."""

import hashlib
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from pipelines.settings import Settings

CONSOLE = Console(stderr=True)


def environment(name: str, *packages: str) -> Path:
    """Return the programs of a virtual environment with the packages.

    The environment is kept for the next run.
    """
    key = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    folder = Settings.load().home / "bench" / "peers" / f"{name}-{key}"
    complete = folder / "whole"
    if not complete.exists():
        CONSOLE.print(f"[dim]installing {', '.join(packages)} …[/]")
        uv = str(Path(sys.executable).parent / "uv")
        create = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
        install = [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python"]
        subprocess.run(create, check=True)
        subprocess.run([*install, *packages], check=True)
        complete.touch()
    return folder / "bin"
