"""A threshold by what investigators can work off, and a limit on the flagged share, by the real steps."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
import yaml
from psycopg.types.json import Jsonb

from pipelines.context import Context
from pipelines.errors import DataError
from pipelines.records import Decision
from pipelines.reporting.tables import gate_card, gate_table
from pipelines.rules.gates.verdict import Outcome
from pipelines.settings import ROOT
from pipelines.steps.retraining.shadow_evaluate import replay
from pipelines.stores.registered_model import RegisteredModel
from stack.demo.shipped_baselines import as_snapshot
from stack.demo.simulator import simulate
from tests.integration.lifecycle import RETRAIN, Run, runner, traffic_world
from tests.integration.logged import rewrite

PER_DAY = 20
Limited = Callable[[dict[str, Any]], Run]


@pytest.fixture
def limited(trained: Context, tmp_path: Path) -> Limited:
    """Run steps under the demo's policy with some keys changed."""

    def limited(changes: dict[str, Any]) -> Run:
        overlay = tmp_path / "limited.yaml"
        document = yaml.safe_load((ROOT / "stack" / "policy.demo.yaml").read_text())
        for section, keys in changes.items():
            document[section] = document.get(section, {}) | keys
        overlay.write_text(yaml.safe_dump(document))
        return runner(trained.settings.model_copy(update={"policy_overlay": overlay}))

    return limited


def recall_of(decision: Decision) -> dict[str, Any]:
    return next(gate for gate in decision.gates or [] if gate["name"] == "recall")


@pytest.fixture
def restored(trained: Context) -> Iterator[Callable[[Decision, dict[str, Any]], Decision]]:
    """Change the policy that a decision stores; it is put back after the test."""
    changed: list[Decision] = []
    statement = "UPDATE decision_records SET policy = %s WHERE id = %s"

    def change(decision: Decision, policy: dict[str, Any]) -> Decision:
        changed.append(decision)
        rewrite(trained.connection, statement, (Jsonb(policy), decision.id))
        return trained.decisions.get("fraud", decision.id)

    yield change
    for decision in changed:
        rewrite(trained.connection, statement, (Jsonb(decision.policy), decision.id))


def test_a_threshold_for_as_many_flags_as_investigators_can_work_off(
    trained: Context, limited: Limited, restored: Callable[[Decision, dict[str, Any]], Decision]
) -> None:
    run = limited(
        {
            "training": {"threshold": {"metric": "alerts", "per_day": PER_DAY}},
            "gates": {"flagged_share": 0.2},
        }
    )
    run("limited", *RETRAIN[:-1])
    decision = trained.decisions.of_run("fraud", "limited")
    assert decision.challenger_version is not None
    model = trained.models.get("fraud", decision.challenger_version)
    precisions = {f"precision_at_{PER_DAY}", f"card_precision_at_{PER_DAY}"}
    measured = {"flagged_share", "flagged_per_day", "most_flagged_per_day", *precisions}
    assert measured <= set(model.metrics)
    assert 0 < model.metrics["most_flagged_per_day"] <= PER_DAY
    assert model.metrics["flagged_per_day"] <= model.metrics["most_flagged_per_day"]
    logged = trained.registry._client.get_run(model.mlflow_run_id).data.metrics
    assert {name: logged[name] for name in measured} == pytest.approx(
        {name: model.metrics[name] for name in measured}
    )
    version = trained.registry._client.get_model_version("fraud", str(model.version))
    assert f"no day of the newest training rows has more than {PER_DAY} flagged" in (
        version.description
    )
    served = RegisteredModel(trained.settings, model, trained.use_case.contract)
    assert served.bundle.threshold == model.threshold

    dataset = decision.dataset or {}
    labelled, rows = dataset["tune_coverage"]["low"]
    assert 0.5 < labelled / rows < 0.8, "two of three transactions are labelled"
    assert trained.artifacts.load("datasets", dataset["holdout"])["entity_key"].null_count == 0

    gate = recall_of(decision)
    both = precisions | {f"champion_{name}" for name in precisions}
    assert set(gate["further"]) == {"flagged_share", *both}
    share = gate["further"]["flagged_share"]
    assert share["threshold"] == 0.2
    assert share["low"] < share["observed"] < share["high"]
    assert share["observed"] == gate["counts"]["flagged"] / gate["counts"]["rows"]
    for text in (gate_table(decision), gate_card(decision)):
        words = " ".join(text.split())
        for part in ("limit 20.00%", f"Card Precision@{PER_DAY}", "as many as the challenger"):
            assert part in words, text
    assert replay(trained, decision).differences == []

    stricter = deepcopy(decision.policy)
    stricter["gates"]["flagged_share"] = 0.0001
    replayed = replay(trained, restored(decision, stricter))
    assert "recall: flagged_share: threshold was 0.2, is 0.0001" in replayed.differences
    by_name = {result.name: result for result in replayed.results}
    assert by_name["recall"].outcome is Outcome.FAIL
    assert replayed.verdict == "REJECTED"


