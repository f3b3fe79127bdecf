"""The progress in the log of the task; runs are in tests/integration/test_scoring_jobs.py."""

import logging

import pytest

from pipelines.steps.batch_scoring import score_file


def test_the_progress_is_logged_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    times = iter([0.0, 1.0, 11.0, 11.0, 12.0, 30.0, 30.0])
    monkeypatch.setattr(score_file.time, "monotonic", lambda: next(times))
    note = score_file.progress()
    with caplog.at_level(logging.INFO, logger=score_file.__name__):
        for rows in (1, 20_000, 30_000, 40_000):
            note(rows)
    assert caplog.messages == ["20,000 rows so far", "40,000 rows so far"]
