"""The problems that `sixgate status` lists, each with its remedy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from pipelines.errors import UseCaseError
from pipelines.records import Replica
from pipelines.rules.promotion.ledger import Served, champion
from pipelines.settings import Settings
from pipelines.use_case import chosen, read_in_force
from stack.status.airflow import AirflowState
from stack.status.use_cases import UseCaseState, one_line

NOT_PER_USE_CASE = ("housekeeping", "use_cases")  # files in dags/ without a DAG per use case
INGEST = "ingest"  # a kind of DAG that only use cases with a source have


@dataclass(frozen=True)
class StatusProblem:
    """One problem, shown as the sentence `which what: remedy`.

    `which` names the part, use case or DAG; `what` is the predicate; `remedy` says what to do.
    """

    which: str
    what: str
    remedy: str


def invalid_use_cases(settings: Settings) -> list[StatusProblem]:
    """Return the use cases whose contract or policy is invalid, and what is in force instead."""
    invalid = []
    for name in chosen(settings.reference, settings.use_cases):
        try:
            use_case = read_in_force(
                settings.reference,
                name,
                settings.policy_overlay,
                settings.last_valid,
            )
        except UseCaseError as error:
            remedy = f"{error}. There is no last valid copy"
            invalid.append(StatusProblem(name, "has no valid contract and policy", remedy))
        else:
            if use_case.warning:
                warning = str(use_case.warning)
                invalid.append(StatusProblem(name, "has an invalid contract or policy", warning))
    return invalid


def dag_problems(settings: Settings, airflow: AirflowState) -> list[StatusProblem]:
    """Return DAGs that are missing, stale or paused, and files that Airflow can't import."""
    return list(_dag_problems(airflow, settings))


def airflow_problem(error: Exception) -> StatusProblem:
    """Return that Airflow, although healthy, did not list its DAGs."""
    return StatusProblem("Airflow", "did not list its DAGs", f"try again; {error}")


def model_problems(use_cases: Sequence[UseCaseState]) -> list[StatusProblem]:
    """Return the use cases without a model in Production, or whose replicas do not serve it.

    A use case that never had a model is one only while all are like that: others need not be used.
    """
    in_use = [use_case for use_case in use_cases if use_case.in_use]
    if use_cases and not in_use:
        return [_no_model([use_case.name for use_case in use_cases])]
    return [problem for use_case in in_use for problem in _model_problems(use_case)]


def database_problem(settings: Settings, error: psycopg.Error) -> StatusProblem:
    """Return that PostgreSQL does not answer."""
    remedy = f"see {settings.home / 'logs' / 'postgres.log'}; {one_line(error)}"
    return StatusProblem("PostgreSQL", "does not answer", remedy)


def part_problems(health: dict[str, bool], logs: Path) -> list[StatusProblem]:
    """Return the parts of the stack that are not healthy."""
    remedy = f"see the logs in {logs}; `sixgate up` starts what is missing"
    return [
        StatusProblem(name, "does not answer or is not healthy", remedy)
        for name, healthy in health.items()
        if not healthy
    ]


def dag_ids(settings: Settings) -> list[str]:
    """Return the DAGs that this deployment should have: housekeeping, and each kind per use case.

    A use case without any valid policy only has its rollback DAG, and one whose policy names no
    source has no ingest DAG.
    """
    files = (settings.root / "dags").glob("*.py")
    kinds = sorted(file.stem for file in files if file.stem not in NOT_PER_USE_CASE)
    ids = ["housekeeping"]
    for name in chosen(settings.reference, settings.use_cases):
        try:
            use_case = read_in_force(
                settings.reference, name, settings.policy_overlay, settings.last_valid
            )
        except UseCaseError:
            ids.append(f"{name}_rollback")
        else:
            is_importing = use_case.policy.ingest.is_set
            ids += [f"{name}_{kind}" for kind in kinds if kind != INGEST or is_importing]
    return ids


def _dag_problems(airflow: AirflowState, settings: Settings) -> Iterator[StatusProblem]:
    dags = airflow.dags
    expected = dag_ids(settings)
    missing = [dag_id for dag_id in expected if dag_id not in dags or dags[dag_id]["is_stale"]]
    if missing:
        log = settings.home / "logs" / "airflow-dag-processor.log"
        remedy = (
            "wait until the DAG processor has read the files, which takes up to 60 s, "
            f"then see {log}"
        )
        yield _joined(missing, "missing or stale in Airflow", remedy)
    paused = [dag_id for dag_id in expected if dag_id in dags and dags[dag_id]["is_paused"]]
    if paused:
        yield _joined(paused, "paused", "unpause in the list of DAGs in Airflow")
    invalid = invalid_use_cases(settings)
    for error in airflow.import_errors:
        file = Path(error["filename"]).name
        if file == "use_cases.py" and invalid:
            continue  # `invalid_use_cases` reports the same error
        yield StatusProblem(f"dags/{file}", "can't be imported", _last_line(error["stack_trace"]))


def _joined(ids: Sequence[str], what: str, remedy: str) -> StatusProblem:
    return StatusProblem(", ".join(ids), f"{'is' if len(ids) == 1 else 'are'} {what}", remedy)


def _last_line(trace: Any) -> str:
    lines = str(trace or "").strip().splitlines()
    return lines[-1] if lines else "Airflow gave no reason"


def _model_problems(use_case: UseCaseState) -> Iterator[StatusProblem]:
    name = use_case.name
    current = champion(use_case.entries)
    if current is None:
        yield _no_model([name])
        return
    if not use_case.replicas:
        remedy = "see the scoring server's log; `sixgate up` starts what is missing"
        yield StatusProblem(name, "is served by no replica", remedy)
    for replica in use_case.replicas:
        if replica.digest != current.digest:
            yield _not_served(name, replica, current)


def _no_model(names: Sequence[str]) -> StatusProblem:
    return StatusProblem(
        which=", ".join(names),
        what=f"{'has' if len(names) == 1 else 'have'} no model in Production",
        remedy=f"trigger {' or '.join(f'{name}_retraining' for name in names)}",
    )


def _not_served(name: str, replica: Replica, current: Served) -> StatusProblem:
    serves = f"serves version {replica.version}" if replica.version else "serves no model"
    remedy = replica.error or "wait a few seconds for its reload, then see the scoring server's log"
    return StatusProblem(
        which=f"{name} on {replica.replica}",
        what=f"{serves}, and version {current.version} is in Production",
        remedy=remedy,
    )
