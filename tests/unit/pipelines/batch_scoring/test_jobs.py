"""The id of a file's job; runs with a database are in tests/integration/test_batch_scoring.py."""

from pathlib import Path

from pipelines.batch_scoring.jobs import job_id_of
from tests.unit.pipelines.batch_scoring.made_rows import model


def test_the_id_follows_the_content_and_the_version_and_not_the_name(tmp_path: Path) -> None:
    one, copy, other = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    one.write_text("1")
    copy.write_text("1")
    other.write_text("2")
    assert job_id_of(one, model()) == job_id_of(copy, model())
    assert job_id_of(one, model()) != job_id_of(other, model())
    assert job_id_of(one, model()) != job_id_of(one, model(version=8))
