"""A bundle is named by its content; a file that is missing or changed is refused."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import (
    Bundle,
    Calibration,
    KnownAnswers,
    check_answers,
    digest,
    explainer_file,
    explainer_of,
    read_bundle,
    sigmoid,
)
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.contract import Contract
from tests.unit.pipelines.rules.training.test_candidates import candidates, contract, features

__all__ = ["candidates", "contract", "features"]


def test_a_model_without_a_file_is_refused() -> None:
    with pytest.raises(ModelRejected, match=r"has no bundle\.json, known_answers\.json"):
        digest({"model.onnx": b""})


def test_what_explains_a_model_is_named_by_its_digest_too(
    candidates: dict[str, Candidate], features: NDArray[np.float32], contract: Contract
) -> None:
    whole = pack(candidates["xgboost"], contract, features.astype(np.float64))
    bundle = read_bundle(whole, use_case=contract.use_case)
    assert explainer_of(bundle, whole) == whole["explain.ubj"]
    with pytest.raises(ModelRejected, match="is not what was registered"):
        explainer_of(bundle, whole | {"explain.ubj": whole["explain.ubj"] + b" "})
    with pytest.raises(ModelRejected, match=r"has no explain\.ubj"):
        explainer_of(bundle, {})
    before = msgspec.structs.replace(bundle, explainer_sha256=None)
    assert explainer_of(
        before, {"explain.ubj": b"of a version that was registered before it was kept"}
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [("xgboost", "explain.ubj"), ("logistic", "explain.json"), ("forest", "explain.bin")],
)
def test_the_file_that_explains_is_named_by_the_estimator(kind: str, name: str) -> None:
    assert explainer_file(kind) == name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"use_case": "loans"}, "use case is 'loans'", id="another use case"),
        pytest.param(
            {"format": 2},
            "format is 2 and this release of Sixgate reads format 1",
            id="a newer format",
        ),
    ],
)
def test_a_bundle_for_something_else_is_refused(changes: dict[str, object], message: str) -> None:
    bundle = Bundle(
        use_case="fraud",
        contract_hash="h",
        columns=("a",),
        kind="logistic",
        calibration=Calibration(),
        threshold=0.5,
    )
    content = msgspec.json.encode(msgspec.structs.replace(bundle, **changes))
    with pytest.raises(ModelRejected, match=message):
        read_bundle({"bundle.json": content}, use_case="fraud")


def test_a_version_holds_the_contract_that_it_was_trained_under(
    candidates: dict[str, Candidate], features: NDArray[np.float32], contract: Contract
) -> None:
    files = pack(candidates["logistic"], contract, features.astype(np.float64))
    bundle = read_bundle(files, use_case=contract.use_case)
    assert bundle.trained_under() == contract
    assert bundle.trained_under().hash == bundle.contract_hash == contract.hash


def test_the_contract_of_an_older_version_is_found_by_its_hash(
    candidates: dict[str, Candidate], features: NDArray[np.float32], contract: Contract
) -> None:
    files = pack(candidates["logistic"], contract, features.astype(np.float64))
    bundle = msgspec.structs.replace(read_bundle(files, use_case=contract.use_case), contract=None)
    another = msgspec.structs.replace(contract, features=contract.features[:1], derived=())
    assert bundle.trained_under(another, contract) == contract
    with pytest.raises(ModelRejected, match=f"trained under the contract {contract.hash}"):
        bundle.trained_under(another)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"kind": 1}'])
def test_a_bundle_that_can_not_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(ModelRejected, match=r"bundle\.json can't be read"):
        read_bundle({"bundle.json": content}, use_case="fraud")


def test_known_answers_keep_missing_values() -> None:
    features = np.array([[1.5, np.nan], [np.nan, 2.0]])
    known = KnownAnswers.of(features, np.array([0.25, 0.75]))
    again = msgspec.json.decode(msgspec.json.encode(known), type=KnownAnswers)
    assert np.array_equal(again.matrix(), features, equal_nan=True)
    check_answers(again, np.array([0.25, 0.75 + 9e-6]))


@pytest.mark.parametrize("scores", [[0.25, 0.75 + 2e-5], [0.25, float("nan")]])
def test_other_answers_are_refused(scores: list[float]) -> None:
    known = KnownAnswers([[1.0], [2.0]], [0.25, 0.75])
    with pytest.raises(ModelRejected, match="known answers differ"):
        check_answers(known, np.array(scores))


def test_no_known_answers_prove_nothing() -> None:
    with pytest.raises(ModelRejected, match="known answers differ by nan"):
        check_answers(KnownAnswers([], []), np.empty(0))


@given(st.floats(-1e300, 1e300))
def test_the_sigmoid_never_overflows(margin: float) -> None:
    low, high = sigmoid(np.array([-abs(margin), abs(margin)]))
    assert 0 <= low <= 0.5 <= high <= 1
    assert low + high == pytest.approx(1)
