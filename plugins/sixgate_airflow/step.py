"""The operator that runs one step of the lifecycle as a process of its own: Airflow orchestrates, it does not compute."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator, BranchMixIn, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from pipelines.rules.policy import Policy

SKIPPED, REFUSED = 99, 2


class StepOperator(BaseOperator, BranchMixIn):  # type: ignore[misc]  # Airflow is not typed here
    """Run `sixgate step NAME`; its last line is the XCom. Exit code 99 skips, and 2 fails for good, with the reason it gives.

    `take` adds to the run's params what is only known at run time: {param: Jinja template}. With `branch`, the result's
    `next` names the task that follows, and the others are skipped.
    """

    template_fields: Sequence[str] = ("arguments", "take")
    ui_color = "#e8f1fb"

    def __init__(
        self, *, step_name: str, use_case: str, take: dict[str, str] | None = None, branch: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.step_name = step_name
        self.take = take or {}
        self.branch = branch
        self.arguments = [
            "--use-case", use_case,
            "--run-id", "{{ run_id }}",
            "--as-of", "{{ dag_run.run_after.isoformat() }}",
            "--trigger", "{{ dag_run.run_type.value }}",
            "--requested-by", "{{ dag_run.triggering_user_name or '' }}",
        ]  # fmt: skip
        self._hook: SubprocessHook | None = None

    def execute(self, context: Context) -> Any:
        """Run the step and return its result."""
        params = json.dumps({**context["params"], **self.take}, default=str)
        command = [sys.executable, "-m", "pipelines", "step", self.step_name, *self.arguments, "--params", params]
        self._hook = SubprocessHook()
        done = self._hook.run_command(command)
        if done.exit_code == REFUSED:
            raise AirflowFailException(done.output)
        if done.exit_code not in (0, SKIPPED):
            raise AirflowException(f"step {self.step_name} failed with exit code {done.exit_code}: {done.output}")
        result = self._result(done.output)
        if done.exit_code == SKIPPED:
            raise AirflowSkipException(result.get("skipped", "nothing to do"))
        if self.branch:
            context["ti"].xcom_push(key="return_value", value=result)  # branching ends the task by raising
            self.do_branch(context, result["next"])
        return result

    def on_kill(self) -> None:
        """Pass a kill on to the process and its children."""
        if self._hook:
            self._hook.send_sigterm()

    def _result(self, line: str) -> Any:
        try:
            return json.loads(line)
        except ValueError as error:
            raise AirflowException(f"step {self.step_name} ended without a result; its last line was {line!r}") from error


def step(name: str, policy: Policy, **kwargs: Any) -> StepOperator:
    """The task of one step; the task has the step's name."""
    kwargs.setdefault("task_id", name)
    return StepOperator(step_name=name, use_case=policy.use_case, **kwargs)
