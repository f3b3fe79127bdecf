"""One row is explained by a process that imports what the model's estimator needs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from pipelines.explainer.protocol import RowExplained
from pipelines.rules.model.bundle import Bundle, explainer_file
from serving.model.explainer_client import ExplainerProcess
from serving.model.registry import FolderRegistry
from serving.model.served_model import ServedModel, load
from serving.wire.problems import Problem
from tests.unit.serving import made


def model_of(kind: str, registry: Path) -> ServedModel:
    """Return version 1 of fraud, trained by an estimator of this name."""
    files = made.files()
    bundle = msgspec.json.decode(files["bundle.json"], type=Bundle)
    (content,) = made.explainer().values()
    files["bundle.json"] = msgspec.json.encode(msgspec.structs.replace(bundle, kind=kind))
    made.put(registry, "fraud", 1, files | {explainer_file(kind): content})
    return load(files, made.served(files), made.FRAUD)


def explain(model: ServedModel, registry: Path) -> RowExplained:
    async def run() -> RowExplained:
        process = ExplainerProcess(FolderRegistry(registry))
        try:
            return await process.explain("fraud", model, [100.0] * len(model.bundle.columns))
        finally:
            await process.stop()

    return asyncio.run(run())


def test_a_row_is_explained(tmp_path: Path) -> None:
    explained = explain(model_of("logistic", tmp_path), tmp_path)
    assert len(explained.contributions) == len(made.FRAUD.columns)


def test_an_estimator_that_is_not_installed_is_named_with_501(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        explain(model_of("catboost", tmp_path), tmp_path)
    assert raised.value.status == 501
    assert "'catboost' is not installed" in str(raised.value)
