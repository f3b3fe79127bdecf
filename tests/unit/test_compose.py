"""The compose file and its .env, read without Docker."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.airflow.yml").read_text()
SERVICES = yaml.safe_load(TEXT)["services"]
VOLUMES = yaml.safe_load(TEXT)["volumes"]
EXAMPLE = (ROOT / ".env.example").read_text()
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
VARIABLE = re.compile(r"\$\{(\w+)")
NAME = re.compile(r"^#?([A-Z]\w*)=", re.MULTILINE)
SECRET_NAME = re.compile(r"PASSWORD|SECRET|KEY|TOKEN|URL|URI|CONN|DATABASE")
REQUIRED = re.compile(r"\$\{\w+:\?run docker/make-env first\}")
LITERAL_CREDENTIALS = re.compile(r"://[^/@\s]*:(?!\$\{)[^/@\s]*@")

every_service = pytest.mark.parametrize("name", SERVICES)


def environment(name: str) -> dict[str, str]:
    return SERVICES[name].get("environment", {})


@every_service
def test_a_service_says_how_it_is_or_is_waited_for_until_it_has_ended_well(name):
    service = SERVICES[name]
    if service["restart"] == "no":
        waiting = [other for other in SERVICES.values() if name in other.get("depends_on", {})]
        assert waiting
        assert {other["depends_on"][name]["condition"] for other in waiting} == {
            "service_completed_successfully"
        }
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


@every_service
def test_a_service_is_published_on_this_machine_only_and_by_a_sixgate_variable(name):
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{SIXGATE_[A-Z]+_PORT:-\d+\}:\d+", port)


@every_service
def test_a_service_waits_for_others_by_condition_and_for_nobody_unknown(name):
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        assert set(wait) == {"condition"}


@every_service
def test_a_service_keeps_its_data_in_named_volumes(name):
    for volume in SERVICES[name].get("volumes", []):
        source, _, rest = volume.partition(":")
        assert source in VOLUMES or rest.endswith(":ro")


@every_service
def test_a_service_of_our_image_has_no_privileges(name):
    service = SERVICES[name]
    if "build" in service:
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


@every_service
def test_a_secret_comes_from_the_environment_and_has_no_default(name):
    for key, value in environment(name).items():
        if re.search(r"PASSWORD|SECRET|KEY", key):
            assert REQUIRED.fullmatch(value), key
        elif SECRET_NAME.search(key):
            assert not LITERAL_CREDENTIALS.search(value), key


@every_service
def test_a_service_of_our_image_phones_nobody(name):
    if "build" not in SERVICES[name]:
        return
    assert environment(name)["DO_NOT_TRACK"] == "1"
    assert environment(name)["MLFLOW_DISABLE_TELEMETRY"] == "true"
    if name == "init" or name.startswith("airflow"):
        assert environment(name)["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"


TOLD = {
    "postgres": {
        "POSTGRES_PASSWORD", "AIRFLOW_DB_PASSWORD", "MLFLOW_DB_PASSWORD", "SIXGATE_DB_PASSWORD", "SIXGATE_STEPS_DB_PASSWORD",
        "SIXGATE_SERVER_DB_PASSWORD", "SIXGATE_PAGES_DB_PASSWORD",
    },
    "mlflow": {
        "MLFLOW_DB_PASSWORD", "MLFLOW_ADMIN_PASSWORD", "MLFLOW_STEPS_PASSWORD", "MLFLOW_SERVER_PASSWORD", "MLFLOW_SECRET_KEY",
    },
    "init": {"SIXGATE_DB_PASSWORD", "AIRFLOW_DB_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_ADMIN_PASSWORD", "AIRFLOW_PATH"},
    "server": {"SIXGATE_SERVER_DB_PASSWORD", "SIXGATE_API_KEY", "MLFLOW_SERVER_PASSWORD"},
    "airflow-api-server": {
        "AIRFLOW_DB_PASSWORD", "SIXGATE_PAGES_DB_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET",
        "AIRFLOW_PATH",
    },
    "airflow-scheduler": {
        "AIRFLOW_DB_PASSWORD", "SIXGATE_STEPS_DB_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET",
        "MLFLOW_STEPS_PASSWORD", "AIRFLOW_PATH",
    },
    "airflow-dag-processor": {"AIRFLOW_DB_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_PATH"},
    "airflow-triggerer": {"AIRFLOW_DB_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_PATH"},
}  # fmt: skip


@every_service
def test_a_service_is_told_its_own_secrets_and_no_other(name):
    given = set(VARIABLE.findall(" ".join(environment(name).values())))
    assert {
        variable for variable in given if re.search(r"PASSWORD|SECRET|KEY|PATH", variable)
    } == TOLD[name]


def test_env_example_names_every_variable_and_no_other():
    arguments = SERVICES["init"]["build"]["args"]
    ours = {"COMPOSE_PROJECT_NAME", "COMPOSE_FILE"}
    assert set(NAME.findall(EXAMPLE)) == set(VARIABLE.findall(TEXT)) | set(arguments) | ours


def test_env_example_holds_no_secret():
    assert dict(
        re.findall(r"^(\w*(?:PASSWORD|SECRET|KEY)\w*)=(.*)$", EXAMPLE, re.MULTILINE)
    ).values()
    assert not re.search(r"^\w*(PASSWORD|SECRET|KEY)\w*=.", EXAMPLE, re.MULTILINE)


def test_no_file_names_a_registry():
    for file in (ROOT / "docker").iterdir():
        assert not re.search(
            r"https?://(?!127\.0\.0\.1)|(?:^|\s)[\w-]+\.[\w.-]+/[\w./-]+:[\w.]+", file.read_text()
        ), file


@pytest.fixture
def checkout(tmp_path):
    """A folder with nothing but what `make-env` needs."""
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "make-env").write_text((ROOT / "docker" / "make-env").read_text())
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def make_env(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(checkout / "docker" / "make-env")], capture_output=True, text=True
    )


def values(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", file.read_text(), re.MULTILINE))


def test_make_env_draws_every_secret_and_each_differs(checkout):
    assert make_env(checkout).returncode == 0
    example, made = values(checkout / ".env.example"), values(checkout / ".env")
    drawn = [made[name] for name, value in example.items() if not value]
    assert made.keys() == example.keys()
    assert {name: made[name] for name, value in example.items() if value} == {
        n: v for n, v in example.items() if v
    }
    assert len(set(drawn)) == len(drawn)
    assert all(re.fullmatch(r"[\w-]{43}=|[\w-]{64}|[\w-]{24}", secret) for secret in drawn)
    assert re.fullmatch(r"[\w-]{43}=", made["AIRFLOW_FERNET_KEY"])


def test_make_env_prints_where_airflow_is(checkout):
    said = make_env(checkout).stdout
    assert f"http://127.0.0.1:8080/{values(checkout / '.env')['AIRFLOW_PATH']}/" in said


def test_make_env_writes_for_its_owner_only_and_leaves_nothing_beside_it(checkout):
    old = os.umask(0)
    try:
        make_env(checkout)
    finally:
        os.umask(old)
    assert stat.S_IMODE((checkout / ".env").stat().st_mode) == 0o600
    assert sorted(file.name for file in checkout.iterdir()) == [".env", ".env.example", "docker"]


def test_make_env_never_overwrites(checkout):
    (checkout / ".env").write_text("MINE=1\n")
    done = make_env(checkout)
    assert done.returncode == 1
    assert "never overwritten" in done.stderr
    assert (checkout / ".env").read_text() == "MINE=1\n"


def test_the_image_installs_by_the_same_uv_as_the_makefile_and_by_hash():
    version = re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert version
    assert f"uv=={version[1]} " in DOCKERFILE
    assert "--no-deps --require-hashes" in DOCKERFILE


def test_the_image_runs_as_an_unprivileged_user():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["sixgate"]


def test_the_image_gets_what_runs_and_no_state_and_no_secret():
    ignore = (ROOT / ".dockerignore").read_text().split("\n")
    let_in = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    assert let_in >= {
        "dags",
        "pipelines",
        "plugins",
        "reference",
        "serving",
        "sql",
        "stack",
        "pyproject.toml",
        "README.md",
    }
    assert not any(line.startswith((".", "tests")) for line in let_in)


@pytest.fixture
def airflow_health():
    """An address that answers as Airflow's API server would: its scheduler is well and its triggerer is not."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 503)
            self.end_headers()
            self.wfile.write(
                b'{"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}}'
            )

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "parts", "fault"),
    [
        pytest.param("/health", [], "", id="an answer is enough when no part is named"),
        pytest.param("/health", ["scheduler"], "", id="a healthy part"),
        pytest.param(
            "/health",
            ["scheduler", "triggerer"],
            "triggerer is unhealthy",
            id="one part is not well",
        ),
        pytest.param(
            "/health",
            ["dag_processor"],
            "dag_processor is missing",
            id="a part nobody has heard of",
        ),
        pytest.param("/away", [], "503", id="an error is not health"),
    ],
)
def test_the_health_check_exits_0_only_when_all_is_well(airflow_health, path, parts, fault):
    command = [
        sys.executable,
        "-IS",
        str(ROOT / "docker" / "healthcheck.py"),
        airflow_health + path,
        *parts,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode == 0) == (not fault)
    assert fault in done.stderr
