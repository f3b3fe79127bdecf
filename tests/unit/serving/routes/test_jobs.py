"""Uploads that are refused before the database is asked; the others are in tests/integration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from serving.service import Service
from tests.unit.serving import made

JOBS = "/v1/fraud/jobs"
CSV = {"Content-Type": "text/csv"}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_another_content_type_is_refused(client: made.Client, content_type: str) -> None:
    answer = client.post(JOBS, content=b"a\n1\n", headers={"Content-Type": content_type})
    assert answer.status_code == 415
    assert "send text/csv or application/vnd.apache.parquet" in answer.json()["detail"]


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    make_service: Callable[..., Service],
) -> None:
    client = made.Client(make_service(upload_bytes=2**20))
    answer = client.post(JOBS, content=b"a" * (2**20 + 1), headers=CSV)
    assert answer.status_code == 413
    assert "larger than 1048576 bytes" in answer.json()["detail"]


def test_without_a_model_nothing_is_taken(bare: Service) -> None:
    answer = made.Client(bare).post(JOBS, content=b"a\n1\n", headers=CSV)
    assert answer.status_code == 503
    assert "has no model to serve" in answer.json()["detail"]


def test_without_a_key_nothing_is_read(client: made.Client) -> None:
    for method, path in (("POST", JOBS), ("GET", f"{JOBS}/00000000-0000-0000-0000-000000000000")):
        assert client.request(method, path, key=None).status_code == 401


def test_without_a_database_nothing_stays(client: made.Client, tmp_path: Path) -> None:
    answer = client.post(JOBS, content=b"a\n1\n", headers={"Content-Type": "text/csv; x=y"})
    assert answer.status_code == 503
    assert not (tmp_path / "jobs").exists()
