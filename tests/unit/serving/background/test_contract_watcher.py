"""A changed contract is put into force by a running server, without a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.background.contract_watcher import ContractWatcher
from serving.service import Service
from tests.unit.serving import made

NULLABLE = {"type": "float", "nullable": True}


class World:
    """A service of the use case fraud, in a folder of its own, with a model."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = made.copy_fraud(root)
        self.service = self.start()
        made.serve(self.service)
        self.changes = 0
        self.watcher = ContractWatcher(self.service.scorers[0], self.service, self.note)
        self.watcher.check(None)

    def start(self) -> Service:
        return made.service_of(self.root, use_cases="fraud")

    def note(self) -> None:
        self.changes += 1

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = yaml.safe_load((self.folder / "contract.yaml").read_text())
        return document

    def write(self, document: Any) -> None:
        (self.folder / "contract.yaml").write_text(yaml.safe_dump(document, sort_keys=False))

    def add(self, name: str, settings: dict[str, Any]) -> None:
        document = self.document()
        document["features"][name] = settings
        self.write(document)

    def check(self, times: int = 2) -> None:
        for _ in range(times):
            self.watcher.check(None)

    def predict(self, **values: Any) -> int:
        status: int = made.Client(self.service).predict(made.row(made.FRAUD) | values).status_code
        return status


@pytest.fixture
def world(tmp_path: Path) -> Any:
    world = World(tmp_path)
    yield world
    world.service.journal.close()


def test_a_new_feature_is_accepted_and_rows_without_it_still_are(world: World) -> None:
    assert world.predict(channel=1.5) == 422
    world.add("channel", NULLABLE)
    world.check()
    assert world.predict(channel=1.5) == 200
    assert world.predict() == 200
    assert world.changes == 1


def test_a_required_feature_is_missing_in_rows_of_the_former_contract(world: World) -> None:
    world.add("channel", {"type": "float"})
    world.check()
    assert world.predict() == 200
    assert world.predict(channel=2.0) == 200
    current = world.service.scorers[0].contract
    logged = made.journaled(world.service.journal)
    position = current.columns.index("channel")
    assert [str(prediction.features[position]) for prediction in logged] == ["nan", "2.0"]
    assert {prediction.contract_hash for prediction in logged} == {current.hash}
    assert {prediction.model_contract_hash for prediction in logged} == {made.FRAUD.hash}


def test_a_file_that_is_being_written_is_not_read(world: World) -> None:
    world.add("channel", NULLABLE)
    world.check(times=1)
    assert world.predict(channel=1.5) == 422
    world.check(times=1)
    assert world.predict(channel=1.5) == 200


def test_an_announced_change_is_read_at_once(world: World) -> None:
    world.add("channel", NULLABLE)
    world.watcher.hurry()
    world.check(times=1)
    assert world.predict(channel=1.5) == 200


@pytest.mark.parametrize(
    ("key", "settings", "message"),
    [
        pytest.param("channel", {"type": "text"}, "is not a type", id="invalid"),
        pytest.param(
            "amount", {"type": "bool"}, "give the feature another name", id="another type"
        ),
    ],
)
def test_a_change_that_is_refused_leaves_the_contract_in_force(
    world: World, key: str, settings: dict[str, Any], message: str
) -> None:
    before = (world.folder / "contract.yaml").read_text()
    world.add(key, settings)
    world.check()
    assert world.predict() == 200
    ready = made.Client(world.service).get("/readyz").json()
    assert message in ready["faults"]["fraud"]
    assert ready["contracts"] == {"fraud": made.FRAUD.hash}
    (world.folder / "contract.yaml").write_text(before)
    world.check()
    assert made.Client(world.service).get("/readyz").json()["faults"] == {}


def test_a_change_back_makes_the_former_contract_the_current_one(world: World) -> None:
    before = (world.folder / "contract.yaml").read_text()
    world.add("channel", NULLABLE)
    world.check()
    (world.folder / "contract.yaml").write_text(before)
    world.check()
    scorer = world.service.scorers[0]
    assert scorer.contract.hash == made.FRAUD.hash
    assert len(scorer.earlier) == 1
    assert world.predict(channel=1.5) == 200


def test_the_page_of_the_api_follows(world: World) -> None:
    client = made.Client(world.service)
    world.add("channel", NULLABLE)
    world.check()
    page = client.get("/openapi.json").json()
    assert "channel" in page["components"]["schemas"]["FraudTransaction"]["properties"]
    body = page["paths"]["/v1/fraud/predict"]["post"]["requestBody"]
    assert "channel" in body["content"]["application/json"]["example"]


def test_after_a_restart_rows_of_both_contracts_are_accepted(world: World) -> None:
    world.add("channel", {"type": "float"})
    world.check()
    world.service.journal.close()
    world.service = world.start()
    made.serve(world.service)
    assert world.predict(channel=1.5) == 200
    assert world.predict() == 200


def test_a_file_that_is_lost_changes_nothing(world: World) -> None:
    (world.folder / "contract.yaml").unlink()
    world.check()
    assert world.predict() == 200
    assert "is missing" in made.Client(world.service).get("/readyz").json()["faults"]["fraud"]
