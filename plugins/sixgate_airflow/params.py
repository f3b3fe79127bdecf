"""The parameters of a DAG as Airflow's form shows them, and a task's check that there are no others."""

from collections.abc import Callable

from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException

from pipelines.rules.use_case.run_parameters import DAG_PARAMETERS, why_run_refused


def run_params(kind: str) -> dict[str, Param]:
    """The params of a kind of DAG."""
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
    """A `pre_execute` for a DAG without steps: fail for good when the run has a wrong parameter."""

    def check(context: Context) -> None:
        if refused := why_run_refused(kind, context["dag_run"].conf or {}):
            raise AirflowFailException(refused)

    return check
