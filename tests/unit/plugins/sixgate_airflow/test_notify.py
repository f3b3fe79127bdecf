"""Notifications: each target gets its own, and one that fails does not keep it from the others."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowException
from sixgate_airflow.notify import LogNotifier, NotifyOperator, WebhookNotifier, notifier

from stack.temporary_services import free_port
from tests.dags.listeners import hook
from tests.unit.plugins.sixgate_airflow.steps import Program, context


def connection(kind="http", host="127.0.0.1", **values):
    defaults = {"schema": "http", "port": None, "password": None, "extra_dejson": {}}
    return SimpleNamespace(conn_type=kind, host=host, **(defaults | values))


@pytest.fixture
def connections(monkeypatch):
    """Airflow's connections by id."""
    known = {}
    monkeypatch.setattr(BaseHook, "get_connection", known.__getitem__)
    return known


def notification(target, alert_id=1):
    return {
        "alert_id": alert_id,
        "target": target,
        "notified": "ALERT",
        "subject": "[ALERT] fraud",
        "text": "amount",
    }


def operator(*pending):
    """The task, and a step that returns pending notifications and then what was sent."""
    task = NotifyOperator(task_id="notify", use_case="fraud")
    code = (
        "import json, os\n"
        "sent = json.loads(os.environ['SIXGATE_STEP_PARAMS']).get('notified')\n"
        f"open(os.environ['SENT'], 'a').write(json.dumps(sent) + '\\n')\n"
        f"print({json.dumps({'notifications': pending})!r})"
    )
    task.process = Program(code)
    return task


@pytest.fixture
def sent(tmp_path, monkeypatch):
    """What the step was told, in order."""
    file = tmp_path / "sent"
    monkeypatch.setenv("SENT", str(file))
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


def test_a_webhook_gets_subject_and_text_with_the_password_as_a_token() -> None:
    with hook() as (port, received):
        given = connection(port=port, password="s3cret", extra_dejson={"path": "/drift"})
        WebhookNotifier(given, "subject", "text").notify({})
        WebhookNotifier(connection(port=port), "subject", "text").notify({})
    first, second = received
    assert first == {
        "path": "/drift",
        "authorization": "Bearer s3cret",
        "subject": "subject",
        "text": "text",
    }
    assert second["authorization"] is None


def test_a_webhook_that_fails_is_named_by_its_host_and_never_by_its_secret_path() -> None:
    secret = {"path": "/services/T0/s3cret"}
    away = connection(port=free_port(), extra_dejson=secret)
    with pytest.raises(AirflowException, match=r"^127\.0\.0\.1 did not answer: ConnectError$"):
        WebhookNotifier(away, "subject", "text").notify({})


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (connection(host="hooks.example", schema=None), "https://hooks.example"),
        (connection(host="hooks.example", port=8443), "http://hooks.example:8443"),
        (connection(host="https://hooks.example", schema="http"), "https://hooks.example"),
        (connection(host="h", extra_dejson={"path": "/a?b=c"}), "http://h/a?b=c"),
    ],
)
def test_the_url_of_a_webhook_is_that_of_its_connection(given, url) -> None:
    assert WebhookNotifier(given, "s", "t")._url() == url


@pytest.mark.parametrize(
    ("kind", "extra", "message"),
    [
        pytest.param("smtp", {}, "its extra has no recipient: write", id="a mail to nobody"),
        pytest.param("ftp", {}, "is of type 'ftp': notifications are sent to smtp", id="ftp"),
    ],
)
def test_a_target_that_can_not_be_notified_says_what_is_missing(
    connections, kind, extra, message
) -> None:
    connections["ops"] = connection(kind, extra_dejson=extra)
    with pytest.raises(
        AirflowException, match=f"connection ops: {message}|connection ops {message}"
    ):
        notifier("ops", "subject", "text")


def test_a_mail_shows_text_that_looks_like_html_as_it_was_written(connections) -> None:
    connections["mail"] = connection("smtp", extra_dejson={"to": "ops@example.com"})
    mail = notifier("mail", "subject", "a <b>bold</b> claim")
    assert mail.to == "ops@example.com"
    assert mail.html_content == "<pre>a &lt;b&gt;bold&lt;/b&gt; claim</pre>"


def test_the_target_log_writes_to_the_log_of_the_task(caplog) -> None:
    notifier = LogNotifier("[ALERT] fraud", "amount")
    with caplog.at_level(logging.WARNING):
        notifier.notify({})
    assert "[ALERT] fraud\namount" in caplog.text


def test_what_was_sent_is_recorded(sent) -> None:
    assert operator(notification("log", 1), notification("log", 2)).execute(context()) == 2
    asked, notified = sent()
    assert asked is None
    assert notified == [
        {"alert_id": number, "target": "log", "notified": "ALERT"} for number in (1, 2)
    ]


def test_a_target_that_fails_fails_the_task_after_the_others_were_notified(
    connections, sent
) -> None:
    connections["away"] = connection(port=free_port())
    with pytest.raises(AirflowException, match=r"^away was not notified: AirflowException: 127"):
        operator(notification("away"), notification("log")).execute(context())
    _, notified = sent()
    assert [each["target"] for each in notified] == ["log"]


def test_without_a_notification_nothing_is_recorded(sent) -> None:
    assert operator().execute(context()) == 0
    assert sent() == [None]
