"""The examples of docs/reference/scoring-server.md are what the server does."""

from __future__ import annotations

import re

import pytest

from pipelines.settings import ROOT, Settings

PAGE = (ROOT / "docs" / "reference" / "scoring-server.md").read_text()
EXAMPLES = re.findall(r"```http\n(\w+) (\S+)\n(.*?)→ (\d+) (.*?)\n```", PAGE, re.DOTALL)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "members"),
    EXAMPLES,
    ids=[f"{e[1]} {e[3]}" for e in EXAMPLES],
)
def test_an_example_is_answered_as_the_page_says(service, ask, method, path, body, status, members):
    answer = ask(
        service, method, path, content=body or None, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == int(status)
    assert set(members.split()) <= set(answer.json())


def test_the_readmes_request_is_answered(service, ask):
    (body,) = re.findall(
        r"/v1/fraud/predict .*?-d '(.*?)'", (ROOT / "README.md").read_text(), re.DOTALL
    )
    assert ask(service, "POST", "/v1/fraud/predict", content=body).status_code == 200


def test_the_page_names_every_figure_and_no_other(service):
    text = service.metrics.text().decode()
    shown = {name.removesuffix("_total") for name in re.findall(r"# TYPE (sixgate_\w+) ", text)}
    named = {name.removesuffix("_total") for name in re.findall(r"`(sixgate_\w+)`", PAGE)}
    read = {
        "sixgate_drift",
        "sixgate_drift_expected",
        "sixgate_alert",
    }  # of the database, which this service has none of
    assert named == {name for name in shown if not name.endswith("_created")} | read


def test_the_page_shows_the_settings_defaults():
    defaults = Settings.model_fields
    assert f"`{defaults['rate_limit'].default}`" in PAGE
    assert f"`SIXGATE_JOURNAL_SYNC` | `{defaults['journal_sync'].default}`" in PAGE
    assert defaults["journal_bytes"].default == 2**30
    assert len(EXAMPLES) >= 6
