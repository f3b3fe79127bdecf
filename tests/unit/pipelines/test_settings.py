"""Settings come from the environment, then from the home's file, and are bounded."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.settings import ENV_FILE, Settings


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine, and a home that holds nothing."""
    for name in (
        "SIXGATE_API_PORT",
        "SIXGATE_API_KEY",
        "SIXGATE_MLFLOW_TRACKING_URI",
        "MLFLOW_TRACKING_URI",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SIXGATE_HOME", str(tmp_path))


def test_the_environment_comes_before_the_file_of_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ENV_FILE).write_text("SIXGATE_API_PORT=8100\nSIXGATE_API_KEY=of-the-file\n")
    monkeypatch.setenv("SIXGATE_API_PORT", "8200")
    settings = Settings.load()
    assert (settings.api_port, settings.api_key) == (8200, "of-the-file")
    assert settings.home == tmp_path


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings = Settings.load()
    assert settings.api_url == "http://127.0.0.1:8000"
    assert settings.artifact_root == tmp_path / "artifacts"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXGATE_API_PORT", "")
    assert Settings.load().api_port == 8000


def test_a_line_of_the_file_that_is_no_setting_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ENV_FILE).write_text("SIXGATE_API_PROT=1\nAIRFLOW__CORE__X=1\n")
    assert Settings.load().api_port == 8000


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        pytest.param("api_port", 0, id="no port is 0"),
        pytest.param("pg_port", 65536, id="no port is above 65535"),
        pytest.param("api_workers", 0, id="a server has a worker"),
        pytest.param("journal_sync", "sometimes", id="the journal is synced in one of three ways"),
        pytest.param("journal_bytes", 2**20 - 1, id="a journal has room for a segment"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(setting: str, value: object) -> None:
    with pytest.raises(ValidationError, match=setting):
        Settings(**{setting: value})


def test_mlflow_s_own_variable_is_read_unless_sixgate_s_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert Settings().mlflow_tracking_uri == "http://mlflow:5000"


def test_a_password_is_not_in_the_text_of_the_settings() -> None:
    settings = Settings(mlflow_tracking_password="opensesame")
    assert "opensesame" not in repr(settings)


def test_settings_do_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().home = tmp_path  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "page"),
    [
        pytest.param(
            {"mlflow_tracking_uri": "http://127.0.0.1:5000"},
            "http://127.0.0.1:5000/#/models/fraud/versions/3",
            id="browsers use the address that programs use",
        ),
        pytest.param(
            {"mlflow_tracking_uri": "http://mlflow:5000", "mlflow_url": "https://ml.example.org/"},
            "https://ml.example.org/#/models/fraud/versions/3",
            id="browsers use an address of their own",
        ),
    ],
)
def test_the_page_of_a_model_is_where_browsers_reach_it(given: dict[str, str], page: str) -> None:
    assert Settings(**given).model_page("fraud", 3) == page
