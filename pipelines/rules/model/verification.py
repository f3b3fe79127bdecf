"""Load a model from its files, and prove it before anyone is served or judged by it."""

from collections.abc import Mapping

import msgspec

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import Bundle, KnownAnswers, check_answers, digest, read_bundle
from pipelines.rules.model.onnx_scorer import OnnxScorer
from pipelines.rules.use_case.contract import Contract


def prove(
    files: Mapping[str, bytes], contract: Contract, *, version: int, named: str
) -> tuple[Bundle, OnnxScorer]:
    """Check digest, contract, columns and known answers; whatever does not hold raises ModelRejected with what to do.

    `named` is the digest by which the ledger or the registry knows the version.
    """
    found = digest(files)
    if found != named:
        raise ModelRejected(
            f"{contract.use_case} version {version} has digest {found[:12]}… and is known as {named[:12]}…: "
            "its files changed, promote a version that is whole or train again"
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
    except Exception as error:  # the runtime raises types of its own for graphs that can't be loaded or don't take the rows
        raise ModelRejected(f"model.onnx or its known answers can't be tried: {error}") from error
    check_answers(known, scores)
    return bundle, scorer
