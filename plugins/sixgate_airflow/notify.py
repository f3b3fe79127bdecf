"""News of alerts on its way to people, through Airflow's notifiers."""

import html
import logging
from typing import Any

from airflow.sdk import BaseNotifier, BaseOperator, Context
from airflow.sdk.exceptions import AirflowException

from pipelines.rules.use_case.policy import Policy
from sixgate_airflow.step import StepProcess

log = logging.getLogger(__name__)
LOG, TIMEOUT = "log", 10


class NotifyOperator(BaseOperator):  # type: ignore[misc]  # Airflow is not typed here
    """Tell every target of the policy what is new. A target that can't be reached hinders no other, and is tried again."""

    ui_color = "#fdf2dc"

    def __init__(self, *, use_case: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.process = StepProcess("notify", use_case)

    def execute(self, context: Context) -> int:
        """Return how much was told; skipped when there is no news."""
        told, failed = [], {}
        for one in self.process.run(context, {})["news"]:
            try:
                notifier(one["target"], one["subject"], one["text"]).notify(context)
                told.append({name: one[name] for name in ("alert_id", "target", "told")})
            except Exception as error:
                failed[one["target"]] = f"{type(error).__name__}: {error}"
                log.exception("%s could not be told: %s", one["target"], one["subject"])
        if told:
            self.process.run(context, {"told": told})
        if failed:
            raise AirflowException(
                "; ".join(f"{target} was not told: {why}" for target, why in failed.items())
            )
        return len(told)

    def on_kill(self) -> None:
        """Pass a kill on to the process and its children."""
        self.process.stop()


class LogNotifier(BaseNotifier):  # type: ignore[misc]
    """Say it in the task's log."""

    def __init__(self, subject: str, text: str) -> None:
        super().__init__()
        self.subject, self.text = subject, text

    def notify(self, context: Context) -> None:
        """Write a warning."""
        log.warning("%s\n%s", self.subject, self.text)


class WebhookNotifier(BaseNotifier):  # type: ignore[misc]
    """POST {subject, text} as JSON to an HTTP connection's address; its password goes as a bearer token.

    Errors name the host alone: the path of a hook is often its secret.
    """

    def __init__(self, connection: Any, subject: str, text: str) -> None:
        super().__init__()
        self.connection, self.subject, self.text = connection, subject, text

    def notify(self, context: Context) -> None:
        """Send it; an answer that is no success raises."""
        import httpx  # not where DAGs are parsed

        at = self.connection
        port = f":{at.port}" if at.port else ""
        path = (at.extra_dejson or {}).get("path", "")
        host = at.host if "://" in (at.host or "") else f"{at.schema or 'https'}://{at.host}"
        headers = {"Authorization": f"Bearer {at.password}"} if at.password else {}
        content = {"subject": self.subject, "text": self.text}
        try:
            answer = httpx.post(
                f"{host}{port}{path}", json=content, headers=headers, timeout=TIMEOUT
            )
        except httpx.HTTPError as error:
            raise AirflowException(f"{at.host} did not answer: {type(error).__name__}") from None
        if not answer.is_success:
            raise AirflowException(f"{at.host} answered {answer.status_code}")


def notifier(target: str, subject: str, text: str) -> BaseNotifier:
    """The notifier of a target: `log`, or what fits the type of the connection of that id.

    An SMTP connection names who gets mail in its extra, {"to": "ops@example.com"}; Slack wants its provider installed.
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
                f'connection {target}: its extra names nobody: write {{"to": "ops@example.com"}}'
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
        f"connection {target} is of type {kind!r}: news goes to smtp, slackwebhook and http"
    )


def notify(policy: Policy) -> NotifyOperator:
    """The task that tells people."""
    return NotifyOperator(task_id="notify", use_case=policy.use_case)
