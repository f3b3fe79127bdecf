"""The time to read a million rows of the log for a retraining; a part of `make bench-training`.

The rows are read in a separate process.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from pipelines.settings import Settings
from pipelines.stores import dataset
from pipelines.stores.row_conversion import RowConverter
from pipelines.use_case import read_contract

ROWS = 1_000_000
LABEL_STEP = 2  # every second row has a label
DAYS = 50
FILL = """
INSERT INTO prediction_logs
    (scored_at, prediction_id, use_case, transaction_id, entity_key, event_time, model_version,
     contract_hash, features, score, predicted_label, threshold, replica)
SELECT at, gen_random_uuid(), %(use_case)s, 't-' || n, 'c-' || n %% 5000, at, 1, %(contract)s,
       array(SELECT random() + 0 * n FROM generate_series(1, %(columns)s)),
       random(), 0, 0.5, 'bench'
FROM (SELECT n, now() - %(days)s * interval '1 day' * n / %(rows)s AS at
      FROM generate_series(1, %(rows)s) AS n) AS drawn
"""
LABEL = """
INSERT INTO label_store (use_case, transaction_id, label, labelled_at, source)
SELECT %(use_case)s, 't-' || n, (n %% 49 = 0)::int, now(), 'bench'
FROM generate_series(1, %(rows)s, %(step)s) AS n
"""


def measure(settings: Settings, use_case: str) -> dict[str, float]:
    """Fill the log and read it in a new process; return seconds and the peak memory in MB.

    The memory includes the interpreter.
    """
    contract = read_contract(settings.reference / use_case)
    parameters = {
        "use_case": use_case,
        "contract": contract.hash,
        "columns": len(contract.columns),
        "days": DAYS,
        "rows": ROWS,
    }
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(FILL, parameters)
        connection.execute(LABEL, {"use_case": use_case, "rows": ROWS, "step": LABEL_STEP})
        connection.execute("ANALYZE")
    command = [sys.executable, "-m", "benchmarks.log", use_case, settings.database_url]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in json.loads(process.stdout).items()}


def main() -> None:
    """Read the rows, and print the time and the memory as JSON."""
    use_case, url = sys.argv[1:]
    settings = Settings(database_url=url)
    now = datetime.now(UTC)
    contract = read_contract(settings.reference / use_case)
    start = time.monotonic()
    rows = dataset.logged(
        settings,
        RowConverter(contract, {contract.hash: contract}.get),
        since=now - timedelta(days=DAYS + 1),
        matured_before=now,
        as_of=now,
    )
    seconds = time.monotonic() - start
    labelled = int((rows.labels >= 0).sum())
    if len(rows) != ROWS or labelled != ROWS // LABEL_STEP:
        sys.exit(f"{len(rows)} rows were read, {labelled} of them labelled")
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1000 for line in status if line.startswith("VmHWM"))
    figures = {"log_rows": ROWS, "log_read_s": seconds, "log_read_peak_mb": peak * 1.024}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
