"""Packages of other teams, installed into a folder of their own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def install(files: Mapping[str, str], folder: Path) -> Path:
    """Install a package of these files, by path, and return the folder that it is in."""
    source = folder / "source"
    target = folder / "target"
    for path, text in files.items():
        file = source / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--offline", "--target", str(target)]
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([str(uv), "pip", "install", *options, str(source)], check=True)
    return target
