"""Jobs that score files, on a real database."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from pipelines.context import Context
from pipelines.stores.database import connect
from pipelines.stores.scoring_jobs import ScoringJobStore


def queued(store: ScoringJobStore, use_case: str = "fraud") -> UUID:
    job = uuid4()
    store.queue(job, use_case, file_name="rows.csv", form="csv", is_logged=True, requested_by="ann")
    return job


def started(store: ScoringJobStore, job: UUID) -> datetime:
    """Start a job of the command line; return its time."""
    store.open(job, "fraud", file_name="a.csv", form="csv")
    version, scored_at = store.start(job, 1) or (0, datetime.now(UTC))
    assert version == 1
    return scored_at


def line(job: UUID, *, use_case: str = "loans") -> bytes:
    """A line that says it was made by a server, for another use case, long ago."""
    row = {"prediction_id": str(job), "transaction_id": "t", "features": [1, None], "score": 0.75}
    shared = {"use_case": use_case, "model_version": 9, "scored_at": "2020-01-01T00:00:00Z"}
    shared |= {"contract_hash": "c", "threshold": 0.5, "replica": "a-server"}
    return json.dumps(shared | {"rows": [row | {"predicted_label": 1}]}).encode()


def test_predictions_of_a_job_have_its_use_case_version_and_time(wired: Context) -> None:
    store = ScoringJobStore(wired.connection)
    job = uuid4()
    at = started(store, job)
    assert (store.log(job, [line(job)]), store.log(job, [line(job)])) == (1, 0)
    row = wired.connection.execute(
        "SELECT use_case, model_version, scored_at, event_time, replica, features, score"
        " FROM prediction_logs WHERE prediction_id = %s",
        [job],
    ).fetchone()
    assert row == {
        "use_case": "fraud",
        "model_version": 1,
        "scored_at": at,
        "event_time": at,
        "replica": f"job-{job}",
        "features": [1.0, None],
        "score": 0.75,
    }


def test_nothing_is_logged_for_a_job_that_does_not_run_or_is_not_logged(wired: Context) -> None:
    store = ScoringJobStore(wired.connection)
    finished = uuid4()
    started(store, finished)
    store.finish(finished, rows=0, flagged=0, refused=0, quarantine=None)
    unlogged = uuid4()
    store.queue(
        unlogged, "fraud", file_name="rows.csv", form="csv", is_logged=False, requested_by="ann"
    )
    assert store.start(unlogged, 1)
    for job in (finished, unlogged, uuid4()):
        with pytest.raises(psycopg.errors.RaiseException, match="no job that is running"):
            store.log(job, [line(job)])


def test_a_repeated_job_of_a_command_keeps_its_time(wired: Context) -> None:
    store = ScoringJobStore(wired.connection)
    job = uuid4()
    first, second = (started(store, job) for _ in range(2))
    assert first == second
    assert first.microsecond % 1000 == 0
    found = store.get("fraud", job)
    assert found
    assert (found.origin, found.state, found.attempts) == ("COMMAND", "RUNNING", 2)
    assert job not in store.unfinished("fraud")


def test_uploaded_files_wait_in_the_order_of_their_requests(wired: Context) -> None:
    store = ScoringJobStore(wired.connection)
    one, two = queued(store), queued(store)
    queued(store, "loans")
    waiting = [job for job in store.unfinished("fraud") if job in (one, two)]
    assert waiting == [one, two]
    version, scored_at = store.start(one, 4) or (0, None)
    assert version == 4
    assert store.start(one, 5) == (4, scored_at)
    assert one in store.unfinished("fraud")
    store.finish(one, rows=3, flagged=1, refused=0, quarantine=None)
    assert store.start(one, 5) is None
    store.fail(two, "no such file")
    assert not {one, two} & set(store.unfinished("fraud"))
    failed = store.get("fraud", two)
    assert failed
    assert (failed.state, failed.error, failed.rows) == ("FAILED", "no such file", None)


def test_one_session_at_a_time_scores_a_job(wired: Context) -> None:
    store = ScoringJobStore(wired.connection)
    job = queued(store)
    with connect(wired.settings, autocommit=True) as connection:
        other = ScoringJobStore(connection)
        with store.locked(job) as first, other.locked(job) as second:
            assert (first, second) == (True, False)
        with other.locked(job) as after:
            assert after


def test_finished_jobs_expire_and_waiting_ones_do_not(wired: Context) -> None:
    store = ScoringJobStore(wired.connection)
    done, waiting = queued(store), queued(store)
    store.finish(done, rows=1, flagged=0, refused=0, quarantine=None)
    later = datetime.now(UTC) + timedelta(minutes=1)
    expired = store.expired("fraud", later)
    assert done in expired
    assert waiting not in expired
    assert store.expired("fraud", later - timedelta(days=1)) == []
    assert store.known([done, waiting, uuid4()]) == {done, waiting}
    store.delete(done)
    assert store.get("fraud", done) is None


def test_a_logged_job_of_a_command_is_forgotten_with_its_predictions(wired: Context) -> None:
    store = ScoringJobStore(wired.connection)
    job = uuid4()
    at = started(store, job)
    assert store.delete_logged("fraud", at.date()) == 0
    assert store.delete_logged("fraud", at.date() + timedelta(days=1)) >= 1
    assert store.get("fraud", job) is None
