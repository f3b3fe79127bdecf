"""What a drift check costs, and what others need for the same counts: a part of `make bench-drift`.

Rows of a simulated town are logged over a day, then 35,000 more, five minutes' worth; the check runs in a process of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from benchmarks.drift_calibration import START
from pipelines.rules.monitoring.binning import Profile
from pipelines.rules.monitoring.drift_check import BASELINE
from pipelines.rules.statistics import divergence
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import Settings
from pipelines.stores.baseline import read_manifest
from pipelines.stores.metrics import MetricStore
from pipelines.use_case import UseCase, read_use_case
from stack.demo.simulator import World, simulate

USE_CASE, POOL, FRESH, LOOKS = "fraud", 100_000, 35_000, 5
SHIPPED = 100_000  # rows in one transaction
STEPS = ("roll_up", "measure", "alert")
SLOW_TO_FILL = (
    "prediction_logs_by_id",
    "prediction_logs_by_transaction",
    "prediction_logs_by_event",
)
FILL = """
INSERT INTO prediction_logs (scored_at, prediction_id, use_case, transaction_id, entity_key, event_time, model_version,
                             contract_hash, features, score, predicted_label, threshold, replica)
SELECT at, gen_random_uuid(), %(use_case)s, 't-' || n, 'c-' || n %% 5000, at, 1, %(contract)s, features, score,
       (score >= 0.5)::int, 0.5, 'bench'
FROM (SELECT n, %(end)s - %(span)s * (1 - (n - %(first)s + 1)::float8 / %(rows)s) AS at
      FROM generate_series(%(begin)s::bigint, %(stop)s::bigint) AS n) AS drawn
     JOIN pool ON pool.id = hashint8(n) & 65535
"""


@dataclass(frozen=True)
class Check:
    """One check's work in seconds, by step, and the peak memory of its process in MB."""

    seconds: dict[str, float]
    memory_mb: float

    @property
    def work(self) -> float:
        """All steps together."""
        return sum(self.seconds.values())


