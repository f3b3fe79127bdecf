"""`python import_effects.py PACKAGE…`: what importing every module of packages does to a process.

Prints one line of JSON: the environment variables that Sixgate's own code set, and the names of
process-wide settings that differ after the import. Libraries are imported first, because what they
do is not Sixgate's.
"""

import ast
import gc
import importlib
import json
import locale
import os
import pkgutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).parent.parent.parent
OUR_OWN = {"pipelines", "serving", "stack"}
sys.path.insert(0, str(ROOT))


def effects(packages: list[str]) -> dict[str, list[str]]:
    """Import all modules of the packages, and return what that changed."""
    modules = [name for package in packages for name in modules_of(package)]
    for module in modules:
        for library in libraries_of(module):
            importlib.import_module(library)
    variables: list[str] = []
    sys.addaudithook(lambda event, arguments: note(event, arguments, variables))
    before = settings()
    for module in modules:
        importlib.import_module(module)
    after = settings()
    changed = [name for name, value in after.items() if value != before[name]]
    return {"variables": variables, "settings": changed}


def modules_of(package: str) -> list[str]:
    """Return the names of all modules below a package, without importing them."""
    folder = ROOT / package.replace(".", "/")
    names = [found.name for found in pkgutil.walk_packages([str(folder)], f"{package}.")]
    return [package, *names]


def libraries_of(module: str) -> Iterator[str]:
    """Return the modules of others that a module imports when it is imported itself."""
    file = ROOT / module.replace(".", "/")
    source = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    for node in ast.parse(source.read_text()).body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name for name in names if name.split(".")[0] not in OUR_OWN)


def note(event: str, arguments: tuple[Any, ...], variables: list[str]) -> None:
    """Remember an environment variable that a file of Sixgate sets or removes."""
    if event in ("os.putenv", "os.unsetenv") and is_our_own(sys._getframe(2)):
        variables.append(os.fsdecode(arguments[0]))


def is_our_own(frame: FrameType | None) -> bool:
    """Return whether the innermost frame outside of Python's own `os` is a file of Sixgate."""
    while frame and frame.f_code.co_filename.startswith("<frozen"):
        frame = frame.f_back
    file = Path(frame.f_code.co_filename) if frame else Path()
    return any(file.is_relative_to(ROOT / package) for package in OUR_OWN)


def settings() -> dict[str, Any]:
    """Return the settings of this process that every part of it shares."""
    numexpr = sys.modules.get("numexpr")
    numpy = sys.modules.get("numpy")
    umask = os.umask(0)
    os.umask(umask)
    return {
        "environment": dict(os.environ),
        "signal handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "locale": locale.setlocale(locale.LC_ALL),
        "working directory": Path.cwd(),
        "umask": umask,
        "switch interval": sys.getswitchinterval(),
        "recursion limit": sys.getrecursionlimit(),
        "garbage collection": gc.get_threshold(),
        "exception hook": sys.excepthook,
        "threads": threading.active_count(),
        "threads of numexpr": numexpr.get_num_threads() if numexpr else None,
        "floating point errors": numpy.geterr() if numpy else None,
    }


if __name__ == "__main__":
    print(json.dumps(effects(sys.argv[1:])))
