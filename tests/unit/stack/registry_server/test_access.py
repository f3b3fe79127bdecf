"""Who may ask the MLflow server for what."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rules.model.bundle import FILES, WARM_UP
from stack.registry_server.access import (
    SERVER,
    STEPS,
    foreign,
    location_refused,
    overwrite_refused,
    refused,
    source_refused,
)
from stack.registry_server.app import account_of, is_basic

API = "/api/2.0/"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize(
    ("account", "method", "path"),
    [
        pytest.param(None, "GET", "/health", id="anybody asks for health"),
        pytest.param("admin", "GET", "/", id="a person opens the user interface"),
        pytest.param("admin", "POST", "/graphql", id="the user interface reads by GraphQL"),
        pytest.param(
            "admin",
            "DELETE",
            "/ajax-api/2.0/mlflow/registered-models/alias",
            id="a person moves an alias",
        ),
        pytest.param(
            "admin", "POST", "/api/2.0/mlflow/users/create", id="a person makes an account"
        ),
        pytest.param(STEPS, "POST", API + "mlflow/runs/create", id="steps log runs"),
        pytest.param(STEPS, "POST", API + "mlflow/experiments/search", id="steps search"),
        pytest.param(
            STEPS, "POST", API + "mlflow/registered-models/alias", id="promotion points the alias"
        ),
        pytest.param(
            STEPS,
            "DELETE",
            API + "mlflow/registered-models/alias",
            id="promotion takes an alias away",
        ),
        pytest.param(
            STEPS,
            "PUT",
            API + "mlflow-artifacts/artifacts/1/models/m-1/artifacts/x",
            id="steps write files",
        ),
        pytest.param(
            SERVER,
            "GET",
            API + "mlflow/registered-models/search",
            id="the server asks for the alias",
        ),
        pytest.param(
            SERVER,
            "GET",
            API + "mlflow-artifacts/artifacts/1/models/m-1/artifacts/x",
            id="the server reads files",
        ),
    ],
)
def test_what_is_needed_is_let_through(account: str | None, method: str, path: str) -> None:
    assert refused(account, method, path) is None


@pytest.mark.parametrize(
    ("account", "method", "path"),
    [
        pytest.param(
            "admin", "POST", "/ajax-api/3.0/mlflow/assistant/message", id="nobody runs an assistant"
        ),
        pytest.param(
            "admin",
            "PUT",
            "/ajax-api/3.0/mlflow/assistant/config",
            id="nobody configures an assistant",
        ),
        pytest.param(
            "admin",
            "POST",
            API + "mlflow/webhooks",
            id="nobody makes the server call other addresses",
        ),
        pytest.param(
            "admin", "POST", API + "mlflow/gateway/endpoints/create", id="nobody uses the gateway"
        ),
        pytest.param(
            "admin", "POST", "/ajax-api/2.0/mlflow/gateway-proxy", id="nobody uses the proxy"
        ),
        pytest.param("admin", "POST", "/ajax-api/3.0/jobs/", id="nobody starts jobs"),
        pytest.param("admin", "PATCH", API + "mlflow/traces/1/tags", id="nobody writes traces"),
        pytest.param("admin", "POST", "/v1/traces", id="nobody sends telemetry"),
        pytest.param(STEPS, "POST", API + "mlflow/users/create", id="steps make no account"),
        pytest.param(STEPS, "GET", API + "mlflow/users/list", id="steps see no account"),
        pytest.param(
            STEPS, "PATCH", API + "mlflow/users/update-password", id="steps change no password"
        ),
        pytest.param(
            STEPS, "DELETE", API + "mlflow/registered-models/delete", id="steps delete no model"
        ),
        pytest.param(
            STEPS, "POST", API + "mlflow/experiments/delete", id="steps delete no experiment"
        ),
        pytest.param(STEPS, "POST", API + "mlflow/runs/delete", id="steps delete no run"),
        pytest.param(
            STEPS, "DELETE", API + "mlflow-artifacts/artifacts/1/x", id="steps delete no file"
        ),
        pytest.param(
            STEPS,
            "POST",
            "/ajax-api/2.0/mlflow/upload-artifact",
            id="steps do not use the form's upload",
        ),
        pytest.param(STEPS, "GET", "/", id="steps see no page"),
        pytest.param(
            SERVER, "POST", API + "mlflow/registered-models/alias", id="the server points no alias"
        ),
        pytest.param(
            SERVER, "POST", API + "mlflow/registered-models/search", id="the server only reads"
        ),
        pytest.param(
            SERVER, "PUT", API + "mlflow-artifacts/artifacts/1/x", id="the server writes no file"
        ),
        pytest.param(SERVER, "GET", API + "mlflow/runs/get", id="the server reads no run"),
        pytest.param("admin", "GET", "/nowhere", id="what is not known is not there"),
        pytest.param(
            "admin", "GET", "//api/2.0/mlflow/gateway", id="a doubled slash is no way around"
        ),
        pytest.param(
            "admin",
            "GET",
            "/api/2.0/mlflow/runs/../gateway/x/../..",
            id="dots lead to no other group",
        ),
    ],
)
def test_what_is_not_needed_is_refused(account: str | None, method: str, path: str) -> None:
    assert refused(account, method, path)


@given(st.sampled_from(METHODS), st.text(max_size=60))
def test_the_server_account_never_writes(method: str, rest: str) -> None:
    for prefix in (API, "/ajax-api/2.0/", "/ajax-api/3.0/", "/"):
        if refused(SERVER, method, prefix + rest) is None:
            assert method in ("GET", "HEAD", "OPTIONS")


@pytest.mark.parametrize(
    ("origin", "fetch_site", "path", "refused_too"),
    [
        pytest.param(
            None, None, API + "mlflow/runs/create", False, id="a program sends neither header"
        ),
        pytest.param(
            "http://127.0.0.1:5000",
            "same-origin",
            API + "mlflow/runs/create",
            False,
            id="the user interface",
        ),
        pytest.param(
            None, "cross-site", "/", False, id="a link from elsewhere opens the user interface"
        ),
        pytest.param(
            "https://evil.example",
            "cross-site",
            API + "mlflow/runs/create",
            True,
            id="a page from elsewhere",
        ),
        pytest.param(
            "http://127.0.0.1:9999",
            "same-site",
            API + "mlflow/runs/create",
            True,
            id="another port of this machine",
        ),
        pytest.param(
            "null", "cross-site", API + "mlflow/runs/create", True, id="a frame without an origin"
        ),
        pytest.param(
            None,
            "same-site",
            API + "mlflow-artifacts/artifacts/1/x",
            True,
            id="a picture on another page",
        ),
        pytest.param(
            "http://127.0.0.1:5000.evil.example",
            None,
            "/graphql",
            True,
            id="a name that begins as ours",
        ),
    ],
)
def test_only_its_own_pages_use_the_api(
    origin: str | None, fetch_site: str | None, path: str, refused_too: bool
) -> None:
    reason = foreign(
        origin=origin,
        fetch_site=fetch_site,
        host="127.0.0.1:5000",
        path=path,
    )
    assert (reason is not None) == refused_too


@pytest.mark.parametrize(
    "location",
    ["file:///x", "/x", "x", "s3://x/y", "mlflow-artifacts:/../x", "http://127.0.0.1/x", " "],
)
def test_an_experiment_names_no_place_for_its_files(location: str) -> None:
    assert location_refused("") is None
    assert location_refused(location)


@pytest.mark.parametrize(
    "source", ["file:///etc", "/etc", "s3://x", "http://127.0.0.1:1/x", "", "MODELS:/x", "../x"]
)
def test_a_version_comes_from_a_run_or_a_model(source: str) -> None:
    assert source_refused("models:/m-1") is None
    assert source_refused("runs:/1/model") is None
    assert source_refused(source)


@pytest.mark.parametrize(
    ("header", "account"),
    [
        pytest.param(None, None, id="no header"),
        pytest.param("Bearer x", None, id="another scheme"),
        pytest.param("Basic !", None, id="no base64"),
        pytest.param(
            "Basic " + base64.b64encode(b"steps:a:b").decode(),
            "steps",
            id="a colon in the password",
        ),
        pytest.param(
            "basic " + base64.b64encode(b"server:").decode(),
            "server",
            id="the scheme in small letters",
        ),
    ],
)
def test_the_account_is_read_as_mlflow_reads_it(header: str | None, account: str | None) -> None:
    assert account_of(header) == account


@pytest.mark.parametrize(
    ("header", "basic"),
    [
        pytest.param("Basic " + base64.b64encode(b"a:b").decode(), True, id="user and password"),
        pytest.param("Bearer x", False, id="a token"),
        pytest.param("Basic", False, id="nothing"),
        pytest.param("Basic\tYTpi", False, id="a tab"),
        pytest.param("Basic é", False, id="no ASCII"),
        pytest.param("Basic YTpi!", False, id="more than base64"),
        pytest.param("Basic " + base64.b64encode(b"\xff:b").decode(), False, id="no UTF-8"),
        pytest.param("Basic " + base64.b64encode(b"ab").decode(), False, id="no colon"),
    ],
)
def test_mlflow_is_asked_with_headers_that_it_can_read(header: str, basic: bool) -> None:
    assert is_basic(header) == basic


@pytest.mark.parametrize("name", [*FILES, "MLmodel", "a/b", f"{WARM_UP}.old", f"x{WARM_UP}"])
def test_steps_write_a_models_file_once(name: str) -> None:
    assert overwrite_refused(STEPS, f"1/models/m-1/artifacts/{name}")
    assert overwrite_refused("admin", f"1/models/m-1/artifacts/{name}") is None


@pytest.mark.parametrize(
    "file", [f"1/models/m-1/artifacts/{WARM_UP}", "1/0a1b/artifacts/explanations/2026-11-25/x.png"]
)
def test_steps_write_anew_what_is_no_part_of_a_model(file: str) -> None:
    assert overwrite_refused(STEPS, file) is None
