"""The lifecycle at two stages, made once in a session and copied for each module that asks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipelines.context import Context, context
from pipelines.records import Prediction
from pipelines.settings import ROOT, Settings
from pipelines.stores.model_registry import ModelRegistry
from pipelines.stores.registry_client import CHALLENGER, RegistryClient
from stack import temporary_services
from stack.registry_server.launch import Passwords
from stack.temporary_services import RunningRegistry
from tests.integration.lifecycle import PROMOTE, RETRAIN, Run, Stage, log_traffic, runner
from tests.services import name_of, signed_in

CopyStage = Callable[[Settings], Settings]


@pytest.fixture(scope="session")
def registry(
    tmp_path_factory: pytest.TempPathFactory, passwords: Passwords
) -> Iterator[RunningRegistry]:
    """The MLflow server that holds the models of both stages."""
    home = tmp_path_factory.mktemp("registry")
    port = temporary_services.free_port()
    with temporary_services.mlflow(home, port, passwords) as running:
        yield running


@pytest.fixture(scope="session")
def copy_stage(
    copy_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> CopyStage:
    """Copy the home and the database of a stage; return the settings of the copy."""

    def copy_stage(settings: Settings) -> Settings:
        home = tmp_path_factory.mktemp("home")
        shutil.copytree(settings.home, home, dirs_exist_ok=True)
        database_url = copy_database(name_of(settings.database_url))
        return settings.model_copy(update={"home": home, "database_url": database_url})

    return copy_stage


@pytest.fixture(scope="session")
def first(
    registry: RunningRegistry,
    migrated: str,
    copy_database: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Stage:
    """The first model is trained on the reference and promoted, and answers two weeks of traffic."""
    with signed_in(registry.passwords):
        settings = Settings(
            home=tmp_path_factory.mktemp("first"),
            database_url=copy_database(migrated),
            mlflow_tracking_uri=registry.uri,
            policy_overlay=ROOT / "stack" / "policy.demo.yaml",
        )
        run = runner(settings)
        approved = run("first", *RETRAIN, reference=True)
        with RegistryClient.of(settings) as production:
            assert production.version("fraud", CHALLENGER) == 1
            assert production.version("fraud") is None
            run("first-promotion", *PROMOTE, decision_id=approved["decision_id"])
            assert production.version("fraud", CHALLENGER) is None, "it is no candidate any more"
            assert production.version("fraud") == 1
        return Stage(settings, champion=1, traffic=log_traffic(settings))


@pytest.fixture(scope="session")
def second(first: Stage, registry: RunningRegistry, copy_stage: CopyStage) -> Stage:
    """A challenger that learned the attack is approved, reviewed by Ana and promoted."""
    settings = copy_stage(first.settings)
    with signed_in(registry.passwords):
        run = runner(settings)
        approved = run("second", *RETRAIN, trigger="asset_triggered")
        review = run("second-promotion", "needs_review")
        assert review["decision_id"] == approved["decision_id"]
        assert review["next"] == "final_validation"
        run(
            "second-promotion",
            "review",
            decision_id=approved["decision_id"],
            approved=True,
            reviewer="ana",
            comment="the attack is real",
        )
        done = run(
            "second-promotion",
            *PROMOTE,
            decision_id=approved["decision_id"],
            evidence_hash=review["evidence_hash"],
        )
        assert done["version"] == 2
    return replace(first, settings=settings, champion=2)


@pytest.fixture(scope="module")
def stage(second: Stage) -> Stage:
    """The stage that a module begins with; a module may override it."""
    return second


@pytest.fixture(scope="module")
def settings(stage: Stage, registry: RunningRegistry, copy_stage: CopyStage) -> Iterator[Settings]:
    """The settings of this module's own copy of the stage; MLflow's aliases are those of it."""
    settings = copy_stage(stage.settings)
    with signed_in(registry.passwords):
        models = ModelRegistry(settings)
        models.point("fraud", stage.champion)
        models.point("fraud", None, CHALLENGER)
        yield settings


@pytest.fixture(scope="module")
def run(settings: Settings) -> Run:
    """Run steps in their order, as a DAG would; returns the last one's result."""
    return runner(settings)


@pytest.fixture
def trained(settings: Settings) -> Iterator[Context]:
    """A context at this module's stage."""
    looking = context(settings, "fraud", "looking", datetime.now(UTC))
    yield looking
    looking.close()


@pytest.fixture
def first_id(trained: Context) -> int:
    """The id of the decision about the first model."""
    return trained.decisions.of_run("fraud", "first").id


@pytest.fixture(scope="session")
def traffic(first: Stage) -> list[Prediction]:
    """What the first champion answered, all of which is logged."""
    return first.traffic
