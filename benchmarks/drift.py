"""`make bench-drift`: the cost of a drift check, and its false-alarm rate.

The cost at a million and at ten million rows is compared with that of other tools.
"""

import argparse
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import drift_calibration, drift_cost
from pipelines.settings import Settings
from stack import temporary_services

PARTS = ("cost", "calibration")
CONSOLE = Console(stderr=True)


def cost() -> dict[str, float]:
    """Measure the cost on a temporary database."""
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        options = ("-c", "max_wal_size=8GB", "-c", "shared_buffers=512MB")
        with temporary_services.database(Path(name), options=options) as (server, password):
            url = server.url(password, "postgres")
            temporary_services.migrate(url, Path(name))
            settings = Settings(home=Path(name) / "home", database_url=url)
            return drift_cost.measure(settings, lambda text: CONSOLE.print(f"[dim]{text}[/]"))


# Label, figure at a million rows, figure at ten million rows, format, limit.
ROWS = (
    ("drift check, seconds of work", "check_s_1m", "check_s_10m", ".2f", "2"),
    ("  with 35,000 new labels", "", "check_with_labels_s_10m", ".2f", ""),
    ("growth of a check", "", "growth_10m_over_1m", ".2f", "1.3"),
    ("peak memory, MB", "", "check_rss_mb", ".0f", "300"),
    ("first roll-up, rows/s", "rollup_1m_rows_per_s", "rollup_rows_per_s", ",.0f", "300,000"),
    ("  SQL width_bucket", "sql_rows_per_s", "", ",.0f", ""),
    ("  numpy on binary COPY", "numpy_rows_per_s", "", ",.0f", ""),
    ("Evidently's preset / check", "ratio_evidently", "", ".0f", "50"),
    ("Evidently's preset / full count", "ratio_evidently_full_count", "", ".0f", "15"),
    ("difference of PSI", "psi_error", "", ".1e", "1e-6"),
)


def table(figures: dict[str, float]) -> Table:
    """Return the cost as a table."""
    costs = Table(
        "",
        "1,000,000 rows",
        "10,000,000 rows",
        "limit",
        box=None,
        title="A day's window, 35,000 new rows",
    )
    for label, million, ten_million, form, limit in ROWS:
        cells = [format(figures[key], form) if key else "" for key in (million, ten_million)]
        costs.add_row(label, *cells, limit)
    return costs


def main() -> None:
    """Measure, print the tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="run only this part")
    parser.add_argument(
        "--checks",
        type=int,
        default=1000,
        help="drift checks of streams without drift, for each number of rows",
    )
    arguments = parser.parse_args()
    settings = Settings.load()
    figures = {}
    tables = []
    if arguments.only != "calibration":
        figures |= cost()
        tables.append(table(figures))
    if arguments.only != "cost":
        repetitions = -(-arguments.checks // drift_calibration.CHECKS)
        calibration = drift_calibration.calibrate(settings.reference, repetitions)
        figures |= calibration.figures()
        tables += calibration.tables()
    for part in tables:
        Console().print(part, "")
    Console().print_json(data={name: round(value, 5) for name, value in figures.items()})
    out = settings.home / "bench" / "drift.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
