"""The roll-up on a real database: every prediction and every label once, in its own hour, whatever comes late or dies."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import psycopg
import pytest

from pipelines.context import Context
from pipelines.rules.monitoring import data_quality
from pipelines.rules.monitoring.binning import count
from pipelines.rules.monitoring.data_quality import COMPARED, REPEATED
from pipelines.rules.monitoring.performance import realised
from pipelines.settings import ROOT
from pipelines.steps import perform
from pipelines.steps.monitoring import roll_up
from pipelines.stores.baseline import read_manifest
from tests.integration.logged import CONTRACT, NOW, Log

MANIFEST = read_manifest(ROOT / "reference" / "fraud", CONTRACT)
HOUR = timedelta(hours=1)


def rolled(wired: Context) -> dict[str, int]:
    again = replace(wired)  # a context of its own, as a step's process has
    return dict(perform("roll_up", again))


def counted(wired: Context, start: datetime, end: datetime) -> dict[str, list[int]]:
    found = {name: [0] * len(profile.counts) for name, profile in MANIFEST.profiles.items()}
    for row in wired.rollups.features("fraud", MANIFEST.name, start, end):
        for at, n in zip(row.bins, row.counts, strict=True):
            found[row.feature][at + 1] += n
    return found


def by_hand(log: Log, start: datetime, end: datetime) -> dict[str, list[int]]:
    rows = [
        f
        for at, f in zip(log.at, log.features, strict=True)
        if start <= at < end and not np.isinf(f).any()
    ]
    matrix = np.array(rows).reshape(-1, len(CONTRACT.columns))
    return {
        name: count(matrix[:, at], MANIFEST.profiles[name].edges)
        for at, name in enumerate(CONTRACT.columns)
    }


def test_late_rows_land_in_their_own_hour_and_nothing_is_counted_twice(wired: Context) -> None:
    log = Log(wired)
    this = NOW.replace(minute=0, second=0, microsecond=0)
    log.ship(300, this - HOUR + timedelta(minutes=1))
    assert rolled(wired) == {"rows": 300, "foreign": 0}
    assert rolled(wired) == {"rows": 0, "foreign": 0}
    log.ship(200, this - 5 * HOUR)
    log.ship(100, this - HOUR + timedelta(minutes=2), version=2)
    assert rolled(wired) == {"rows": 300, "foreign": 0}
    for start, end in (
        (this - HOUR, this),
        (this - 5 * HOUR, this - 4 * HOUR),
        (this - 24 * HOUR, this),
    ):
        assert counted(wired, start, end) == by_hand(log, start, end)
    scores = wired.rollups.scores("fraud", this - HOUR, this)
    assert {version: counts.n for version, counts in scores.items()} == {1: 300, 2: 100}


def test_what_an_open_transaction_logs_is_counted_when_it_ends(
    wired: Context, database_url: str
) -> None:
    log = Log(wired)
    with psycopg.connect(database_url) as slow:
        slow.execute("SELECT pg_current_xact_id()")  # older than what is shipped next
        log.ship(50, NOW)
        assert rolled(wired)["rows"] == 0, "whoever is older may still log"
        slow.commit()
    assert rolled(wired)["rows"] == 50


def test_rows_of_another_contract_count_by_score_only(wired: Context) -> None:
    log = Log(wired)
    log.ship(40, NOW)
    log.ship(30, NOW, contract="another", width=3)
    assert rolled(wired) == {"rows": 70, "foreign": 30}
    day = (NOW - 24 * HOUR, NOW + HOUR)
    assert counted(wired, *day) == by_hand(log, *day)
    assert wired.rollups.scores("fraud", *day)[1].n == 70


def test_labels_count_once_however_late_or_corrected_and_from_scratch_it_is_the_same(
    wired: Context,
) -> None:
    log, draw = Log(wired), np.random.default_rng(9)
    for _ in range(8):
        names = log.ship(
            int(draw.integers(5, 40)), NOW - timedelta(hours=float(draw.integers(0, 9)))
        )
        if draw.random() < 0.5:
            rolled(wired)
        picked = list(draw.choice(log.names, size=min(len(log.names), 25), replace=False))
        log.label([str(name) for name in picked], int(draw.integers(0, 2)))
        log.label(["not-scored-yet", names[0]], 1)
        if draw.random() < 0.7:
            rolled(wired)
    rolled(wired)
    kept = sums(wired)
    truth = wired.connection.execute(
        "SELECT l.label, p.predicted_label AS flag, count(*) AS n FROM prediction_logs AS p"
        " JOIN current_labels AS l USING (use_case, transaction_id) GROUP BY 1, 2"
    ).fetchall()
    found = {key: n for key, n in by_label(wired).items() if n}
    assert found == {(row["label"], row["flag"]): row["n"] for row in truth}
    wired.connection.execute(
        "UPDATE rollup_watermarks SET baseline = 'another'"
    )  # forgets, and counts all anew
    assert rolled(wired)["rows"] == len(log.names)
    again = sums(wired)
    assert again.keys() == {key for key, value in kept.items() if value[0]}
    assert all(again[key] == pytest.approx(kept[key]) for key in again)


def sums(wired: Context) -> dict[tuple[object, ...], tuple[float, ...]]:
    rows = wired.connection.execute("SELECT * FROM score_rollups").fetchall()
    return {
        (r["bucket"], r["model_version"], r["label"], r["predicted_label"], r["bin"]): (
            r["n"],
            r["score"],
            r["square"],
        )
        for r in rows
    }


def by_label(wired: Context) -> dict[tuple[int, int], int]:
    rows = wired.connection.execute(
        "SELECT label, predicted_label AS flag, sum(n)::int AS n FROM score_rollups WHERE label >= 0 GROUP BY 1, 2"
    ).fetchall()
    return {(row["label"], row["flag"]): row["n"] for row in rows}


def test_a_corrected_label_moves_what_was_counted(wired: Context) -> None:
    log = Log(wired)
    names = log.ship(20, NOW)
    log.label(names, 0)
    rolled(wired)
    log.label(names[:5], 1)
    rolled(wired)
    found = by_label(wired)
    assert (found.get((1, 0), 0) + found.get((1, 1), 0), sum(found.values())) == (5, 20)
    (counts,) = wired.rollups.scores("fraud", NOW - HOUR, NOW + HOUR).values()
    scores, labels = np.array(log.scores), np.array([1] * 5 + [0] * 15)
    assert realised(counts)["realised_brier"].value == pytest.approx(
        ((scores - labels) ** 2).mean()
    )
    day = wired.connection.execute("SELECT * FROM daily_performance").fetchall()
    assert [(row["predictions"], row["labelled"]) for row in day] == [(20, 20)]
    assert float(day[0]["brier"]) == pytest.approx(((scores - labels) ** 2).mean())


def test_a_transaction_that_is_predicted_again_counts_once_with_its_first_prediction(
    wired: Context,
) -> None:
    log = Log(wired)
    names = log.ship(20, NOW - 3 * HOUR)
    log.label(names, 1)
    rolled(wired)
    log.ship(20, NOW - HOUR, names=names, version=2)
    rolled(wired)
    log.label(names[:5], 0)
    rolled(wired)
    labelled = labelled_by_version(wired)
    assert labelled == {1: 20}
    assert wired.predictions.matured("fraud", NOW - 9 * HOUR, NOW + HOUR) == 20


def test_a_first_prediction_that_is_logged_late_replaces_the_second(wired: Context) -> None:
    log = Log(wired)
    names = log.ship(10, NOW - HOUR, version=2)
    log.label(names, 1)
    rolled(wired)
    assert labelled_by_version(wired) == {2: 10}
    log.ship(10, NOW - 3 * HOUR, names=names, version=1)
    rolled(wired)
    assert labelled_by_version(wired) == {1: 10}
    kept = sums(wired)
    wired.connection.execute("UPDATE rollup_watermarks SET baseline = 'another'")
    rolled(wired)
    again = sums(wired)
    assert all(again[key] == pytest.approx(value) for key, value in kept.items() if value[0])


def labelled_by_version(wired: Context) -> dict[int, int]:
    rows = wired.connection.execute(
        "SELECT model_version AS version, sum(n)::int AS n FROM score_rollups WHERE label >= 0"
        " GROUP BY 1 HAVING sum(n) <> 0"
    ).fetchall()
    return {row["version"]: row["n"] for row in rows}


def test_two_at_once_count_once(wired: Context, database_url: str, tmp_path: Path) -> None:
    log = Log(wired)
    log.ship(400, NOW)
    both = [process(database_url, tmp_path) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    assert counted(wired, NOW - 24 * HOUR, NOW + HOUR) == by_hand(log, NOW - 24 * HOUR, NOW + HOUR)


def test_a_roll_up_that_is_killed_at_any_moment_leaves_nothing_half_done(
    wired: Context, database_url: str, tmp_path: Path
) -> None:
    log = Log(wired)
    for number in range(6):
        log.ship(300, NOW - timedelta(hours=number))
        log.label(log.names[-50:], number % 2)
        killed = process(database_url, tmp_path)
        time.sleep(0.25 + 0.12 * number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(killed.pid, signal.SIGKILL)
        killed.wait(20)
        wired.connection.execute("SELECT 1")
    rolled(wired)
    day = (NOW - 24 * HOUR, NOW + HOUR)
    assert counted(wired, *day) == by_hand(log, *day)
    assert sum(by_label(wired).values()) == 300


def process(database_url: str, home: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "SIXGATE_DATABASE_URL": database_url, "SIXGATE_HOME": str(home)}
    command = [sys.executable, "-m", "pipelines", "step", "roll_up"]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)


def test_another_step_counts_anew_into_its_own_buckets(wired: Context) -> None:
    log = Log(wired)
    log.label(log.ship(100, NOW), 1)
    rolled(wired)
    policy = wired.use_case.policy
    finer = msgspec.structs.replace(
        policy, drift=msgspec.structs.replace(policy.drift, step=timedelta(minutes=15))
    )
    wired.use_case = replace(wired.use_case, policy=finer)
    assert rolled(wired)["rows"] == 100
    log.label(log.names, 0)
    rolled(wired)
    assert min(row[0] for row in sums(wired).values()) >= 0
    assert {label for label, _ in by_label(wired)} == {0, 1}
    assert sum(n for (label, _), n in by_label(wired).items() if label == 1) == 0


def test_many_new_predictions_are_sampled_from_a_part_of_the_pages(
    wired: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_up, "MANY", 1_000)
    monkeypatch.setattr(data_quality, "MANY", 1_000)
    monkeypatch.setattr(data_quality, "DRAWN", 400)
    log = Log(wired)
    names = log.ship(2_000, NOW - 3 * HOUR)
    log.ship(2_000, NOW - HOUR, names=names)
    rolled(wired)
    compared, repeated = ids_compared(wired)
    assert 100 < compared < 900, "of 400 predictions, on the average"
    assert 0.3 < repeated / compared < 0.7
    log.ship(1_500, NOW - HOUR)
    rolled(wired)
    assert ids_compared(wired)[0] - compared == 1_000, "not most of the window"


def test_repeated_ids_are_not_counted_again_with_all_else(wired: Context) -> None:
    log = Log(wired)
    names = log.ship(30, NOW - 3 * HOUR)
    log.ship(10, NOW - HOUR, names=names[:10])
    rolled(wired)
    wired.connection.execute("UPDATE rollup_watermarks SET baseline = 'another'")
    log.ship(5, NOW - HOUR, names=names[:5])
    assert rolled(wired)["rows"] == 45
    assert ids_compared(wired) == (45, 15)


def ids_compared(wired: Context) -> tuple[int, int]:
    """How many transaction ids were compared so far, and how many of them are repeated."""
    rows = wired.connection.execute(
        "SELECT treatment, sum(n)::int AS n FROM quality_counts GROUP BY treatment"
    ).fetchall()
    counts = {row["treatment"]: row["n"] for row in rows}
    return counts[COMPARED], counts[REPEATED]
