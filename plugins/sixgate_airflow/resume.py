"""The operator that triggers promotions again which no run carries out."""

from typing import Any

from airflow.sdk import BaseOperator, Context

from pipelines.rules.use_case.policy import Policy
from sixgate_airflow.assets import candidate_asset
from sixgate_airflow.step import StepProcess

STEP = "resume_promotion"
ACTIVE = ["queued", "running"]


class ResumeOperator(BaseOperator):  # type: ignore[misc]  # Airflow is not typed
    """Emit the candidate asset again when an approved decision has no active promotion run.

    The step finds the decisions, this operator asks Airflow about their runs, and the step decides.
    """

    ui_color = "#e8f1fb"

    def __init__(self, *, use_case: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_case = use_case
        self.process = StepProcess(STEP, use_case)

    def execute(self, context: Context) -> Any:
        """Return the step's result; skipped, and emits no asset, unless a run is needed."""
        decisions = self.process.run(context, {})["decisions"]
        return self.process.run(context, self._state(context, decisions))

    def _state(self, context: Context, decisions: list[dict[str, Any]]) -> dict[str, Any]:
        """Whether the promotion DAG is paused, and which decisions have an active run."""
        instance = context["ti"]
        dag_id = f"{self.use_case}_promotion"
        active = [
            decision["id"]
            for decision in decisions
            if decision["runs"]
            and instance.get_dr_count(dag_id, run_ids=decision["runs"], states=ACTIVE)
        ]
        return {
            "paused": instance.get_dag(dag_id).is_paused,
            "active": active,
            "unbound": self._has_unbound(instance, dag_id),
        }

    def _has_unbound(self, instance: Any, dag_id: str) -> bool:
        """Whether a run waits to begin; it takes the newest decision when it does."""
        return bool(instance.get_dr_count(dag_id, states=["queued"]))

    def on_kill(self) -> None:
        """End the process and its children."""
        self.process.stop()


def resume_promotion(policy: Policy) -> ResumeOperator:
    """Return the task that triggers promotions again."""
    return ResumeOperator(
        task_id=STEP,
        use_case=policy.use_case,
        outlets=[candidate_asset(policy)],
    )
