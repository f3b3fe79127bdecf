"""The examples of docs/reference/scoring-server.md match the server."""

from __future__ import annotations

import re

import pytest

from pipelines.settings import ROOT, Settings

PAGE = (ROOT / "docs" / "reference" / "scoring-server.md").read_text()
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```http\n(\w+) (\S+)\n(.*?)→ (\d+) (.*?)\n```", PAGE, re.DOTALL)
# Metrics that are read from the database, which the service of these tests does not have.
FROM_DATABASE = {"sixgate_drift", "sixgate_drift_expected", "sixgate_alert"}


def without_suffix(names: list[str]) -> set[str]:
    return {name.removesuffix("_total") for name in names}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "members"),
    EXAMPLES,
    ids=[f"{e[1]} {e[3]}" for e in EXAMPLES],
)
def test_an_example_is_answered_as_the_page_says(client, method, path, body, status, members):
    headers = {"Content-Type": "application/json"}
    answer = client.request(
        method,
        path,
        content=body or None,
        headers=headers,
    )
    assert answer.status_code == int(status)
    missing = set(members.split()) - set(answer.json())
    assert not missing


def test_the_readmes_request_is_answered(client):
    (body,) = re.findall(r"/v1/fraud/predict .*?-d '(.*?)'", README, re.DOTALL)
    answer = client.post("/v1/fraud/predict", content=body)
    assert answer.status_code == 200


def test_the_page_names_every_metric_and_no_other(service):
    text = service.metrics.text().decode()
    exported = without_suffix(re.findall(r"# TYPE (sixgate_\w+) ", text))
    exported = {name for name in exported if not name.endswith("_created")}
    documented = without_suffix(re.findall(r"`(sixgate_\w+)`", PAGE))
    assert documented == exported | FROM_DATABASE


def test_the_page_shows_the_settings_defaults():
    defaults = Settings.model_fields
    rate_limit = defaults["rate_limit"].default
    journal_sync = defaults["journal_sync"].default
    assert f"`{rate_limit}`" in PAGE
    assert f"`SIXGATE_JOURNAL_SYNC` | `{journal_sync}`" in PAGE
    assert defaults["journal_bytes"].default == 2**30
    assert len(EXAMPLES) >= 6