class Log:
    """A prediction log that is filled as servers would fill it."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.rows, self.labelled = settings, 0, 0
        self.use_case = read_use_case(settings.reference, USE_CASE)
        self.now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute("SELECT ensure_partitions(CURRENT_DATE - 3, 5)")
            connection.execute(
                "CREATE TABLE pool (id integer PRIMARY KEY, features double precision[], score double precision)"
            )
            features, random = population(self.use_case), np.random.default_rng(3)
            with connection.cursor().copy("COPY pool FROM STDIN") as copy:
                for at, row in enumerate(
                    features[random.integers(0, len(features), 2**16)].tolist()
                ):
                    copy.write_row((at, row, float(random.beta(0.5, 8))))

    def fill(self, rows: int) -> None:
        """Log so many more, over the day that ends with the last whole hour."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            there = dict(
                connection.execute(
                    "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)",
                    [list(SLOW_TO_FILL)],
                )
            )
            for name in there:
                connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
            self._insert(connection, rows, self.now, timedelta(hours=23))
            for definition in there.values():
                connection.execute(definition.replace(" ON ONLY ", " ON "))
            connection.execute("VACUUM ANALYZE prediction_logs")

    def ship(self, rows: int) -> None:
        """Log what comes in five minutes."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            self._insert(connection, rows, datetime.now(UTC), timedelta(minutes=5))

    def label(self, rows: int) -> None:
        """Say the truth about so many of the first predictions, a twentieth of them positive."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO label_store (use_case, transaction_id, label, labelled_at, source)"
                " SELECT %s, 't-' || n, (n %% 20 = 0)::int, now(), 'bench' FROM generate_series(%s::bigint, %s::bigint) AS n",
                (USE_CASE, self.labelled, self.labelled + rows - 1),
            )
        self.labelled += rows

    def _insert(
        self, connection: psycopg.Connection[Any], rows: int, end: datetime, span: timedelta
    ) -> None:
        given = {
            "use_case": USE_CASE,
            "contract": self.use_case.contract.hash,
            "end": end,
            "span": span,
            "rows": rows,
        }
        for begin in range(self.rows, self.rows + rows, SHIPPED):
            stop = min(begin + SHIPPED, self.rows + rows) - 1
            connection.execute(FILL, given | {"first": self.rows, "begin": begin, "stop": stop})
        self.rows += rows

    def check(self, check_id: str) -> Check:
        """Roll up, measure and alert, in a new process."""
        command = [
            sys.executable,
            "-m",
            "benchmarks.drift_cost",
            self.settings.database_url,
            str(self.settings.home),
            check_id,
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"the check failed: {done.stderr[-2000:]}")
        return Check(**json.loads(done.stdout.splitlines()[-1]))

    def looks(self, name: str) -> Check:
        """The check of new rows in the middle of several: after rows came, and again."""
        found = []
        for number in range(LOOKS):
            self.ship(FRESH)
            found.append(self.check(f"{name}-{number}"))
        return sorted(found, key=lambda check: check.work)[LOOKS // 2]


def population(use_case: UseCase) -> NDArray[np.float64]:
    """Features (n, columns) of a town without drift."""
    transactions = simulate(World(seed=23, start=START, days=28))
    return Deriver(use_case.contract)(
        np.column_stack([transactions.features[name] for name in use_case.contract.raw])
    )


def by_sql(log: Log, profiles: dict[str, Profile]) -> float:
    """Seconds of counting in the database: `width_bucket` of every feature, grouped by hour, version and bin."""
    bins = [
        sql.SQL("coalesce(width_bucket(features[{}], {}::float8[]), -1) AS {}").format(
            sql.Literal(at), sql.Literal(profile.edges), sql.Identifier(f"b{at}")
        )
        for at, profile in enumerate(profiles.values(), start=1)
    ]
    names = [sql.Identifier(f"b{at}") for at in range(1, len(profiles) + 1)]
    sets = sql.SQL(", ").join(sql.SQL("(hour, model_version, {})").format(name) for name in names)
    text = sql.SQL(
        "SELECT hour, model_version, {}, count(*) FROM (SELECT date_trunc('hour', scored_at) AS hour, model_version, {}"
        " FROM prediction_logs WHERE use_case = {} OFFSET 0) AS counted GROUP BY GROUPING SETS ({})"
    ).format(sql.SQL(", ").join(names), sql.SQL(", ").join(bins), sql.Literal(USE_CASE), sets)
    with psycopg.connect(log.settings.database_url) as connection:
        connection.execute("SET work_mem = '256MB'")
        begun = time.monotonic()
        connection.execute(text).fetchall()
        return time.monotonic() - begun


def by_numpy(log: Log, profiles: dict[str, Profile]) -> tuple[float, dict[str, NDArray[np.int64]]]:
    """Seconds of counting what binary COPY gives, with numpy, all in memory; and the counts (bins,) of each feature.

    Rows of such a COPY are equally long, as nothing is missing, so that one view of the bytes takes them apart.
    """
    columns = len(profiles)
    element = np.dtype([("length", ">i4"), ("value", ">f8")])
    row = np.dtype([
        ("fields", ">i2"), ("at_length", ">i4"), ("at", ">i8"), ("version_length", ">i4"), ("version", ">i4"),
        ("features_length", ">i4"), ("header", "V20"), ("features", element, columns),
    ])  # fmt: skip
    text = "COPY (SELECT scored_at, model_version, features FROM prediction_logs) TO STDOUT (FORMAT binary)"
    begun = time.monotonic()
    with (
        psycopg.connect(log.settings.database_url) as connection,
        connection.cursor().copy(text) as copy,
    ):
        content = b"".join(bytes(piece) for piece in copy)
    rows = np.frombuffer(content, dtype=row, offset=19, count=(len(content) - 21) // row.itemsize)
    hours, groups = np.unique(rows["at"].astype(np.int64) // 3_600_000_000, return_inverse=True)
    counts = {}
    for at, (name, profile) in enumerate(profiles.items()):
        values, width = rows["features"]["value"][:, at].astype(np.float64), len(profile.edges) + 1
        placed = groups * width + np.searchsorted(profile.edges, values, side="right")
        counts[name] = np.bincount(placed, minlength=len(hours) * width).reshape(len(hours), width)
    return time.monotonic() - begun, {name: found.sum(axis=0) for name, found in counts.items()}


def by_evidently(log: Log, rows: int) -> float:
    """Seconds of Evidently's drift preset on so many rows in memory against the baseline, without import, reading and page."""
    import pandas as pd
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    features = population(log.use_case)
    random, columns = np.random.default_rng(5), list(log.use_case.contract.columns)
    rows_of = [features[random.integers(0, len(features), n)] for n in (30_000, rows)]
    reference, current = (
        Dataset.from_pandas(pd.DataFrame(drawn, columns=columns)) for drawn in rows_of
    )
    begun = time.monotonic()
    Report([DataDriftPreset()]).run(current, reference)
    return time.monotonic() - begun


def psi_error(
    log: Log, check_id: str, counts: dict[str, NDArray[np.int64]], profiles: dict[str, Profile]
) -> float:
    """The greatest difference between a check's PSI and that of all rows, counted directly."""
    with psycopg.connect(
        log.settings.database_url, row_factory=psycopg.rows.dict_row
    ) as connection:
        figures = MetricStore(connection).of_check(USE_CASE, check_id)
    found = {
        m.feature: m.value for m in figures if m.metric == "psi" and m.model_version == BASELINE
    }
    errors = []
    for name, value in found.items():
        before, now = np.array(profiles[name].counts), np.array([0, *counts[name]])
        used = before + now > 0
        errors.append(abs((value or 0.0) - divergence.psi(before[used], now[used])))
    return max(errors)


def measure(settings: Settings, say: Callable[[str], None]) -> dict[str, float]:
    """All of it: at a million rows beside the others, then at ten million."""
    log = Log(settings)
    profiles = read_manifest(log.use_case.folder, log.use_case.contract).profiles
    say("a million predictions are logged …")
    log.fill(1_000_000)
    say("the first roll-up, and the same counts by SQL and by numpy …")
    first = log.check("first-1m")
    in_sql, (in_numpy, counts) = by_sql(log, profiles), by_numpy(log, profiles)
    figures = {
        "rollup_1m_rows_per_s": 1e6 / first.seconds["roll_up"], "sql_rows_per_s": 1e6 / in_sql,
        "numpy_rows_per_s": 1e6 / in_numpy, "psi_error": psi_error(log, "first-1m", counts, profiles),
        "full_count_s": first.work,
    }  # fmt: skip
    say("checks of 35,000 new rows …")
    at_1m = log.looks("1m")
    say("Evidently's drift preset on a million rows …")
    evidently = by_evidently(log, 1_000_000)
    say("nine million more …")
    log.fill(9_000_000)
    more = log.check("first-10m")
    say("checks of 35,000 new rows …")
    at_10m = log.looks("10m")
    say("and of 35,000 labels beside, after a million …")
    log.label(1_000_000)
    many = log.check("many-labels")
    log.label(FRESH)
    log.ship(FRESH)
    labelled = log.check("labels")
    return figures | {
        "check_s_1m": at_1m.work, "check_s_10m": at_10m.work, "growth_10m_over_1m": at_10m.work / at_1m.work,
        **{f"check_{name}_s_10m": seconds for name, seconds in at_10m.seconds.items()},
        "check_with_labels_s_10m": labelled.work, "million_labels_s_10m": many.work,
        "check_rss_mb": max(at_1m.memory_mb, at_10m.memory_mb), "rollup_rss_mb": more.memory_mb,
        "rollup_rows_per_s": 9e6 / more.seconds["roll_up"],
        "evidently_s": evidently, "ratio_evidently": evidently / at_1m.work,
        "ratio_evidently_full_count": evidently / first.work,
    }  # fmt: skip


def main() -> None:
    """One check, as its three tasks do it; print what it took."""
    from pipelines.context import context
    from pipelines.steps import perform

    url, home, check_id = sys.argv[1:]
    settings, now, seconds = Settings(database_url=url, home=Path(home)), datetime.now(UTC), {}
    for step in STEPS:
        begun = time.monotonic()
        perform(step, context(settings, USE_CASE, check_id, now))
        seconds[step] = time.monotonic() - begun
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1.024 / 1000 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "memory_mb": peak}))


if __name__ == "__main__":
    main()
