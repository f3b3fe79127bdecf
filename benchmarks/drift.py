"""`make bench-drift`: what a check costs at a million and at ten million rows, beside others; and how well it is calibrated."""

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
    """On a database of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sixgate-bench-") as name:
        options = ("-c", "max_wal_size=8GB", "-c", "shared_buffers=512MB")
        with temporary_services.database(Path(name), options=options) as (server, password):
            url = server.url(password, "postgres")
            temporary_services.migrate(url, Path(name))
            settings = Settings(home=Path(name) / "home", database_url=url)
            return drift_cost.measure(settings, lambda words: CONSOLE.print(f"[dim]{words}[/]"))


def table(figures: dict[str, float]) -> Table:
    """The cost for people."""
    shown = Table(
        "",
        "1,000,000 rows",
        "10,000,000 rows",
        "limit",
        box=None,
        title="A day's window, 35,000 new rows",
    )
    shown.add_row(
        "check, seconds of work",
        f"{figures['check_s_1m']:.2f}",
        f"{figures['check_s_10m']:.2f}",
        "2",
    )
    shown.add_row(
        "  with 35,000 labels beside", "", f"{figures['check_with_labels_s_10m']:.2f}", ""
    )
    shown.add_row("its growth", "", f"{figures['growth_10m_over_1m']:.2f}", "1.3")
    shown.add_row("peak memory, MB", "", f"{figures['check_rss_mb']:.0f}", "300")
    shown.add_row(
        "first roll-up, rows/s",
        f"{figures['rollup_1m_rows_per_s']:,.0f}",
        f"{figures['rollup_rows_per_s']:,.0f}",
        "300,000",
    )
    shown.add_row("  SQL width_bucket", f"{figures['sql_rows_per_s']:,.0f}", "", "")
    shown.add_row("  numpy on binary COPY", f"{figures['numpy_rows_per_s']:,.0f}", "", "")
    shown.add_row("Evidently's preset / check", f"{figures['ratio_evidently']:.0f}", "", "50")
    shown.add_row(
        "Evidently's preset / full count", f"{figures['ratio_evidently_full_count']:.0f}", "", "15"
    )
    shown.add_row("difference of PSI", f"{figures['psi_error']:.1e}", "", "1e-6")
    return shown


def main() -> None:
    """Measure, print the tables, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    parser.add_argument(
        "--checks", type=int, default=1000, help="of streams without drift, for each number of rows"
    )
    arguments = parser.parse_args()
    settings, figures, tables = Settings.load(), {}, []
    if arguments.only != "calibration":
        figures |= cost()
        tables.append(table(figures))
    if arguments.only != "cost":
        found = drift_calibration.calibrate(
            settings.reference, -(-arguments.checks // drift_calibration.CHECKS)
        )
        figures |= found.figures()
        tables += found.tables()
    for shown in tables:
        Console().print(shown, "")
    Console().print_json(data={name: round(value, 5) for name, value in figures.items()})
    out = settings.home / "bench" / "drift.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


if __name__ == "__main__":
    main()
