"""What a candidate must pass before it serves."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from pipelines.context import Context
from pipelines.errors import (
    EvidenceError,
    ModelRejected,
)
from pipelines.records import Prediction
from pipelines.rules.model.bundle import KnownAnswers
from pipelines.steps import perform
from pipelines.stores.registry_client import RegistryClient
from stack.temporary_services import RunningRegistry
from tests.integration.lifecycle import Run
from tests.integration.logged import rewrite
from tests.services import overwriting


def test_final_validation_notices_evidence_that_changed(
    trained: Context, first_id: int, run: Run
) -> None:
    rewrite(
        trained.connection,
        "UPDATE decision_records SET evidence_hash = 'other' WHERE id = %s",
        (first_id,),
    )
    with pytest.raises(EvidenceError, match="other evidence"):
        run("changed", "final_validation", decision_id=first_id)


def test_an_unknown_decision_is_named(run: Run) -> None:
    with pytest.raises(EvidenceError, match="has no decision 999"):
        run("unknown", "final_validation", decision_id=999)


def test_a_model_that_is_too_slow_for_the_policy_or_not_what_was_trained_never_serves(
    trained: Context, traffic: list[Prediction], registry: RunningRegistry
) -> None:
    decision = next(
        one for one in trained.decisions.recent("fraud", limit=50) if one.challenger_version == 2
    )

    def tried(limits: Any, **params: int) -> Any:
        policy = msgspec.structs.replace(trained.use_case.policy, final_validation=limits)
        return perform(
            "final_validation",
            replace(trained, use_case=replace(trained.use_case, policy=policy), params=params),
        )

    limits = trained.use_case.policy.final_validation
    told = tried(limits, decision_id=decision.id)
    assert (told["decision_id"], told["requests"]) == (decision.id, 1000)
    with RegistryClient.of(trained.settings) as production:
        content = production.warm_up("fraud", 2)
        own, others = (
            production.fetch("fraud", version, ["explain.ubj"])["explain.ubj"] for version in (2, 1)
        )
    assert msgspec.json.decode(content or b"", type=KnownAnswers).matrix().shape == (
        1000,
        len(trained.use_case.contract.columns),
    )
    tight = msgspec.structs.replace(limits, p99=timedelta(microseconds=1), memory_mb=1)
    with pytest.raises(
        ModelRejected,
        match=r"p99 is .* ms per request, more than 0.001 ms; a worker with it needs .* MB",
    ):
        tried(tight, decision_id=decision.id)
    assert tried(tight, version=1)["version"] == 1, "the way back is open"
    with overwriting(registry) as overwrite:
        overwrite("fraud", 2, "explain.ubj", others)
    with pytest.raises(ModelRejected, match=r"version 2 may not serve: explain.ubj can't be used"):
        tried(limits, decision_id=decision.id)
    assert tried(limits, version=2)["version"] == 2, "the way back does not depend on what explains"
    with overwriting(registry) as overwrite:
        overwrite("fraud", 2, "explain.ubj", own)
