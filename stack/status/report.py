"""The state of the whole stack as one JSON document."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg

from pipelines.records import Alert
from pipelines.rules.promotion.ledger import champion, entry_of_champion
from pipelines.settings import Settings
from stack.home import Home, airflow_pages, home_of
from stack.processes.programs import health_checks
from stack.processes.supervisor import Supervisor
from stack.status import problems
from stack.status.airflow import UNREADABLE, AirflowState, read_airflow
from stack.status.problems import StatusProblem
from stack.status.use_cases import UseCaseState, read_use_cases
from stack.status.waiting import Waiting, waiting

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What the parts of the stack answered; `airflow` and `use_cases` are None without an answer.

    `dag_ids` are the DAGs that this deployment should have.
    """

    health: dict[str, bool]
    problems: list[StatusProblem]
    dag_ids: Sequence[str]
    airflow: AirflowState | None
    use_cases: list[UseCaseState] | None


def status(settings: Settings) -> Json:
    """Return addresses, health, use cases, DAGs and problems, as `sixgate status --json` prints.

    `up` is about processes; `ok` also covers policies, DAGs and models. `use_cases` is None when
    PostgreSQL does not answer, and `dags` is None when Airflow does not.
    """
    home = home_of(settings)
    supervised = Supervisor(home).states() if home.secrets_file.exists() else {}
    running = bool(supervised)
    inspection = _inspect(settings, home) if running else _stopped(settings, home)
    states = inspection.use_cases
    return {
        "ok": not inspection.problems,
        "problems": [asdict(problem) for problem in inspection.problems],
        "up": running and all(inspection.health.values()),
        "health": inspection.health,
        "alerts": [_alert(alert) for state in states or [] for alert in state.alerts],
        "use_cases": _use_cases(states, inspection.airflow),
        "dags": _dags(inspection),
        "policy_overlay": str(settings.policy_overlay) if settings.policy_overlay else None,
        "processes": {
            name: {"state": info["statename"], "pid": info["pid"]}
            for name, info in supervised.items()
        },
        "addresses": _addresses(settings, home),
        "paths": {
            "home": str(home.path),
            "logs": str(home.logs),
            "airflow_passwords": str(home.airflow / "passwords.json"),
            "mlflow_passwords": str(home.mlflow_passwords),
            "client_environment": str(home.env_file),
        },
    }


def _inspect(settings: Settings, home: Home) -> Inspection:
    """Ask every part at the same time; each answers within its own time limit or not at all."""
    dag_ids = problems.dag_ids(settings)
    with ThreadPoolExecutor() as pool:
        checks = {name: pool.submit(check) for name, check in health_checks(settings).items()}
        asked_airflow = pool.submit(read_airflow, settings, dag_ids)
        asked_database = pool.submit(read_use_cases, settings)
        health = {name: check.result() for name, check in checks.items()}
    listed = problems.part_problems(health, home.logs) + problems.invalid_use_cases(settings)
    airflow = use_cases = None
    try:
        airflow = asked_airflow.result()
        listed += problems.dag_problems(settings, airflow)
    except UNREADABLE as error:
        if health["airflow"]:
            listed.append(problems.airflow_problem(error))
    try:
        use_cases = asked_database.result()
        listed += problems.model_problems(use_cases)
    except psycopg.Error as error:
        listed.append(problems.database_problem(settings, error))
    return Inspection(
        health=health,
        problems=listed,
        dag_ids=dag_ids,
        airflow=airflow,
        use_cases=use_cases,
    )


def _stopped(settings: Settings, home: Home) -> Inspection:
    stopped = StatusProblem(
        which="the stack",
        what=f"does not run in {home.path}",
        remedy="`sixgate up` starts it",
    )
    return Inspection(
        health=dict.fromkeys(health_checks(settings), False),
        problems=[stopped, *problems.invalid_use_cases(settings)],
        dag_ids=[],
        airflow=None,
        use_cases=None,
    )


def _addresses(settings: Settings, home: Home) -> dict[str, str]:
    airflow = settings.airflow_url
    if home.secrets_file.exists():
        airflow = airflow_pages(settings, home.secrets())
    return {
        "airflow": airflow,
        "mlflow": f"http://127.0.0.1:{settings.mlflow_port}",
        "server": settings.api_url,
        "docs": f"{settings.api_url}/docs",
        "postgres": f"127.0.0.1:{settings.pg_port}",
    }


def _use_cases(
    states: Sequence[UseCaseState] | None, airflow: AirflowState | None
) -> list[Json] | None:
    if states is None:
        return None
    return [
        {
            "use_case": state.name,
            "in_use": state.in_use,
            "serving": _serving(state),
            "alerts": [_open_alert(alert) for alert in state.alerts],
            "waiting": [_waiting(each) for each in waiting(state, airflow)],
            "labels": _labels(state),
            "future_times": state.future_times,
        }
        for state in states
    ]


def _labels(state: UseCaseState) -> Json:
    """The newest labels, of a week until yesterday, and those of them without a prediction."""
    return {
        "labels": state.labels.labels,
        "without_prediction": state.labels.unmatched,
        "examples": [
            {"transaction_id": id_, "similar_prediction": state.similar_ids.get(id_)}
            for id_ in state.labels.examples
        ],
    }


def _serving(state: UseCaseState) -> Json | None:
    """The version in Production, since when and by what; None when there is none."""
    served = champion(state.entries)
    if served is None:
        return None
    entry = entry_of_champion(state.entries)
    on_it = [replica for replica in state.replicas if replica.digest == served.digest]
    return {
        "version": served.version,
        "since": _time(entry.at) if entry else None,
        "action": entry.action if entry else None,
        "decision": entry.decision_id if entry else None,
        "actor": entry.actor if entry else None,
        "reason": entry.reason if entry else None,
        "replicas": len(state.replicas),
        "replicas_on_it": len(on_it),
    }


def _alert(alert: Alert) -> Json:
    names = ("use_case", "cause", "severity", "state")
    return {name: getattr(alert, name) for name in names}


def _open_alert(alert: Alert) -> Json:
    names = ("id", "severity", "cause", "state", "message", "acknowledged_by", "comment")
    return {name: getattr(alert, name) for name in names} | {"since": _time(alert.opened_at)}


def _waiting(each: Waiting) -> Json:
    return asdict(each) | {"until": _time(each.until) if each.until else None}


def _dags(inspection: Inspection) -> list[Json] | None:
    """The schedule, last and next run of each DAG that Airflow has."""
    airflow = inspection.airflow
    if airflow is None:
        return None
    return [_dag(airflow, dag_id) for dag_id in inspection.dag_ids if dag_id in airflow.dags]


def _dag(airflow: AirflowState, dag_id: str) -> Json:
    dag = airflow.dags[dag_id]
    run = airflow.last_runs[dag_id]
    return {
        "dag_id": dag_id,
        "paused": dag["is_paused"],
        "schedule": dag["timetable_summary"],
        "next_run": dag["next_dagrun_run_after"],
        "last_run": {name: run[name] for name in ("dag_run_id", "state", "run_after")}
        if run
        else None,
    }


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
