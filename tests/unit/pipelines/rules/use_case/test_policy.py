"""The shipped policies hold the real thresholds, and overlays change only what they name."""

import copy
import functools
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.policy import Policy, overlay, parse_policy
from pipelines.rules.use_case.policy_keys import keys_of
from pipelines.settings import ROOT
from pipelines.stores.baseline import read_manifest
from pipelines.use_case import names, read_contract, read_each, read_policy, read_use_case

REFERENCE = ROOT / "reference"
EFFECTIVE: dict[str, Any] = json.loads(
    (ROOT / "tests/unit/pipelines/rules/use_case/effective_fraud_policy.json").read_text()
)
SECTIONS = [name for name in EFFECTIVE if name != "use_case"]
NAMES = [key.name for key in keys_of(Policy())]


@pytest.mark.parametrize("name", names(REFERENCE))
def test_the_shipped_policy_holds_the_real_values(name: str) -> None:
    policy = read_policy(REFERENCE / name)
    assert policy.label_maturity == timedelta(days=7)
    assert policy.retraining.cooldown == timedelta(days=7)
    assert policy.gates.samples == 200
    assert policy.gates.label_coverage == 0.30
    assert policy.gates.f1_improvement == 0.02
    assert policy.gates.brier_degradation == 0.01
    assert policy.gates.roc_auc == 0.72
    assert policy.gates.level < 0.05
    assert (policy.drift.schedule, policy.drift.window, policy.drift.step) == (
        "*/5 * * * *",
        timedelta(days=1),
        timedelta(hours=1),
    )


def test_the_effective_policy_of_fraud_has_every_value_of_its_record() -> None:
    """The file states a few keys; a default that changes must not change what is in force."""
    assert as_json(read_policy(REFERENCE / "fraud")) == EFFECTIVE


def test_a_policy_that_states_nothing_has_the_values_of_fraud_apart_from_its_columns() -> None:
    policy = parse_policy({}, use_case="fraud", file="fraud/policy.yaml")
    assert policy == Policy(use_case="fraud")
    expected = copy.deepcopy(EFFECTIVE)
    expected["evaluation"]["slices"] = {}
    expected["drift"]["ignore"] = []
    assert as_json(policy) == expected


@given(st.sets(st.sampled_from(NAMES)))
def test_a_key_that_is_left_out_has_its_default_and_the_others_keep_their_values(
    removed: set[str],
) -> None:
    document = without(removed)
    policy = parse_policy(document, use_case="fraud", file="fraud/policy.yaml")
    whole = parse_policy(EFFECTIVE, use_case="fraud", file="fraud/policy.yaml")
    for key, stated, default in zip(
        keys_of(policy), keys_of(whole), keys_of(Policy()), strict=True
    ):
        assert key.value == (default if key.name in removed else stated).value


@given(st.sets(st.sampled_from(SECTIONS)))
def test_a_section_that_is_left_out_has_its_defaults(removed: set[str]) -> None:
    document = {name: value for name, value in EFFECTIVE.items() if name not in removed}
    policy = parse_policy(document, use_case="fraud", file="fraud/policy.yaml")
    for name in removed:
        assert getattr(policy, name) == getattr(Policy(), name)


@given(st.sets(st.sampled_from(NAMES)))
def test_a_stored_policy_holds_every_key_and_is_read_back_as_it_was(removed: set[str]) -> None:
    document = without(removed)
    policy = parse_policy(document, use_case="fraud", file="fraud/policy.yaml")
    stored = as_json(policy)
    assert names_in(stored) >= set(NAMES)
    assert parse_policy(stored, use_case="fraud", file="a decision") == policy


def as_json(policy: Policy) -> dict[str, Any]:
    """A policy as a decision stores it."""
    return dict(json.loads(json.dumps(msgspec.to_builtins(policy))))


def without(removed: set[str]) -> dict[str, Any]:
    """The policy of fraud without some of its keys."""
    document = copy.deepcopy(EFFECTIVE)
    for name in removed:
        *parents, last = name.split(".")
        del functools.reduce(dict.__getitem__, parents, document)[last]
    return document


def names_in(document: dict[str, Any], prefix: str = "") -> set[str]:
    """The dotted names of all keys of a document."""
    names = set()
    for key, value in document.items():
        names.add(prefix + key)
        if isinstance(value, dict):
            names |= names_in(value, f"{prefix}{key}.")
    return names


