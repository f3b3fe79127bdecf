"""The state folder: secrets are written once and for the owner only, and errors are one line."""

import json
import shutil
import socket
import stat
from collections import namedtuple
from dataclasses import asdict
from pathlib import Path

import pytest

from pipelines.errors import StackError
from pipelines.settings import Settings
from stack import lifecycle
from stack.home import Home
from stack.status.report import status
from stack.temporary_services import free_port

Usage = namedtuple("Usage", "total used free")


def test_secrets_are_drawn_once_and_readable_by_the_owner_only(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    first = home.secrets()
    assert home.secrets() == first
    assert stat.S_IMODE(home.secrets_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    values = asdict(first).values()
    assert len(set(values)) == len(values)


def test_a_newer_version_draws_what_it_needs_beside_the_secrets_that_are_kept(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path)
    home.prepare()
    stored = {"instance": "0123456789abcdef", "postgres": "p", "api_key": "k"}
    home.secrets_file.write_text(json.dumps(stored))
    secrets = home.secrets()
    assert {name: getattr(secrets, name) for name in stored} == stored
    assert secrets.mlflow_admin
    assert home.secrets() == secrets
    assert stat.S_IMODE(home.secrets_file.stat().st_mode) == 0o600


def test_sessions_from_before_airflows_pages_had_a_path_hold_no_longer(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    first = home.secrets()
    stored = json.loads(home.secrets_file.read_text())
    del stored["airflow_path"]
    home.secrets_file.write_text(json.dumps(stored))
    second = home.secrets()
    assert second.airflow_jwt != first.airflow_jwt
    assert second.airflow_path != first.airflow_path
    assert second.airflow_secret == first.airflow_secret
    assert second.airflow_fernet == first.airflow_fernet
    assert home.secrets() == second


def test_secrets_that_a_newer_version_drew_are_kept_and_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    first = home.secrets()
    stored = json.loads(home.secrets_file.read_text())
    home.secrets_file.write_text(json.dumps(stored | {"of_a_newer_version": "x"}))
    assert home.secrets() == first
    assert json.loads(home.secrets_file.read_text())["of_a_newer_version"] == "x"


def test_what_the_server_kept_beside_everything_else_is_moved_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "1.jsonl").write_text("an answer")
    (tmp_path / "api_keys.json").write_text("[]")
    home.move_server()
    home.move_server()
    assert (home.server / "journal" / "1.jsonl").read_text() == "an answer"
    assert (home.server / "api_keys.json").read_text() == "[]"
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"postgres": "x"}'],
    ids=["empty", "cut off", "not an object", "half of it"],
)
def test_a_half_made_home_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    home = Home(tmp_path)
    home.prepare()
    home.secrets_file.write_text(text)
    with pytest.raises(
        StackError, match=r"secrets\.json is not what `sixgate up` wrote .* start over"
    ):
        home.secrets()


def test_a_home_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="point SIXGATE_HOME at a folder that can"):
        Home(tmp_path / "file" / "home").prepare()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 99, 1))
    with pytest.raises(StackError, match="free some space"):
        Home(tmp_path).prepare()


def test_a_taken_port_is_named_with_its_variable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = Settings(
            home=tmp_path,
            pg_port=port,
            airflow_port=free_port(),
            mlflow_port=free_port(),
            api_port=free_port(),
        )
        with pytest.raises(StackError, match=rf"port {port} is taken .* SIXGATE_PG_PORT"):
            lifecycle._require_free_ports(settings)


def test_down_and_status_of_a_stack_that_never_was(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "none")
    assert lifecycle.down(settings) == 0
    assert status(settings)["up"] is False
    lifecycle.delete(settings)
    assert not (tmp_path / "none").exists()
