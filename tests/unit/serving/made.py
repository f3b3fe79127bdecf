"""Models, rows and a client for the serving tests.

The models are logistic graphs, which is enough to tell versions apart.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from starlette.types import ASGIApp

from pipelines.records import Prediction
from pipelines.rules.model.bundle import EXPLAINERS, Bundle, Calibration, KnownAnswers, digest
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.use_case.contract import Contract, Feature
from pipelines.settings import ROOT, Settings
from pipelines.use_case import read_contract
from serving.app import build
from serving.journal.journal import Journal, read, whole_lines
from serving.model.registry import FolderRegistry
from serving.model.served_model import load
from serving.service import Service

FRAUD = read_contract(ROOT / "reference" / "fraud")
THRESHOLD = 0.5
PREDICT = "/v1/fraud/predict"


def graph(weights: NDArray[np.float32], bias: float) -> bytes:
    """Encode sigmoid(w · features + b), with missing features as 0, in the bundle's format."""
    constants = {
        "zero": np.float32(0),
        "w": weights.reshape(-1, 1).astype(np.float32),
        "b": np.array([bias], np.float32),
        "shape": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["filled"]),
        helper.make_node("Gemm", ["filled", "w", "b"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["probability"]),
        helper.make_node("Reshape", ["probability", "shape"], ["score"]),
    ]
    size = len(weights)
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, size])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, [None])
    logistic = helper.make_graph(
        nodes=nodes,
        name="logistic",
        inputs=[features],
        outputs=[score],
        initializer=[
            numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
        ],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(logistic, opset_imports=[opset], ir_version=9)
    return bytes(model.SerializeToString())


def files(
    contract: Contract = FRAUD, *, bias: float = 0.0, wrong_by: float = 0.0, old: bool = False
) -> dict[str, bytes]:
    """Return a bundle whose score depends on the first feature.

    `wrong_by` is added to its known answers. An `old` one does not hold its contract.
    """
    weights = weights_of(contract)
    rows = np.zeros((3, len(weights)))
    rows[:, 0] = (0, 100, 5000)
    log_odds = rows @ weights.astype(np.float64) + bias
    scores = 1 / (1 + np.exp(-log_odds)) + wrong_by
    bundle = Bundle(
        use_case=contract.use_case,
        contract_hash=contract.hash,
        columns=contract.columns,
        kind="logistic",
        calibration=Calibration(),
        threshold=THRESHOLD,
        contract=None if old else contract,
    )
    return {
        "model.onnx": graph(weights, bias),
        "bundle.json": msgspec.json.encode(bundle),
        "known_answers.json": msgspec.json.encode(KnownAnswers.of(rows, scores)),
    }


def explainer(contract: Contract = FRAUD, *, bias: float = 0.0) -> dict[str, bytes]:
    """Return the explainer file of such a bundle."""
    zeros = [0.0] * len(contract.columns)
    description = {
        "slopes": weights_of(contract).tolist(),
        "intercept": bias,
        "medians": zeros,
        "means": zeros,
    }
    return {EXPLAINERS["logistic"]: msgspec.json.encode(description)}


def weights_of(contract: Contract) -> NDArray[np.float32]:
    """Return weights (columns,) that are 0 for all features but the first."""
    weights = np.zeros(len(contract.columns), np.float32)
    weights[0] = 0.001
    return weights


def served(bundle_files: dict[str, bytes], version: int = 1) -> Served:
    """Return the version and digest that the ledger would have for these files."""
    return Served(version, digest(bundle_files))


def serve(service: Service, use_case: str | None = None) -> None:
    """Load version 1 into a use case of a service, by default the first."""
    scorer = service.use_cases.scorer(use_case) if use_case else service.scorers[0]
    assert scorer
    bundle_files = files(scorer.contract)
    scorer.model = load(bundle_files, served(bundle_files), scorer.contract, scorer.earlier)


def copy_fraud(root: Path, name: str = "fraud") -> Path:
    """Copy the use case fraud to `root`, under a name, and return its folder."""
    folder = root / "reference" / name
    shutil.copytree(ROOT / "reference/fraud", folder)
    return folder


def service_of(root: Path, **settings: Any) -> Service:
    """Return a service of the use cases in `root`, without a model."""
    all_settings = Settings(
        root=root,
        home=root / "home",
        api_key="secret",
        **settings,
    )
    return Service(all_settings, FolderRegistry(root))


def row(contract: Contract = FRAUD, **values: Any) -> dict[str, Any]:
    """Return a row that the contract accepts, with some values replaced."""
    defaults = {feature.name: _value(feature) for feature in contract.features}
    return defaults | values


def rows(count: int) -> list[dict[str, Any]]:
    """Return rows of fraud with the amounts and transaction ids 0, 1, 2, …"""
    return [row(amount=number, transaction_id=str(number)) for number in range(count)]


def journaled(journal: Journal) -> list[Prediction]:
    """Close the open segment and return the predictions of a journal, oldest first."""
    journal.rotate()
    predictions = []
    for segment in journal.closed():
        for line in whole_lines(segment).splitlines():
            predictions += read(line).predictions()
    return predictions


def journaled_ids(journal: Journal) -> list[str]:
    """Return the prediction ids of a journal, oldest first."""
    return [str(prediction.prediction_id) for prediction in journaled(journal)]


def put(root: Path, use_case: str, version: int, bundle_files: dict[str, bytes]) -> None:
    """Add a version to a FolderRegistry."""
    folder = root / use_case / str(version)
    folder.mkdir(parents=True)
    for name, content in bundle_files.items():
        (folder / name).write_bytes(content)


def point(root: Path, use_case: str, version: int) -> None:
    """Move the alias of a FolderRegistry atomically."""
    new = root / use_case / "production.new"
    new.write_text(str(version))
    new.replace(root / use_case / "production")


class Client:
    """Sends requests to a service without a network, with the admin's key by default.

    Each request is answered by a new application of the service, unless one is given.
    """

    def __init__(self, service: Service, app: ASGIApp | None = None) -> None:
        self._service = service
        self._app = app

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def predict(self, row: dict[str, Any], **options: Any) -> httpx.Response:
        return self.post(PREDICT, json=row, **options)

    def request(
        self, method: str, path: str, *, key: str | None = "secret", **options: Any
    ) -> httpx.Response:
        async def send() -> httpx.Response:
            try:
                async with self._connect(key) as client:
                    return await client.request(method, path, **options)
            finally:
                # A process that explains belongs to this event loop, which ends here.
                await self._service.explainer.stop()

        return asyncio.run(send())

    def predict_together(self, *rows: dict[str, Any]) -> list[httpx.Response]:
        """Send all rows at the same time, each in its own request."""

        async def send() -> list[httpx.Response]:
            async with self._connect("secret") as client:
                requests = [client.post(PREDICT, json=row) for row in rows]
                return list(await asyncio.gather(*requests))

        return asyncio.run(send())

    def _connect(self, key: str | None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app or build(self._service)),
            base_url="http://server",
            headers={"X-API-Key": key} if key else {},
        )


def _value(feature: Feature) -> Any:
    if feature.type == "category":
        return feature.values[0]
    if feature.type == "bool":
        return False
    return int(feature.range[0]) if feature.range else 0
