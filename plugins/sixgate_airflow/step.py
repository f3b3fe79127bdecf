"""The operators that run one step of the lifecycle as a process of its own: Airflow orchestrates, it does not compute."""

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator, BaseOperatorLink, BranchMixIn, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from pipelines.rules.use_case.policy import Policy

SKIPPED, REFUSED = 99, 2
AIRFLOWS_OWN = re.compile(r"AIRFLOW__|AIRFLOW_CONN_|AIRFLOW_VAR_|SIXGATE_AIRFLOW_DATABASE_URL$")


class PageLink(BaseOperatorLink):  # type: ignore[misc]
    """A button on the task: the page that its result names."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """What the button says."""
        return self._name

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        """The result's `page`, '' while there is none; one that begins with / is Airflow's own."""
        from airflow.configuration import conf
        from airflow.sdk.execution_time.xcom import XCom  # not where DAGs are parsed

        result = XCom.get_value(ti_key=ti_key, key="return_value")
        page = str((result or {}).get("page", ""))
        return conf.get("api", "base_url").rstrip("/") + page if page.startswith("/") else page


class StepOperator(BaseOperator, BranchMixIn):  # type: ignore[misc]  # Airflow is not typed here
    """Run `sixgate step NAME`; its last line is the XCom. Exit code 99 skips, and 2 fails for good, with the reason it gives.

    `take` adds to the run's params what is only known at run time: {param: Jinja template}. With `branch`, the result's
    `next` names the task that follows, and the others are skipped; `page_link` names a button for its `page`.
    """

    template_fields: Sequence[str] = ("take",)
    ui_color = "#e8f1fb"

    def __init__(
        self,
        *,
        step_name: str,
        use_case: str,
        take: dict[str, str] | None = None,
        branch: bool = False,
        page_link: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operator_extra_links = (PageLink(page_link),) if page_link else ()
        self.take = take or {}
        self.branch = branch
        self.process = StepProcess(step_name, use_case)

    def execute(self, context: Context) -> Any:
        """Run the step and return its result."""
        result = self.process.run(context, self.take)
        if self.branch:
            context["ti"].xcom_push(
                key="return_value", value=result
            )  # branching ends the task by raising
            self.do_branch(context, result["next"])
        return result

    def on_kill(self) -> None:
        """Pass a kill on to the process and its children."""
        self.process.stop()


class ReviewOperator(ApprovalOperator):  # type: ignore[misc]
    """Ask a person to approve a decision, and record the answer whatever it is: who gave it, and the form's `comment`."""

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "take")

    def __init__(self, *, use_case: str, take: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.take = take
        self.process = StepProcess("review", use_case)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer, then go on or skip."""
        if "error" not in event:
            person = event.get("responded_by_user")
            answer = {
                "approved": event["chosen_options"] == [self.APPROVE],
                "reviewer": person["name"] if person else None,
                "comment": (event.get("params_input") or {}).get("comment", ""),
            }
            self.process.run(context, {**self.take, **answer})
        return super().execute_complete(context, event)

    def on_kill(self) -> None:
        """Pass a kill on to the process and its children."""
        self.process.stop()


class StepProcess:
    """`sixgate step NAME` as a process of its own, told which run it belongs to."""

    def __init__(self, name: str, use_case: str) -> None:
        self.name, self.use_case = name, use_case
        self._hook: SubprocessHook | None = None

    def run(self, context: Context, take: dict[str, Any]) -> Any:
        """Run it with the run's params and what is taken beside them; returns its result, or ends the task as it ended."""
        self._hook = SubprocessHook()
        done = self._hook.run_command(
            self.command(context), env=environment() | self.told(context, take)
        )
        if done.exit_code == REFUSED:
            raise AirflowFailException(done.output)
        if done.exit_code not in (0, SKIPPED):
            raise AirflowException(
                f"step {self.name} failed with exit code {done.exit_code}: {done.output}"
            )
        result = self._result(done.output)
        if done.exit_code == SKIPPED:
            raise AirflowSkipException(result.get("skipped", "nothing to do"))
        return result

    def command(self, context: Context) -> list[str]:
        """The command line; every user of the machine can read it."""
        run = context["dag_run"]
        return [
            sys.executable, "-m", "pipelines", "step", self.name,
            "--use-case", self.use_case,
            "--run-id", context["run_id"],
            "--as-of", run.run_after.isoformat(),
            "--trigger", run.run_type.value,
        ]  # fmt: skip

    def told(self, context: Context, take: dict[str, Any]) -> dict[str, str]:
        """What people wrote goes by the environment, which is the process's own: params as one JSON object, and who asked."""
        run = context["dag_run"]
        # With [core] dag_run_conf_overrides_params off, Airflow leaves the run's conf out of params.
        # The step has to see all of it, because it refuses what it does not know.
        params = json.dumps({**context["params"], **(run.conf or {}), **take}, default=str)
        by = getattr(run, "triggering_user_name", None) or ""
        return {"SIXGATE_STEP_PARAMS": params, "SIXGATE_STEP_REQUESTED_BY": by}

    def stop(self) -> None:
        """End the process and its children, if there are any."""
        if self._hook:
            self._hook.send_sigterm()

    def _result(self, line: str) -> Any:
        try:
            return json.loads(line)
        except ValueError as error:
            raise AirflowException(
                f"step {self.name} ended without a result; its last line was {line!r}"
            ) from error


def environment() -> dict[str, str]:
    """What a step is told: this process's environment without Airflow's own secrets, which steps have no use for."""
    return {name: value for name, value in os.environ.items() if not AIRFLOWS_OWN.match(name)}


def step(name: str, policy: Policy | str, **kwargs: Any) -> StepOperator:
    """The task of one step, for a policy's use case or one named; the task has the step's name."""
    kwargs.setdefault("task_id", name)
    use_case = policy if isinstance(policy, str) else policy.use_case
    return StepOperator(step_name=name, use_case=use_case, **kwargs)
