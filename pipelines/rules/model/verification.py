"""Verification of a model's files before it serves or is judged."""

from collections.abc import Iterable, Mapping

import msgspec

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import Bundle, KnownAnswers, check_answers, digest, read_bundle
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.use_case.contract import Contract


def prove(
    files: Mapping[str, bytes],
    contract: Contract,
    *,
    version: int,
    named: str,
    earlier: Iterable[Contract] = (),
) -> tuple[Bundle, OnnxScorer]:
    """Load a model and check its digest, use case, columns and known answers.

    `named` is the version's digest in the ledger or the registry. The columns are those of the
    contract that the model was trained under. A version that does not hold it was trained under
    `contract`, or under one of the `earlier` ones. ModelRejected, with the remedy, when a check
    fails.
    """
    actual = digest(files)
    if actual != named:
        raise ModelRejected(
            f"{contract.use_case} version {version} has digest {actual[:12]}… and is known as "
            f"{named[:12]}…: its files changed, restore them or promote another version"
        )
    bundle = read_bundle(files, use_case=contract.use_case)
    own = bundle.trained_under(contract, *earlier)
    if bundle.columns != own.columns:
        raise ModelRejected(
            f"the model's columns are {bundle.columns}, not those of its contract "
            f"{bundle.contract_hash}: its files are damaged, promote another version"
        )
    try:
        scorer = OnnxScorer(files["model.onnx"])
        known = msgspec.json.decode(files["known_answers.json"], type=KnownAnswers)
        scores = scorer(known.matrix())
    except Exception as error:  # onnxruntime has exceptions of its own
        raise ModelRejected(f"model.onnx or its known answers can't be tried: {error}") from error
    check_answers(known, scores)
    return bundle, scorer
