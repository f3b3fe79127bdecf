"""The operators that run one step of the lifecycle in a separate process.

Airflow orchestrates; it does not compute.
"""

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

from pipelines.exit_codes import OK, REFUSED, SKIPPED
from pipelines.rules.use_case.policy import Policy

AIRFLOWS_OWN = re.compile(r"AIRFLOW__|AIRFLOW_CONN_|AIRFLOW_VAR_|SIXGATE_AIRFLOW_DATABASE_URL$")


class StepOperator(BaseOperator, BranchMixIn):  # type: ignore[misc]  # Airflow is not typed
    """Run `sixgate step NAME`; the last line of its output is the XCom.

    Exit code 99 skips the task and exit code 2 fails it without a retry, each with the reason in
    the output. `take` adds params that are only known at run time: {param: Jinja template}. With
    `branch`, the result's `next` names the task that follows, and the others are skipped.
    `link` is a button on the task.
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
        link: BaseOperatorLink | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operator_extra_links = (link,) if link else ()
        self.use_case = use_case
        self.take = take or {}
        self.branch = branch
        self.process = StepProcess(step_name, use_case)

    def execute(self, context: Context) -> Any:
        """Run the step and return its result."""
        result = self.process.run(context, self.take)
        if self.branch:
            # Branching ends the task by raising, so the result is pushed before.
            context["ti"].xcom_push(key="return_value", value=result)
            self.do_branch(context, result["next"])
        return result

    def on_kill(self) -> None:
        """End the process and its children."""
        self.process.stop()


class ReviewOperator(ApprovalOperator):  # type: ignore[misc]
    """Wait until a person approves or rejects a decision, and record who did and the `comment`."""

    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, "take")

    def __init__(self, *, use_case: str, take: dict[str, str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.take = take
        self.process = StepProcess("review", use_case)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Record the answer, then continue, or skip the following tasks after a rejection."""
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
        """End the process and its children."""
        self.process.stop()


class StepProcess:
    """One run of `sixgate step NAME` in a separate process."""

    def __init__(self, name: str, use_case: str) -> None:
        self.name = name
        self.use_case = use_case
        self._hook: SubprocessHook | None = None

    def run(self, context: Context, take: dict[str, Any]) -> Any:
        """Run the step with the run's params and `take`, and return its result.

        Raises the exception of Airflow that skips or fails the task as the step's exit code says.
        """
        self._hook = SubprocessHook()
        variables = environment() | self.variables(context, take)
        process = self._hook.run_command(self.command(context), env=variables)
        if process.exit_code == REFUSED:
            raise AirflowFailException(process.output)
        if process.exit_code not in (OK, SKIPPED):
            raise AirflowException(
                f"step {self.name} failed with exit code {process.exit_code}: {process.output}"
            )
        result = self._result(process.output)
        if process.exit_code == SKIPPED:
            raise AirflowSkipException(result.get("skipped", "nothing to do"))
        return result

    def command(self, context: Context) -> list[str]:
        """Return the command line, which every user of the machine can read."""
        run = context["dag_run"]
        options = {
            "--use-case": self.use_case,
            "--run-id": context["run_id"],
            "--as-of": run.run_after.isoformat(),
            "--trigger": run.run_type.value,
        }
        arguments = [part for option in options.items() for part in option]
        return [sys.executable, "-m", "pipelines", "step", self.name, *arguments]

    def variables(self, context: Context, take: dict[str, Any]) -> dict[str, str]:
        """Return the environment variables with the params, as a JSON object, and the user.

        What people entered is not on the command line, which other users of the machine can read.
        """
        run = context["dag_run"]
        # With [core] dag_run_conf_overrides_params off, params do not contain the run's conf.
        # The step needs all of it, because it refuses unknown parameters.
        params = {**context["params"], **(run.conf or {}), **take}
        return {
            "SIXGATE_STEP_PARAMS": json.dumps(params, default=str),
            "SIXGATE_STEP_REQUESTED_BY": getattr(run, "triggering_user_name", None) or "",
        }

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
    """Return this process's environment without Airflow's secrets, which steps do not need."""
    return {name: value for name, value in os.environ.items() if not AIRFLOWS_OWN.match(name)}


def step(name: str, policy: Policy | str, **kwargs: Any) -> StepOperator:
    """Return the task of one step, for a policy's use case or a use case's name.

    The task id is the step's name unless `kwargs` has another one.
    """
    kwargs.setdefault("task_id", name)
    use_case = policy if isinstance(policy, str) else policy.use_case
    return StepOperator(step_name=name, use_case=use_case, **kwargs)
