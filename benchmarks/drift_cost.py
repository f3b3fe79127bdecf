"""The cost of a drift check, and of other ways to count; a part of `make bench-drift`.

Rows of a simulated town are logged over a day, then 35,000 more, which are those of five minutes.
The check runs in a separate process.
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
from pipelines.rules.monitoring.drift_statistics.psi import psi
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import Settings
from pipelines.stores.baseline import read_manifest
from pipelines.stores.metrics import MetricStore
from pipelines.use_case import UseCase, read_use_case
from stack.demo.simulator import World, simulate

USE_CASE = "fraud"
NEW_ROWS = 35_000
CHECKS = 5
BATCH = 100_000  # rows in one transaction
POOL_ROWS = 2**16
STEPS = ("roll_up", "measure", "alert")
SLOW_TO_FILL = (
    "prediction_logs_by_id",
    "prediction_logs_by_transaction",
    "prediction_logs_by_event",
)
FILL = """
INSERT INTO prediction_logs
    (scored_at, prediction_id, use_case, transaction_id, entity_key, event_time, model_version,
     contract_hash, features, score, predicted_label, threshold, replica)
SELECT at, gen_random_uuid(), %(use_case)s, 't-' || n, 'c-' || n %% 5000, at, 1,
       %(contract)s, features, score, (score >= 0.5)::int, 0.5, 'bench'
FROM (SELECT n, %(end)s - %(span)s * (1 - (n - %(first)s + 1)::float8 / %(rows)s) AS at
      FROM generate_series(%(begin)s::bigint, %(stop)s::bigint) AS n) AS drawn
     JOIN pool ON pool.id = hashint8(n) & 65535
