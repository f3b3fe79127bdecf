"""Trains the first model of a new use case by its DAGs, until it answers a request."""

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import StackError
from pipelines.records import Decision
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.settings import Settings
from pipelines.stores.artifacts import Artifacts
from pipelines.stores.database import connect
from pipelines.stores.decisions import DecisionStore
from pipelines.use_case import read_contract
from stack.airflow_client import Airflow

DAG_SECONDS = 90
TRAIN_SECONDS = 3600
PROMOTE_SECONDS = 600
SERVE_SECONDS = 60

Say = Callable[[str], None]


@dataclass(frozen=True)
class FirstPrediction:
    """The decision on the first model, and the answer to a request with a row of the data."""

    decision: Decision
    row: dict[str, Any]
    answer: dict[str, Any]


def is_up(settings: Settings) -> bool:
    """Whether Airflow answers."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{settings.airflow_url}/api/v2/version", timeout=2).is_success
    return False


def train(settings: Settings, name: str, snapshot: str, say: Say) -> FirstPrediction:
    """Trigger retraining, follow it to the promotion, and score one row.

    Raises StackError, with the reason of the decision, when no model was promoted.
    """
    with contextlib.closing(Airflow(settings)) as airflow:
        retraining = f"{name}_retraining"
        promotion = f"{name}_promotion"
        for dag in (retraining, promotion):
            airflow.wait_for_dag(dag, seconds=DAG_SECONDS)
        say("the DAGs are registered in Airflow")
        earlier = {run["dag_run_id"] for run in airflow.runs(promotion)}
        run = airflow.trigger(
            retraining, {"snapshot": snapshot, "reason": "the first model of a new use case"}
        )
        say(f"{retraining} trains, see Airflow: {run}")
        with contextlib.suppress(StackError):  # the decision says why
            airflow.finish(retraining, run, seconds=TRAIN_SECONDS)
        decision = _decision(settings, name, run)
        say(f"decision {decision.id}: {decision.verdict}: {decision.reason}")
        if decision.verdict != "APPROVED":
            raise StackError(
                f"no model was promoted: decision {decision.id} is {decision.verdict}: "
                f"{decision.reason}; see `sixgate decisions show {decision.id}`"
            )
        promoting = airflow.next_run(promotion, run_type="asset_triggered", earlier=earlier)
        airflow.finish(promotion, promoting, seconds=PROMOTE_SECONDS)
    say(f"version {decision.challenger_version} is in Production")
    row = example_row(settings, name, snapshot)
    return FirstPrediction(decision, row, _answer(settings, name, row))


def example_row(settings: Settings, name: str, snapshot: str) -> dict[str, Any]:
    """Return the first row of a snapshot as a request has it."""
    contract = read_contract(settings.reference / name)
    path = Artifacts.of(settings, name).path("snapshots", snapshot)
    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(1, columns=list(contract.raw)))
    return as_request(pa.Table.from_batches([batch]).to_pylist()[0], contract)


def as_request(row: dict[str, float | None], contract: Contract) -> dict[str, Any]:
    """Return the numbers of a row as a request has them: categories by name, whole numbers."""
    return {feature.name: _value(feature, row[feature.name]) for feature in contract.features}


def _value(feature: Feature, number: float | None) -> Any:
    if number is None or math.isnan(number):
        return None
    if feature.type == "category":
        return feature.values[int(number)]
    if feature.type == "bool":
        return bool(number)
    return int(number) if feature.type == "int" else number


def _decision(settings: Settings, name: str, run: str) -> Decision:
    with connect(settings) as connection:
        return DecisionStore(connection).of_run(name, run)


def _answer(settings: Settings, name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Score a row as soon as the server serves the use case."""
    deadline = time.monotonic() + SERVE_SECONDS
    url = f"{settings.api_url}/v1/{name}/predict"
    while True:
        with contextlib.suppress(httpx.TransportError):
            response = httpx.post(
                url, json=row, headers={"X-API-Key": settings.api_key}, timeout=30
            )
            if response.is_success:
                answer: dict[str, Any] = msgspec.json.decode(response.content)
                return answer
            reason = response.text
            if time.monotonic() > deadline:
                raise StackError(f"{url} answers {response.status_code}: {reason}")
        if time.monotonic() > deadline:
            raise StackError(f"{url} does not answer: see `sixgate status`")
        time.sleep(0.5)
