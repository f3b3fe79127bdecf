"""Data that a run may train on, and data that end it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.context import Context
from pipelines.errors import (
    DataError,
    StepSkipped,
)
from pipelines.ingestion import ingest
from pipelines.records import Prediction
from pipelines.rules.ingestion.row_checks import snapshot_schema
from pipelines.rules.promotion.ledger import champion
from stack.demo.profiles.fraud import PaymentWorld
from stack.demo.shipped_baselines import as_snapshot
from stack.demo.simulator import simulate
from tests.integration.lifecycle import (
    TODAY,
    Run,
    runner,
    traffic_world,
)


@pytest.fixture
def ingested(trained: Context) -> Iterator[Callable[[pa.Table], str]]:
    """Snapshots that only this test has."""
    names: list[str] = []

    def save(table: pa.Table) -> str:
        names.append(trained.artifacts.save("snapshots", table))
        return names[-1]

    yield save
    for name in names:
        trained.artifacts.path("snapshots", name).unlink()


def test_a_damaged_snapshot_hinders_nobody_else(trained: Context, run: Run) -> None:
    damaged = trained.artifacts.path("snapshots", "damaged")
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(b"PAR1 and no more")
    run("unhindered", "check_conditions", "validate_data")
    damaged.unlink()


def test_a_snapshot_of_a_former_contract_is_used(
    trained: Context, run: Run, traffic: list[Prediction], ingested: Callable[[pa.Table], str]
) -> None:
    table = as_snapshot(simulate(traffic_world()), trained.use_case.contract)
    former = ingested(table.drop_columns(["amount"]))
    run("former", "check_conditions", "validate_data", snapshot=former)
    dataset = trained.decisions.of_run("fraud", "former").dataset or {}
    assert any(
        "rows of an earlier contract do not have this feature" in warning
        for warning in dataset["warnings"]
    )


def test_a_snapshot_of_rows_that_trained_the_champion_is_judged_with_a_warning(
    trained: Context, run: Run, ingested: Callable[[pa.Table], str]
) -> None:
    now = champion(trained.ledger.recent("fraud"))
    made = next(
        one
        for one in trained.decisions.recent("fraud", limit=50)
        if now and one.challenger_version == now.version
    )
    known = trained.artifacts.load("datasets", str((made.dataset or {})["train"])).sort_by(
        "event_time"
    )
    assert known["entity_key"].null_count == 0, "of the baseline, which has them"
    table = known.select(snapshot_schema(trained.use_case.contract).names)
    run("seen before", "check_conditions", "validate_data", snapshot=ingested(table))
    dataset = trained.decisions.of_run("fraud", "seen before").dataset or {}
    held_out = f"{dataset['holdout_rows']:,}"
    assert f"trained on {held_out} of the {held_out} held-out rows" in dataset["warnings"][-1]


def test_rows_far_in_the_future_are_left_out_with_a_warning(
    trained: Context, run: Run, ingested: Callable[[pa.Table], str]
) -> None:
    table = as_snapshot(simulate(traffic_world()), trained.use_case.contract)
    position = table.column_names.index("event_time")
    times = table["event_time"].to_pylist()
    times[-3:] = [datetime(2099, 1, 1, tzinfo=UTC)] * 3
    kind = table.schema.field(position).type
    changed = table.set_column(position, "event_time", pa.array(times, kind))
    run("future", "check_conditions", "validate_data", snapshot=ingested(changed))
    dataset = trained.decisions.of_run("fraud", "future").dataset or {}
    assert any("3 rows have an event time more than a day" in each for each in dataset["warnings"])
    assert not dataset["window"][1].startswith("2099")


def test_a_run_with_too_many_broken_rows_ends_with_its_reason(trained: Context, run: Run) -> None:
    world = PaymentWorld(
        seed=98, start=TODAY - timedelta(days=20), days=2, customers=300, terminals=100
    )
    table = as_snapshot(simulate(world), trained.use_case.contract)
    broken = table.set_column(table.column_names.index("amount"), "amount", [[-1.0] * len(table)])
    snapshot = trained.artifacts.save("snapshots", broken)
    with pytest.raises(DataError, match="break the contract"):
        run("broken", "check_conditions", "validate_data", snapshot=snapshot)
    decision = trained.decisions.of_run("fraud", "broken")
    assert decision.verdict == "REJECTED"
    (report,) = Path(trained.artifacts.root, "reports").glob("validation-broken.json")
    assert json.loads(report.read_text())["bad_rows"] == len(table)


def test_rows_put_aside_at_ingestion_count_against_the_run_that_trains_on_the_rest(
    trained: Context, run: Run, tmp_path: Path
) -> None:
    contract = trained.use_case.contract
    world = PaymentWorld(
        seed=97, start=TODAY - timedelta(days=20), days=2, customers=300, terminals=100
    )
    table = (
        as_snapshot(simulate(world), contract)
        .to_pandas()
        .rename(columns={"label": contract.label.name})
    )
    table.loc[table.index % 20 == 0, "amount"] = -5.0
    table.rename(columns={"entity_key": contract.entity_key}).to_csv(
        tmp_path / "history.csv", index=False
    )
    taken = ingest(tmp_path / "history.csv", contract, trained.artifacts)
    assert taken.quarantined == (table["amount"] < 0).sum()
    words = f"{taken.quarantined:,} of {len(table):,} rows break the contract, more than 1.0%"
    with pytest.raises(DataError, match=words):
        run("selective", "check_conditions", "validate_data", snapshot=taken.snapshot)
    trained.artifacts.path("snapshots", taken.snapshot).unlink()


def test_data_that_cannot_be_trusted_end_the_run_and_everything_found_is_in_the_report(
    trained: Context, run: Run, traffic: list[Prediction], ingested: Callable[[pa.Table], str]
) -> None:
    """History of transactions that were served: one feature knows the label, another was served otherwise, two are one."""
    contract = trained.use_case.contract
    table = as_snapshot(simulate(traffic_world()), contract)
    changed = {
        "terminal_count_1d": pc.cast(table["label"], pa.float64()),
        "amount": pc.multiply(table["amount"], 1.5),
        "customer_count_7d": table["customer_count_1d"],
    }
    for name, column in changed.items():
        table = table.set_column(table.column_names.index(name), name, column)
    with pytest.raises(DataError, match="the served value differs from the ingested value"):
        run("untrusted", "check_conditions", "validate_data", snapshot=ingested(table))
    decision = trained.decisions.of_run("fraud", "untrusted")
    assert decision.verdict == "REJECTED"
    report = json.loads(
        Path(trained.artifacts.root, "reports", "validation-untrusted.json").read_text()
    )
    found = {(finding["check"], *finding["columns"]): finding for finding in report["findings"]}
    assert {
        ("skew", "amount"),
        ("leak", "terminal_count_1d"),
        ("copy", "customer_count_1d", "customer_count_7d"),
    } <= set(found)
    assert report["rows_logged_and_ingested"] == len(traffic)
    leak = found["leak", "terminal_count_1d"]
    assert {(row["label"], row["terminal_count_1d"]) for row in leak["samples"]} == {(1, 1.0)}
    assert found["skew", "amount"]["samples"][0]["transaction_id"] in {
        p.transaction_id for p in traffic
    }


def test_what_was_served_is_compared_with_whatever_was_ingested_of_the_same_time(
    trained: Context, run: Run, traffic: list[Prediction], ingested: Callable[[pa.Table], str]
) -> None:
    table = as_snapshot(simulate(traffic_world()), trained.use_case.contract)
    at = table.column_names.index("terminal_risk_7d")
    ingested(table.set_column(at, "terminal_risk_7d", pc.multiply(table["terminal_risk_7d"], 0.5)))
    with pytest.raises(
        DataError,
        match=r"terminal_risk_7d: in .* the served value differs from the ingested value",
    ):
        run("skewed", "check_conditions", "validate_data")


def at_one_moment(trained: Context) -> pa.Table:
    table = as_snapshot(simulate(traffic_world()), trained.use_case.contract)
    moment = pa.repeat(table["event_time"][0], len(table))
    return table.set_column(table.schema.get_field_index("event_time"), "event_time", moment)


def test_rows_of_one_moment_end_the_run_with_the_remedy(
    trained: Context, run: Run, ingested: Callable[[pa.Table], str]
) -> None:
    snapshot = ingested(at_one_moment(trained))
    with pytest.raises(
        DataError, match=r"no row is left to train on: .* set `evaluation.split: id"
    ):
        run("one moment", "check_conditions", "validate_data", snapshot=snapshot)
    assert trained.decisions.of_run("fraud", "one moment").verdict == "INSUFFICIENT"


def test_rows_of_one_moment_are_split_by_id(
    trained: Context, ingested: Callable[[pa.Table], str], tmp_path: Path
) -> None:
    snapshot = ingested(at_one_moment(trained))
    overlay = tmp_path / "by id.yaml"
    overlay.write_text("evaluation: {split: id}\nretraining: {cooldown: PT0S, per_week: 1000}\n")
    settings = trained.settings.model_copy(update={"policy_overlay": overlay})
    by_id = runner(settings)
    by_id("by id", "check_conditions", "validate_data", snapshot=snapshot)
    dataset = trained.decisions.of_run("fraud", "by id").dataset or {}
    held_out = dataset["holdout_rows"]
    assert held_out == pytest.approx(0.3 * (held_out + dataset["train_rows"]), rel=0.05)
    assert any("split by transaction id" in warning for warning in dataset["warnings"])
    ids = [
        set(trained.artifacts.load("datasets", dataset[name])["transaction_id"].to_pylist())
        for name in ("train", "holdout")
    ]
    assert not ids[0] & ids[1]


def test_reference_rows_are_said_and_drop_out_once_real_rows_suffice(
    trained: Context, tmp_path: Path
) -> None:
    first = trained.decisions.of_run("fraud", "first")
    dataset = first.dataset or {}
    assert dataset["reference_rows"] == dataset["train_rows"] > 0
    assert "reference rows" in dataset["warnings"][-1]
    model = trained.registry._client.get_model_version("fraud", "1")
    assert model.tags["evidence_source"] == "REFERENCE"
    assert model.tags["reference_rows"] == str(dataset["train_rows"])
    assert dataset["warnings"][-1] in model.description
    later = trained.decisions.of_run("fraud", "second").dataset or {}
    assert 0 < later["reference_rows"] < later["train_rows"]
    overlay = tmp_path / "few.yaml"
    overlay.write_text(
        "label_maturity: PT0S\nretraining: {cooldown: PT0S, per_week: 1000}\n"
        "training: {real_rows: 500, real_positives: 10}\n"
    )
    run = runner(trained.settings.model_copy(update={"policy_overlay": overlay}))
    run("enough", "check_conditions", "validate_data")
    real = trained.decisions.of_run("fraud", "enough").dataset or {}
    assert (real["history"], real["reference_rows"]) == ("none", 0)
    assert real["train_rows"] == later["train_rows"] - later["reference_rows"]
    assert not any("reference rows" in warning for warning in real["warnings"])


def test_reference_rows_do_not_replace_a_model_of_real_rows(run: Run, trained: Context) -> None:
    with pytest.raises(StepSkipped, match="reference rows never replace it"):
        run("reference again", "check_conditions", reference=True)
