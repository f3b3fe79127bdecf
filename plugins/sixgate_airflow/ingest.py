"""The operator that imports from a team's own database or folder, and what triggers it."""

from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, Context, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from pipelines.rules.use_case.policy import Policy
from pipelines.rules.use_case.policy_sections.ingest import HistorySource, LabelSource
from sixgate_airflow.step import StepOperator, StepProcess

VARIABLE = "SIXGATE_INGEST_CONNECTION"
POSTGRESQL = "postgres"


class IngestOperator(StepOperator):
    """Run a step that imports; `connection_id` is the Airflow connection of its database, if any.

    The connection is resolved when the task runs, and its URL, which has the password, reaches the
    step in an environment variable: not on the command line, in a rendered field, or in XCom.
    """

    def __init__(self, *, step_name: str, use_case: str, connection_id: str, **kwargs: Any) -> None:
        super().__init__(step_name=step_name, use_case=use_case, **kwargs)
        self.connection_id = connection_id
        self.process = _IngestProcess(step_name, use_case, connection_id)


class _IngestProcess(StepProcess):
    """One run of a step with the URL of a connection."""

    def __init__(self, name: str, use_case: str, connection_id: str) -> None:
        super().__init__(name, use_case)
        self._connection_id = connection_id

    def variables(self, context: Context, take: dict[str, Any]) -> dict[str, str]:
        """Return the environment variables, with the URL if there is a connection."""
        variables = super().variables(context, take)
        if self._connection_id:
            variables[VARIABLE] = url_of(self._connection_id)
        return variables


def url_of(connection_id: str) -> str:
    """Return the URL of a connection, as SQLAlchemy and libpq read it.

    Raises AirflowFailException, which Airflow does not retry, when there is no such connection.
    """
    from airflow.sdk import BaseHook

    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        raise AirflowFailException(
            f"there is no Airflow connection {connection_id!r}: create it under Admin → "
            f"Connections, or set AIRFLOW_CONN_{connection_id.upper()} for the scheduler"
        ) from None
    hook = connection.get_hook()
    if connection.conn_type != POSTGRESQL:
        return str(hook.get_uri())
    # The hook's URL leaves out the settings of the driver, such as sslmode.
    settings = {
        name: str(value)
        for name, value in (connection.extra_dejson or {}).items()
        if name not in hook.ignored_extra_options and isinstance(value, str | int)
    }
    url = hook.sqlalchemy_url.set(drivername="postgresql").update_query_dict(settings)
    return str(url.render_as_string(hide_password=False))


def ingest_schedule(policy: Policy) -> Any:
    """Return what starts a run: the schedule, the team's asset, either of them, or None.

    The asset is referred to by its name or URI, so that its own definition stays as it is.
    """
    ingest = policy.ingest
    if not ingest.asset:
        return ingest.schedule or None
    is_uri = "://" in ingest.asset
    asset = Asset.ref(uri=_as_stored(ingest.asset)) if is_uri else Asset.ref(name=ingest.asset)
    if not ingest.schedule:
        return [asset]
    timetable = CronTriggerTimetable(ingest.schedule, timezone="UTC")
    return AssetOrTimeSchedule(timetable=timetable, assets=[asset])


def _as_stored(uri: str) -> str:
    """Return a URI as Airflow stores that of an asset: `warehouse://x` as `warehouse://x/`."""
    try:
        return str(Asset(uri).uri)
    except ValueError:  # one that no asset can have, so nothing triggers the DAG
        return uri


def ingest_tasks(policy: Policy) -> list[IngestOperator]:
    """Return a task for each source of the policy."""
    sources: dict[str, HistorySource | LabelSource] = {
        "ingest_history": policy.ingest.history,
        "ingest_labels": policy.ingest.labels,
    }
    return [
        IngestOperator(
            task_id=name,
            step_name=name,
            use_case=policy.use_case,
            connection_id=source.connection,
        )
        for name, source in sources.items()
        if source.is_set
    ]
