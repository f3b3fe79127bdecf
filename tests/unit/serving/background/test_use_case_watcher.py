"""Folders that appear, are corrected or removed while a server runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.app import build
from serving.background import use_case_watcher
from serving.background.use_case_watcher import UseCaseWatcher
from tests.integration.server import until
from tests.unit.serving import made


class World:
    """A running service of fraud, in a root of its own, and its watcher."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        made.copy_fraud(root)
        self.start(**settings)

    def start(self, **settings: Any) -> None:
        self.service = made.service_of(self.root, **settings)
        made.serve(self.service, "fraud")
        self.client = made.Client(self.service, build(self.service))
        self.changes = 0
        self.watcher = UseCaseWatcher(self.service, self.note)

    def note(self) -> None:
        self.changes += 1

    def look(self, times: int = 2) -> list[str]:
        """Look some times, and return the use cases that are served then."""
        for _ in range(times):
            self.watcher.look()
        return [scorer.use_case for scorer in self.service.scorers]

    def ready(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get("/readyz").json()
        return answer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.service.journal.close()


def test_a_new_folder_is_taken_up_once_it_stays_the_same(world: World) -> None:
    made.copy_fraud(world.root, "loans")
    assert world.look(times=1) == ["fraud"]
    assert world.look(times=1) == ["fraud", "loans"]
    assert world.changes == 1
    assert world.look() == ["fraud", "loans"]
    assert world.changes == 1


def test_a_folder_that_is_being_copied_is_not_read(world: World) -> None:
    folder = made.copy_fraud(world.root, "loans")
    policy = (folder / "policy.yaml").read_text()
    (folder / "policy.yaml").unlink()
    world.look(times=1)
    (folder / "policy.yaml").write_text(policy)
    world.look(times=1)
    assert world.service.faults == {}
    assert world.look(times=1) == ["fraud", "loans"]


def test_a_hidden_folder_is_not_taken_up(world: World) -> None:
    made.copy_fraud(world.root, ".loans.copy")
    assert world.look() == ["fraud"]
    assert world.service.faults == {}


def test_only_use_cases_of_the_settings_are_taken_up(tmp_path: Path) -> None:
    world = World(tmp_path, use_cases="fraud,loans")
    assert "loans" in world.ready()["faults"]
    made.copy_fraud(world.root, "credit")
    made.copy_fraud(world.root, "loans")
    assert world.look() == ["fraud", "loans"]
    assert world.ready()["faults"] == {}
    world.service.journal.close()


def test_a_folder_that_was_faulty_at_the_start_is_taken_up_when_it_is_corrected(
    world: World,
) -> None:
    world.service.journal.close()
    folder = made.copy_fraud(world.root, "loans")
    valid = (folder / "contract.yaml").read_text()
    (folder / "contract.yaml").write_text("a: [")
    world.start()
    assert world.look() == ["fraud"]
    assert world.client.get("/v1/loans/model").status_code == 503
    (folder / "contract.yaml").write_text(valid)
    assert world.look() == ["fraud", "loans"]
    assert "being loaded" in world.client.get("/v1/loans/model").json()["detail"]


def test_a_faulty_folder_is_read_again_only_when_it_changes_or_after_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made.copy_fraud(world.root, "loans")
    (folder / "contract.yaml").write_text("a: [")
    tried = []
    add = world.service.use_cases.add

    def counted(names: list[str], *, new: bool) -> None:
        tried.append(names)
        add(names, new=new)

    monkeypatch.setattr(world.service.use_cases, "add", counted)
    world.look(times=5)
    assert tried == [["loans"]]
    (folder / "policy.yaml").write_text("a: [")
    world.look(times=5)
    assert len(tried) == 2
    monkeypatch.setattr(use_case_watcher, "RETRY", 0.0)
    (folder / "policy.yaml").write_text("b: [")
    world.look(times=4)
    assert len(tried) > 3


def test_permissions_that_are_corrected_are_noticed(world: World) -> None:
    folder = made.copy_fraud(world.root, "loans")
    world.look(times=1)
    (folder / "contract.yaml").chmod(0o640)
    assert world.look(times=1) == ["fraud"], "it has just changed"
    assert world.look(times=1) == ["fraud", "loans"]


def test_an_internal_error_is_a_fault_of_its_use_case_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(use_case_watcher, "RETRY", 0.0)
    made.copy_fraud(world.root, "credit")
    made.copy_fraud(world.root, "loans")
    make = world.service.use_cases._make_scorer

    def broken(contract: Any, earlier: Any) -> Any:
        if contract.use_case == "credit":
            raise RuntimeError("so")
        return make(contract, earlier)

    monkeypatch.setattr(world.service.use_cases, "_make_scorer", broken)
    assert world.look(times=6) == ["fraud", "loans"]
    assert world.ready()["faults"] == {"credit": "internal error: RuntimeError('so')"}
    assert caplog.text.count("credit can't be taken up") == 1
    monkeypatch.undo()
    assert world.look() == ["fraud", "loans", "credit"] or world.look() == [
        "fraud",
        "loans",
        "credit",
    ]


def test_a_removed_folder_is_served_on_and_a_faulty_one_is_forgotten(world: World) -> None:
    loans = made.copy_fraud(world.root, "loans")
    credit = made.copy_fraud(world.root, "credit")
    (credit / "contract.yaml").write_text("a: [")
    assert world.look() == ["fraud", "loans"]
    assert "credit" in world.ready()["faults"]
    shutil.rmtree(loans)
    shutil.rmtree(credit)
    assert world.look() == ["fraud", "loans"]
    assert world.ready()["faults"] == {}
    assert world.client.get("/v1/credit/model").status_code == 404


def test_a_faulty_folder_of_the_start_that_is_removed_no_longer_counts(world: World) -> None:
    world.service.journal.close()
    folder = made.copy_fraud(world.root, "loans")
    (folder / "contract.yaml").write_text("a: [")
    world.start()
    assert world.client.get("/readyz").status_code == 503
    shutil.rmtree(folder)
    world.look()
    assert world.client.get("/readyz").status_code == 200


def test_the_thread_looks_until_it_is_stopped_and_logs_an_error_once(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(use_case_watcher, "LOOK", 0.01)
    looks = []
    look = world.watcher.look

    def failing() -> None:
        looks.append(1)
        if len(looks) < 5:
            raise OSError("the disk failed")
        look()

    monkeypatch.setattr(world.watcher, "look", failing)
    made.copy_fraud(world.root, "loans")
    world.watcher.start()
    until(lambda: len(world.service.scorers) == 2, "the folder is taken up")
    world.watcher.stop()
    assert not world.watcher.is_alive()
    assert caplog.text.count("can't look for new use cases") == 1