@pytest.mark.parametrize("text", ["", "# every key is commented out\n", "null\n"])
def test_a_policy_without_content_is_refused_even_under_an_overlay(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    (tmp_path / "over.yaml").write_text("gates: {recall: 0.5}")
    for over in (None, tmp_path / "over.yaml"):
        with pytest.raises(
            UseCaseError, match=r"policy\.yaml is empty: write {} to use the default"
        ):
            read_policy(tmp_path, over)


def test_an_overlay_does_not_hide_a_fault_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("gates: 5")
    (tmp_path / "over.yaml").write_text("gates: {recall: 0.5}")
    with pytest.raises(UseCaseError, match=r"gates: 5 must be a mapping of keys to values"):
        read_policy(tmp_path, tmp_path / "over.yaml")


def test_the_demos_overlay_shortens_windows_and_leaves_every_gate_alone() -> None:
    shipped = read_policy(REFERENCE / "fraud")
    demo = read_policy(REFERENCE / "fraud", ROOT / "stack/policy.demo.yaml")
    assert demo.gates == shipped.gates
    assert demo.drift.window < shipped.drift.window


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"gates": {"recall": 1.5}}, "gates.recall", id="a share above 1"),
        pytest.param({"gates": {"recal": 0.5}}, "recal", id="a misspelt key"),
        pytest.param({"label_maturity": "a week"}, "label_maturity", id="not a duration"),
        pytest.param(
            {"review": {"when": "sometimes"}}, "review.when: 'sometimes'", id="not a choice"
        ),
        pytest.param(
            {"drift": {"step": "PT0S"}},
            "drift.step: 0:00:00 must be longer than zero",
            id="no step",
        ),
        pytest.param(
            {"drift": {"step": "P2D"}},
            "drift.step: 2 days.*the window",
            id="a step longer than the window",
        ),
        pytest.param(
            {"drift": {"severe": {"k": 5}}},
            "drift.severe.k: 5 must not be more than n, 4",
            id="never severe",
        ),
        pytest.param(
            {"drift": {"psi": -1}},
            "drift.psi: -1 must be a number, at least 0",
            id="a negative PSI",
        ),
        pytest.param(
            {"review": {"timeout": "-P1D"}},
            "review.timeout",
            id="a review that ended before it began",
        ),
        pytest.param(
            {"evaluation": {"holdout": 1}}, "evaluation.holdout: 1 must be", id="all is held out"
        ),
        pytest.param({"gates": {"level": 0}}, "gates.level: 0 must be", id="certainty"),
        pytest.param(
            {"retention": {"predictions": "P7D"}},
            "retention.predictions: 7 days.*evaluation.window",
            id="forgetful",
        ),
    ],
)
def test_a_bad_policy_is_refused_with_its_key(change: dict[str, object], words: str) -> None:
    document = overlay(yaml.safe_load((REFERENCE / "fraud/policy.yaml").read_text()), change)
    with pytest.raises(UseCaseError, match=words):
        parse_policy(document, use_case="fraud", file="fraud/policy.yaml")


def test_a_feature_to_ignore_that_is_none_is_named(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text("drift: {ignore: [amuont]}")
    with pytest.raises(UseCaseError, match=r"drift\.ignore: 'amuont' is not a column.*amount"):
        read_use_case(REFERENCE, "fraud", over)


def test_an_unknown_use_case_names_those_that_are_there() -> None:
    with pytest.raises(UseCaseError, match="known are fraud"):
        read_use_case(REFERENCE, "cats")


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("gates:\n  recall: 0.4\n  recall: 0.1\n")
    with pytest.raises(UseCaseError, match=r"'recall' is given twice.*line 3"):
        read_policy(tmp_path)


def test_a_broken_folder_leaves_the_others_alone(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "fraud", tmp_path / "fraud")
    (tmp_path / "loans").mkdir()
    (tmp_path / "loans/contract.yaml").write_text("title: Loans\n")
    good, faults = read_each(tmp_path, read_contract)
    assert [contract.use_case for contract in good] == ["fraud"]
    assert list(faults) == ["loans"]
    assert "loans/contract.yaml" in str(faults["loans"])


def test_a_file_that_is_not_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text("a: [")
    with pytest.raises(UseCaseError, match=r"contract\.yaml is not YAML"):
        read_contract(tmp_path)


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(UseCaseError, match=r"policy\.yaml is missing"):
        read_policy(tmp_path)


def test_a_baseline_that_was_changed_is_refused(tmp_path: Path) -> None:
    contract = read_contract(REFERENCE / "fraud")
    for name in ("baseline.parquet", "manifest.json"):
        (tmp_path / name).write_bytes((REFERENCE / "fraud" / name).read_bytes())
    assert read_manifest(tmp_path, contract).rows == 30_000
    with (tmp_path / "baseline.parquet").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(UseCaseError, match="restore it"):
        read_manifest(tmp_path, contract)
