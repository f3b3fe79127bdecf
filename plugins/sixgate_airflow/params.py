"""The parameters of a DAG for Airflow's trigger form, and a check for unknown ones."""

from collections.abc import Callable

from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException

from pipelines.rules.use_case.run_parameters import DAG_PARAMETERS, why_run_refused


def run_params(kind: str) -> dict[str, Param]:
    """Return the params of a kind of DAG."""
    return {
        name: Param(
            parameter.default,
            title=parameter.title,
            description=parameter.description,
            **parameter.schema,
        )
        for name, parameter in DAG_PARAMETERS[kind].items()
    }


def refuse_unknown(kind: str) -> Callable[[Context], None]:
    """Return a `pre_execute` for DAGs without steps: it fails a run with a wrong parameter.

    The failure is final: Airflow does not retry the task.
    """

    def check(context: Context) -> None:
        if reason := why_run_refused(kind, context["dag_run"].conf or {}):
            raise AirflowFailException(reason)

    return check
