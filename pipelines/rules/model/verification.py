"""Verification of a model's files before it serves or is judged."""

from collections.abc import Mapping

import msgspec

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import Bundle, KnownAnswers, check_answers, digest, read_bundle
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.use_case.contract import Contract


def prove(
    files: Mapping[str, bytes], contract: Contract, *, version: int, named: str
) -> tuple[Bundle, OnnxScorer]:
    """Load a model and check its digest, contract, columns and known answers.

    `named` is the version's digest in the ledger or the registry. ModelRejected, with the remedy,
    when a check fails.
    """
    actual = digest(files)
    if actual != named:
        raise ModelRejected(
            f"{contract.use_case} version {version} has digest {actual[:12]}… and is known as "
            f"{named[:12]}…: its files changed, promote a version that is whole or train again"
        )
    bundle = read_bundle(files, use_case=contract.use_case, contract_hash=contract.hash)
    if bundle.columns != contract.columns:
        raise ModelRejected(
            f"the model's columns are {bundle.columns}, not the contract's: train it again"
        )
    try:
        scorer = OnnxScorer(files["model.onnx"])
        known = msgspec.json.decode(files["known_answers.json"], type=KnownAnswers)
        scores = scorer(known.matrix())
    except Exception as error:  # onnxruntime has exceptions of its own
        raise ModelRejected(f"model.onnx or its known answers can't be tried: {error}") from error
    check_answers(known, scores)
    return bundle, scorer
