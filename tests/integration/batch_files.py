"""A model of trees for the use case fraud, and files of rows that it scores."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xgboost

from pipelines.rules.model.bundle import Calibration
from pipelines.rules.promotion.ledger import Served
from pipelines.rules.training.candidates import Candidate
from pipelines.rules.training.estimators.xgboost import XGBoostEstimator
from pipelines.rules.training.fitting import FittedModel
from pipelines.rules.training.packaging import pack
from pipelines.rules.use_case.contract import Feature
from pipelines.rules.use_case.derived_features import Deriver
from pipelines.settings import ROOT
from tests.integration.server import Database, Server, enter
from tests.unit.serving import made

Row = dict[str, Any]


def rows(n: int, seed: int = 5) -> list[Row]:
    """Rows of which some have no id, no entity, no time or missing features."""
    random = np.random.default_rng(seed)
    drawn = []
    for number in range(n):
        row: Row = {"transaction_id": f"t{number}", "customer_id": f"c{number % 9}"}
        row["event_time"] = "2026-01-01T12:00:00+00:00"
        for feature in made.FRAUD.features:
            row[feature.name] = _value(feature, random)
        for name in ("transaction_id", "customer_id", "event_time"):
            if random.random() < 0.2:
                row[name] = None
        drawn.append(row)
    return drawn


def _value(feature: Feature, random: np.random.Generator) -> Any:
    if feature.nullable and random.random() < 0.2:
        return None
    if feature.type == "category":
        return str(random.choice(feature.values))
    if feature.type == "bool":
        return bool(random.integers(0, 2))
    low, high = feature.range or (0, 1)
    if feature.type == "int":
        return int(random.integers(int(low), min(int(high), 1000) + 1))
    return float(random.uniform(low, min(high, 300)))


def write_csv(file: Path, documents: list[Row]) -> Path:
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(documents[0]))
        writer.writeheader()
        writer.writerows(documents)
    return file


def promote_trees(server: Server, database: Database, version: int = 1) -> Served:
    """Make a model of trees Production, which uses every feature."""
    contract = made.FRAUD
    random = np.random.default_rng(11)
    raw = np.array(
        [[feature.as_number(_value(feature, random)) for feature in contract.features]
         for _ in range(2000)]
    )  # fmt: skip
    features = Deriver(contract)(raw)
    labels = (np.nansum(raw * random.normal(size=raw.shape[1]) / 100, axis=1) > 0).astype(int)
    model = xgboost.XGBClassifier(n_estimators=80, max_depth=5, n_jobs=1, random_state=1)
    model.fit(features.astype(np.float32), labels)
    candidate = Candidate(
        fitted=FittedModel(XGBoostEstimator(), model),
        calibration=Calibration(a=0.9, b=-0.1),
        threshold=0.4,
        params={},
        metrics={},
    )
    files = pack(candidate, contract, features[:32])
    served = Served(version, made.served(files).digest)
    made.put(server.models, "fraud", version, files)
    promotion = uuid4()
    enter(database, promotion, "INTENDED", served)
    made.point(server.models, "fraud", version)
    enter(database, promotion, "DONE", served)
    return served


def environment(server: Server, database_url: str) -> dict[str, str]:
    """The environment of a command that reads the same home, database and models as the server."""
    return {
        **os.environ,
        "SIXGATE_HOME": str(server.home),
        "SIXGATE_DATABASE_URL": database_url,
        "SIXGATE_MODEL_FOLDER": str(server.models),
    }


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pipelines", "score", *map(str, arguments)]


def score(
    server: Server, database_url: str, *arguments: str | Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=environment(server, database_url),
        capture_output=True,
        text=True,
        timeout=120,
    )


def scored_json(server: Server, database_url: str, *arguments: str | Path) -> dict[str, Any]:
    done = score(server, database_url, *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))