def test_a_decision_of_an_earlier_release_is_judged_to_the_same_verdict(
    trained: Context, restored: Callable[[Decision, dict[str, Any]], Decision]
) -> None:
    """Its policy has none of the keys, and its datasets no entity keys."""
    decision = trained.decisions.of_run("fraud", "first")
    assert "further" not in recall_of(decision)
    earlier = deepcopy(decision.policy)
    del earlier["gates"]["flagged_share"]
    for key in ("per_day", "per_share"):
        del earlier["training"]["threshold"][key]
    assert replay(trained, restored(decision, earlier)).differences == []


def test_rows_of_less_than_a_day_can_not_be_counted_by_day(
    trained: Context, limited: Limited
) -> None:
    table = as_snapshot(simulate(traffic_world()), trained.use_case.contract)
    begin = table["event_time"][0].as_py()
    few = table.filter(pc.less(table["event_time"], begin + timedelta(hours=40)))
    snapshot = trained.artifacts.save("snapshots", few)
    run = limited({"training": {"threshold": {"metric": "alerts", "per_day": PER_DAY}}})
    with pytest.raises(
        DataError, match=r"span less than a day, .* set `training\.threshold\.per_sh"
    ):
        run("short", "check_conditions", "validate_data", snapshot=snapshot)
    assert trained.decisions.of_run("fraud", "short").verdict == "INSUFFICIENT"


def test_a_share_can_be_limited_where_rows_are_split_by_id(
    trained: Context, limited: Limited
) -> None:
    snapshot = trained.artifacts.save(
        "snapshots", as_snapshot(simulate(traffic_world()), trained.use_case.contract)
    )
    run = limited(
        {
            "training": {
                "threshold": {"metric": "alerts", "per_share": 0.02},
                "estimators": ["logistic"],
            },
            "evaluation": {"split": "id"},
        }
    )
    run("by share", *RETRAIN[:-1], snapshot=snapshot)
    decision = trained.decisions.of_run("fraud", "by share")
    assert decision.challenger_version is not None
    model = trained.models.get("fraud", decision.challenger_version)
    assert 0 < model.metrics["flagged_share"] <= 0.02
    assert "precision_at_" not in str(sorted(model.metrics))
    assert "further" not in recall_of(decision)
    assert replay(trained, decision).differences == []


def test_a_decision_says_that_a_capacity_does_not_limit_anything(
    trained: Context, limited: Limited
) -> None:
    threshold = {"metric": "alerts", "per_day": 1_000_000}
    run = limited({"training": {"threshold": threshold, "estimators": ["logistic"]}})
    run("all flagged", *RETRAIN[:-1])
    decision = trained.decisions.of_run("fraud", "all flagged")
    assert decision.challenger_version is not None
    model = trained.models.get("fraud", decision.challenger_version)
    assert model.metrics["flagged_share"] == 1
    version = trained.registry._client.get_model_version("fraud", str(model.version))
    for text in (gate_table(decision), gate_card(decision), version.description):
        assert "every tuning row is flagged" in " ".join(text.split()), text
