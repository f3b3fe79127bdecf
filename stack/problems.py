"""What keeps `sixgate status` from being green: each problem with its remedy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from pipelines.errors import UseCaseError
from pipelines.records import Replica
from pipelines.rules.promotion.ledger import Served, champion
from pipelines.settings import Settings
from pipelines.stores.database import Connection, connect
from pipelines.stores.ledger import Ledger, ReplicaStore
from pipelines.use_case import chosen, read_in_force
from stack.airflow_client import Airflow

ASK_SECONDS = 5.0  # just after its start Airflow takes its time; one that is down refuses at once
NO_KIND = ("housekeeping", "use_cases")  # files in dags/ that make no DAG per use case


@dataclass(frozen=True)
class StatusProblem:
    """`which` names the part, use case or DAG, `what` continues the sentence, `remedy` says what to do."""

    which: str
    what: str
    remedy: str


def invalid_use_cases(settings: Settings) -> list[StatusProblem]:
    """Use cases whose contract or policy is invalid, with what is in force instead."""
    invalid = []
    for name in chosen(settings.reference, settings.use_cases):
        try:
            use_case = read_in_force(
                settings.reference, name, settings.policy_overlay, settings.last_valid
            )
        except UseCaseError as fault:
            invalid.append(
                StatusProblem(
                    name, "has no valid contract and policy", f"{fault}. No valid copy is kept"
                )
            )
        else:
            if use_case.warning:
                invalid.append(
                    StatusProblem(name, "has an invalid contract or policy", str(use_case.warning))
                )
    return invalid


def dag_problems(settings: Settings) -> list[StatusProblem]:
    """DAGs that are missing, stale or paused, and files that Airflow can't import; nothing while Airflow can't be asked."""
    try:
        airflow = Airflow(settings, timeout=ASK_SECONDS)
    except (
        httpx.HTTPError,
        OSError,
        ValueError,
        KeyError,
    ):  # that Airflow does not answer is a problem of its own
        return []
    try:
        return list(_dag_problems(airflow, settings))
    except httpx.HTTPError as error:
        return [StatusProblem("Airflow", "did not list its DAGs", f"ask again; {error}")]
    finally:
        airflow.close()


def model_problems(settings: Settings) -> list[StatusProblem]:
    """Use cases without a model in Production, or whose replicas do not serve it."""
    try:
        with connect(settings, seconds=2) as connection:
            names = chosen(settings.reference, settings.use_cases)
            return [problem for name in names for problem in _model_problems(connection, name)]
    except psycopg.Error as error:
        words = " ".join(str(error).split())
        return [
            StatusProblem(
                "PostgreSQL",
                "does not answer",
                f"see {settings.home / 'logs' / 'postgres.log'}; {words}",
            )
        ]


def part_problems(health: dict[str, bool], logs: Path) -> list[StatusProblem]:
    """Parts of the stack that are not healthy."""
    remedy = f"see the logs in {logs}; `sixgate up` starts what is missing"
    return [
        StatusProblem(name, "does not answer or is not healthy", remedy)
        for name, well in health.items()
        if not well
    ]


def dag_ids(settings: Settings) -> list[str]:
    """The DAGs that this deployment should have: one of each kind per use case that can be read, and housekeeping.

    A use case of which no valid policy is known has its rollback alone.
    """
    kinds = sorted(
        file.stem for file in (settings.root / "dags").glob("*.py") if file.stem not in NO_KIND
    )
    ids = ["housekeeping"]
    for name in chosen(settings.reference, settings.use_cases):
        try:
            read_in_force(settings.reference, name, settings.policy_overlay, settings.last_valid)
        except UseCaseError:
            ids.append(f"{name}_rollback")
        else:
            ids += [f"{name}_{kind}" for kind in kinds]
    return ids


def _dag_problems(airflow: Airflow, settings: Settings) -> Iterator[StatusProblem]:
    dags = {dag["dag_id"]: dag for dag in airflow.dags()}
    wanted = dag_ids(settings)
    missing = [dag_id for dag_id in wanted if dag_id not in dags or dags[dag_id]["is_stale"]]
    if missing:
        log = settings.home / "logs" / "airflow-dag-processor.log"
        remedy = f"wait until the DAG processor has read the files, which takes up to 60 s, then see {log}"
        yield _joined(missing, "missing or stale in Airflow", remedy)
    paused = [dag_id for dag_id in wanted if dag_id in dags and dags[dag_id]["is_paused"]]
    if paused:
        yield _joined(paused, "paused", "unpause in the list of DAGs in Airflow")
    invalid = invalid_use_cases(settings)
    for error in airflow.import_errors():
        file = Path(error["filename"]).name
        if file == "use_cases.py" and invalid:
            continue  # the same fault, found above
        yield StatusProblem(f"dags/{file}", "can't be imported", _last_line(error["stack_trace"]))


def _joined(ids: Sequence[str], what: str, remedy: str) -> StatusProblem:
    return StatusProblem(", ".join(ids), f"{'is' if len(ids) == 1 else 'are'} {what}", remedy)


def _last_line(trace: Any) -> str:
    lines = str(trace or "").strip().splitlines()
    return lines[-1] if lines else "Airflow gives no reason"


def _model_problems(connection: Connection, name: str) -> Iterator[StatusProblem]:
    now = champion(Ledger(connection).recent(name))
    if now is None:
        yield StatusProblem(name, "has no model in Production", f"trigger {name}_retraining")
        return
    live = ReplicaStore(connection).live(name)
    if not live:
        yield StatusProblem(
            name,
            "is served by no replica",
            "see the scoring server's log; `sixgate up` starts what is missing",
        )
    for replica in live:
        if replica.digest != now.digest:
            yield _not_served(name, replica, now)


def _not_served(name: str, replica: Replica, now: Served) -> StatusProblem:
    serves = f"serves version {replica.version}" if replica.version else "serves no model"
    remedy = replica.error or "wait a few seconds for its reload, then see the scoring server's log"
    return StatusProblem(
        f"{name} on {replica.replica}",
        f"{serves}, and version {now.version} is in Production",
        remedy,
    )
