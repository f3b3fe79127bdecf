"""Notifications of alerts through Airflow's notifiers."""

import html
import logging
from typing import Any

from airflow.sdk import BaseNotifier, BaseOperator, Context
from airflow.sdk.exceptions import AirflowException

from pipelines.rules.use_case.policy import Policy
from sixgate_airflow.step import StepProcess

log = logging.getLogger(__name__)
LOG = "log"
TIMEOUT = 10  # seconds


class NotifyOperator(BaseOperator):  # type: ignore[misc]  # Airflow is not typed here
    """Send the pending notifications to the targets of the policy.

    If a target fails, the others still get theirs, and the failed notification is sent again later.
    """

    ui_color = "#fdf2dc"

    def __init__(self, *, use_case: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.process = StepProcess("notify", use_case)

    def execute(self, context: Context) -> int:
        """Return the number of notifications sent; skipped if none is pending."""
        sent = []
        failed = {}
        for notification in self.process.run(context, {})["notifications"]:
            target = notification["target"]
            subject = notification["subject"]
            try:
                notifier(target, subject, notification["text"]).notify(context)
                sent.append(
                    {name: notification[name] for name in ("alert_id", "target", "notified")}
                )
            except Exception as error:
                failed[target] = f"{type(error).__name__}: {error}"
                log.exception("%s was not notified: %s", target, subject)
        if sent:
            self.process.run(context, {"notified": sent})
        if failed:
            failures = (f"{target} was not notified: {why}" for target, why in failed.items())
            raise AirflowException("; ".join(failures))
        return len(sent)

    def on_kill(self) -> None:
        """End the process and its children."""
        self.process.stop()


class LogNotifier(BaseNotifier):  # type: ignore[misc]
    """Write the notification to the task's log."""

    def __init__(self, subject: str, text: str) -> None:
        super().__init__()
        self.subject = subject
        self.text = text

    def notify(self, context: Context) -> None:
        """Write a warning."""
        log.warning("%s\n%s", self.subject, self.text)


class WebhookNotifier(BaseNotifier):  # type: ignore[misc]
    """POST {subject, text} as JSON to the URL of an HTTP connection.

    The connection's password is sent as a bearer token. Errors only contain the host, because the
    path of a webhook is often a secret.
    """

    def __init__(self, connection: Any, subject: str, text: str) -> None:
        super().__init__()
        self.connection = connection
        self.subject = subject
        self.text = text

    def notify(self, context: Context) -> None:
        """Send the notification; AirflowException unless the response is a success."""
        import httpx  # DAG files are parsed without it

        host = self.connection.host
        password = self.connection.password
        headers = {"Authorization": f"Bearer {password}"} if password else {}
        content = {"subject": self.subject, "text": self.text}
        try:
            response = httpx.post(
                self._url(),
                json=content,
                headers=headers,
                timeout=TIMEOUT,
            )
        except httpx.HTTPError as error:
            raise AirflowException(f"{host} did not answer: {type(error).__name__}") from None
        if not response.is_success:
            raise AirflowException(f"{host} answered {response.status_code}")

    def _url(self) -> str:
        connection = self.connection
        base = connection.host
        if "://" not in (base or ""):
            base = f"{connection.schema or 'https'}://{base}"
        port = f":{connection.port}" if connection.port else ""
        path = (connection.extra_dejson or {}).get("path", "")
        return f"{base}{port}{path}"


def notifier(target: str, subject: str, text: str) -> BaseNotifier:
    """Return the notifier of a target: `log`, or the id of an Airflow connection.

    The connection's type selects the notifier. An SMTP connection has the recipient in its extra,
    {"to": "ops@example.com"}; Slack needs its provider.
    """
    if target == LOG:
        return LogNotifier(subject, text)
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(target)
    kind = connection.conn_type
    if kind == "http":
        return WebhookNotifier(connection, subject, text)
    if kind == "smtp":
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        to = connection.extra_dejson.get("to")
        if not to:
            raise AirflowException(
                f"connection {target}: its extra has no recipient: "
                'write {"to": "ops@example.com"}'
            )
        return SmtpNotifier(
            to=to,
            subject=subject,
            html_content=f"<pre>{html.escape(text)}</pre>",
            smtp_conn_id=target,
        )
    if kind == "slackwebhook":
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        return SlackWebhookNotifier(slack_webhook_conn_id=target, text=f"*{subject}*\n{text}")
    raise AirflowException(
        f"connection {target} is of type {kind!r}: "
        "notifications are sent to smtp, slackwebhook and http"
    )


def notify(policy: Policy) -> NotifyOperator:
    """Return the task that sends notifications."""
    return NotifyOperator(task_id="notify", use_case=policy.use_case)
