"""Airflow that does not answer is given up on soon; tests/e2e reads one that does."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.settings import Settings
from stack.status import airflow
from stack.status.airflow import UNREADABLE, read_airflow
from stack.temporary_services import free_port


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the password of Airflow's admin."""
    passwords = tmp_path / "airflow" / "passwords.json"
    passwords.parent.mkdir()
    passwords.write_text(json.dumps({"admin": "a password"}))
    return tmp_path


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_without_a_password_it_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UNREADABLE):
        read_airflow(Settings(home=tmp_path), ["housekeeping"])


def test_an_airflow_that_is_down_is_unreadable(home: Path) -> None:
    with pytest.raises(UNREADABLE):
        read_airflow(Settings(home=home, airflow_port=free_port()), ["housekeeping"])


def test_an_airflow_that_hangs_is_unreadable_after_the_timeout(
    home: Path, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow, "TIMEOUT", 0.2)
    start = time.monotonic()
    with pytest.raises(UNREADABLE):
        read_airflow(Settings(home=home, airflow_port=silent_port), ["housekeeping"])
    assert time.monotonic() - start < 5