"""


LABEL = """
INSERT INTO label_store (use_case, transaction_id, label, labelled_at, source)
SELECT %s, 't-' || n, (n %% 20 = 0)::int, now(), 'bench'
FROM generate_series(%s::bigint, %s::bigint) AS n
"""


@dataclass(frozen=True)
class Check:
    """The seconds of one drift check by step, and the peak memory of its process in MB."""

    seconds: dict[str, float]
    memory_mb: float

    @property
    def work(self) -> float:
        """The seconds of all steps together."""
        return sum(self.seconds.values())


class Log:
    """A prediction log that is filled in the way servers fill it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rows = 0
        self.labelled = 0
        self.use_case = read_use_case(settings.reference, USE_CASE)
        self.now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute("SELECT ensure_partitions(CURRENT_DATE - 3, 5)")
            connection.execute(
                "CREATE TABLE pool"
                " (id integer PRIMARY KEY, features double precision[], score double precision)"
            )
            features = population(self.use_case)
            random = np.random.default_rng(3)
            sample = features[random.integers(0, len(features), POOL_ROWS)]
            with connection.cursor().copy("COPY pool FROM STDIN") as copy:
                for number, row in enumerate(sample.tolist()):
                    copy.write_row((number, row, float(random.beta(0.5, 8))))

    def fill(self, rows: int) -> None:
        """Log this number of rows, over the day that ends with the last whole hour."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            query = "SELECT indexname, indexdef FROM pg_indexes WHERE indexname = ANY(%s)"
            indexes = dict(connection.execute(query, [list(SLOW_TO_FILL)]))
            for name in indexes:
                connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
            self._insert(connection, rows, self.now, timedelta(hours=23))
            for definition in indexes.values():
                connection.execute(definition.replace(" ON ONLY ", " ON "))
            connection.execute("VACUUM ANALYZE prediction_logs")

    def ship(self, rows: int) -> None:
        """Log the rows of the last five minutes."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            self._insert(connection, rows, datetime.now(UTC), timedelta(minutes=5))

    def label(self, rows: int) -> None:
        """Store labels of the oldest predictions without one, 5 % of them positive."""
        with psycopg.connect(self.settings.database_url, autocommit=True) as connection:
            last = self.labelled + rows - 1
            connection.execute(LABEL, (USE_CASE, self.labelled, last))
        self.labelled += rows

    def _insert(
        self, connection: psycopg.Connection[Any], rows: int, end: datetime, span: timedelta
    ) -> None:
        parameters = {
            "use_case": USE_CASE,
            "contract": self.use_case.contract.hash,
            "end": end,
            "span": span,
            "rows": rows,
            "first": self.rows,
        }
        for begin in range(self.rows, self.rows + rows, BATCH):
            stop = min(begin + BATCH, self.rows + rows) - 1
            connection.execute(FILL, parameters | {"begin": begin, "stop": stop})
        self.rows += rows

    def check(self, check_id: str) -> Check:
        """Run the steps of a drift check in a new process."""
        module = [sys.executable, "-m", "benchmarks.drift_cost"]
        arguments = [self.settings.database_url, str(self.settings.home), check_id]
        process = subprocess.run([*module, *arguments], capture_output=True, text=True)
        if process.returncode:
            raise SystemExit(f"the drift check failed: {process.stderr[-2000:]}")
        return Check(**json.loads(process.stdout.splitlines()[-1]))

    def median_check(self, name: str) -> Check:
        """Return the median of several drift checks, each after new rows were logged."""
        checks = []
        for number in range(CHECKS):
            self.ship(NEW_ROWS)
            checks.append(self.check(f"{name}-{number}"))
        checks.sort(key=lambda check: check.work)
        return checks[CHECKS // 2]


def population(use_case: UseCase) -> NDArray[np.float64]:
    """Return features (n, columns) of a town without drift."""
    transactions = simulate(World(seed=23, start=START, days=28))
    raw = [transactions.features[name] for name in use_case.contract.raw]
    return Deriver(use_case.contract)(np.column_stack(raw))


def by_sql(log: Log, profiles: dict[str, Profile]) -> float:
    """Return the seconds of counting in the database.

    The query applies `width_bucket` to every feature and groups by hour, version and bin.
    """
    bin_of = sql.SQL("coalesce(width_bucket(features[{}], {}::float8[]), -1) AS {}")
    bins = []
    names = []
    for number, profile in enumerate(profiles.values(), start=1):
        name = sql.Identifier(f"b{number}")
        names.append(name)
        bins.append(bin_of.format(sql.Literal(number), sql.Literal(profile.edges), name))
    sets = [sql.SQL("(hour, model_version, {})").format(name) for name in names]
    query = sql.SQL(
        "SELECT hour, model_version, {}, count(*)"
        " FROM (SELECT date_trunc('hour', scored_at) AS hour, model_version, {}"
        " FROM prediction_logs WHERE use_case = {} OFFSET 0) AS counted"
        " GROUP BY GROUPING SETS ({})"
    ).format(
        sql.SQL(", ").join(names),
        sql.SQL(", ").join(bins),
        sql.Literal(USE_CASE),
        sql.SQL(", ").join(sets),
    )
    with psycopg.connect(log.settings.database_url) as connection:
        connection.execute("SET work_mem = '256MB'")
        start = time.monotonic()
        connection.execute(query).fetchall()
        return time.monotonic() - start


def _copied_row(columns: int) -> np.dtype[np.void]:
    """Return the type of a row (scored_at, model_version, features) in the format of binary COPY.

    Rows have equal lengths because no value is missing.
    """
    element = np.dtype([("length", ">i4"), ("value", ">f8")])
    return np.dtype(
        [
            ("fields", ">i2"),
            ("scored_at_length", ">i4"),
            ("scored_at", ">i8"),
            ("version_length", ">i4"),
            ("version", ">i4"),
            ("features_length", ">i4"),
            ("header", "V20"),
            ("features", element, columns),
        ]
    )


def by_numpy(log: Log, profiles: dict[str, Profile]) -> tuple[float, dict[str, NDArray[np.int64]]]:
    """Return the seconds of counting a binary COPY with numpy, and each feature's counts (bins,).

    All rows are in memory at the same time.
    """
    row = _copied_row(len(profiles))
    query = (
        "COPY (SELECT scored_at, model_version, features FROM prediction_logs)"
        " TO STDOUT (FORMAT binary)"
    )
    start = time.monotonic()
    with (
        psycopg.connect(log.settings.database_url) as connection,
        connection.cursor().copy(query) as copy,
    ):
        content = b"".join(bytes(piece) for piece in copy)
    rows = np.frombuffer(content, dtype=row, offset=19, count=(len(content) - 21) // row.itemsize)
    hour = rows["scored_at"].astype(np.int64) // 3_600_000_000
    hours, groups = np.unique(hour, return_inverse=True)
    counts = {}
    for index, (name, profile) in enumerate(profiles.items()):
        values = rows["features"]["value"][:, index].astype(np.float64)
        width = len(profile.edges) + 1
        cells = groups * width + np.searchsorted(profile.edges, values, side="right")
        by_cell = np.bincount(cells, minlength=len(hours) * width)
        counts[name] = by_cell.reshape(len(hours), width)
    seconds = time.monotonic() - start
    return seconds, {name: by_hour.sum(axis=0) for name, by_hour in counts.items()}


def by_evidently(log: Log, rows: int) -> float:
    """Return the seconds of Evidently's drift preset on this number of rows against the baseline.

    Import, reading and the page are not included; the rows are in memory.
    """
    import pandas as pd
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    features = population(log.use_case)
    random = np.random.default_rng(5)
    columns = list(log.use_case.contract.columns)

    def sample(n: int) -> Dataset:
        rows = features[random.integers(0, len(features), n)]
        return Dataset.from_pandas(pd.DataFrame(rows, columns=columns))

    reference = sample(30_000)
    current = sample(rows)
    start = time.monotonic()
    Report([DataDriftPreset()]).run(current, reference)
    return time.monotonic() - start


def psi_error(
    log: Log, check_id: str, counts: dict[str, NDArray[np.int64]], profiles: dict[str, Profile]
) -> float:
    """Return the largest difference between a check's PSI and that of directly counted rows."""
    with psycopg.connect(
        log.settings.database_url, row_factory=psycopg.rows.dict_row
    ) as connection:
        metrics = MetricStore(connection).of_check(USE_CASE, check_id)
    errors = []
    for metric in metrics:
        if metric.metric == "psi" and metric.model_version == BASELINE:
            name = metric.feature
            expected = np.array(profiles[name].counts)
            observed = np.array([0, *counts[name]])
            used = expected + observed > 0
            direct = psi(expected[used], observed[used])
            errors.append(abs((metric.value or 0.0) - direct))
    return max(errors)


def measure(settings: Settings, say: Callable[[str], None]) -> dict[str, float]:
    """Measure at a million rows, where others are compared, then at ten million."""
    log = Log(settings)
    profiles = read_manifest(log.use_case.folder, log.use_case.contract).profiles
    say("logging a million predictions …")
    log.fill(1_000_000)
    say("first roll-up, and the same counts by SQL and by numpy …")
    first = log.check("first-1m")
    sql_seconds = by_sql(log, profiles)
    numpy_seconds, counts = by_numpy(log, profiles)
    figures = {
        "rollup_1m_rows_per_s": 1e6 / first.seconds["roll_up"],
        "sql_rows_per_s": 1e6 / sql_seconds,
        "numpy_rows_per_s": 1e6 / numpy_seconds,
        "psi_error": psi_error(log, "first-1m", counts, profiles),
        "full_count_s": first.work,
    }
    say("drift checks of 35,000 new rows …")
    million = log.median_check("1m")
    say("Evidently's drift preset on a million rows …")
    evidently = by_evidently(log, 1_000_000)
    figures |= {
        "check_s_1m": million.work,
        "evidently_s": evidently,
        "ratio_evidently": evidently / million.work,
        "ratio_evidently_full_count": evidently / first.work,
    }
    return figures | measure_ten_million(log, million, say)


def measure_ten_million(log: Log, million: Check, say: Callable[[str], None]) -> dict[str, float]:
    """Log nine million rows more and measure; `million` is the check at a million rows."""
    say("logging nine million predictions more …")
    log.fill(9_000_000)
    first = log.check("first-10m")
    say("drift checks of 35,000 new rows …")
    check = log.median_check("10m")
    say("drift checks of a million new labels, and of 35,000 …")
    log.label(1_000_000)
    many = log.check("many-labels")
    log.label(NEW_ROWS)
    log.ship(NEW_ROWS)
    labelled = log.check("labels")
    return {
        "check_s_10m": check.work,
        "growth_10m_over_1m": check.work / million.work,
        **{f"check_{name}_s_10m": seconds for name, seconds in check.seconds.items()},
        "check_with_labels_s_10m": labelled.work,
        "million_labels_s_10m": many.work,
        "check_rss_mb": max(million.memory_mb, check.memory_mb),
        "rollup_rss_mb": first.memory_mb,
        "rollup_rows_per_s": 9e6 / first.seconds["roll_up"],
    }


def main() -> None:
    """Run one drift check, as its three tasks do, and print time and memory as JSON."""
    from pipelines.context import context
    from pipelines.steps import perform

    url, home, check_id = sys.argv[1:]
    settings = Settings(database_url=url, home=Path(home))
    now = datetime.now(UTC)
    seconds = {}
    for step in STEPS:
        start = time.monotonic()
        perform(step, context(settings, USE_CASE, check_id, now))
        seconds[step] = time.monotonic() - start
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1.024 / 1000 for line in status if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "memory_mb": peak}))


if __name__ == "__main__":
    main()
