"""`make bench-data`: what values mean, at every door; prints the figures as JSON.

Each part is a module with `figures()`, which returns figures by name. The import of files is
compared with DuckDB. Contracts change under load.
"""

import argparse
import sys
from collections.abc import Callable, Mapping

import msgspec

from benchmarks.data import evolution, golden, ingestion
from pipelines.settings import Settings

ROWS = 20_000_000
Part = Callable[[argparse.Namespace], dict[str, float]]
PARTS: Mapping[str, Part] = {
    "golden": lambda _: golden.figures(),
    "ingestion": lambda arguments: ingestion.figures(arguments.rows),
    "evolution": lambda _: evolution.figures(),
}


def main() -> None:
    """Run the parts, print and write their figures; exit code 1 if a case or a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="run one part")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the CSV file to import")
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else list(PARTS)
    figures: dict[str, float] = {}
    for name in names:
        figures |= PARTS[name](arguments)
    text = msgspec.json.format(msgspec.json.encode(figures))
    print(text.decode())
    out = Settings.load().home / "bench" / "data.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(text)
    failures = (figures.get("golden_failures"), figures.get("evolution_failures"))
    sys.exit(1 if any(failures) else 0)


if __name__ == "__main__":
    main()
