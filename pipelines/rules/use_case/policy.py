"""The policy of a use case: all thresholds and schedules, as data.

A policy's document holds only what differs from the defaults of `policy_sections`. Each decision is
stored with the whole policy under which it was made, defaults included.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from pipelines.errors import UseCaseError
from pipelines.rules.use_case.policy_checks import contradictions
from pipelines.rules.use_case.policy_keys import fault_of
from pipelines.rules.use_case.policy_sections.contract import ContractPolicy
from pipelines.rules.use_case.policy_sections.explanation import ExplanationPolicy
from pipelines.rules.use_case.policy_sections.gates import Evaluation, Gates
from pipelines.rules.use_case.policy_sections.ingest import Ingest
from pipelines.rules.use_case.policy_sections.monitoring import Alerts, Drift, Performance, Report
from pipelines.rules.use_case.policy_sections.promotion import (
    FinalValidation,
    Guard,
    Promotion,
    Review,
)
from pipelines.rules.use_case.policy_sections.retention import Retention
from pipelines.rules.use_case.policy_sections.training import Retraining, Training, Validation
from pipelines.rules.use_case.policy_sections.values import Duration, PolicySection
from pipelines.rules.use_case.schema_error import schema_fault


class Policy(PolicySection, frozen=True):
    """All settings of one use case. Without arguments, these are the defaults."""

    label_maturity: Duration = timedelta(days=7)
    """A label counts once its transaction is this old."""
    gates: Gates = Gates()
    evaluation: Evaluation = Evaluation()
    training: Training = Training()
    validation: Validation = Validation()
    retraining: Retraining = Retraining()
    drift: Drift = Drift()
    performance: Performance = Performance()
    alerts: Alerts = Alerts()
    report: Report = Report()
    review: Review = Review()
    final_validation: FinalValidation = FinalValidation()
    promotion: Promotion = Promotion()
    guard: Guard = Guard()
    explanation: ExplanationPolicy = ExplanationPolicy()
    contract: ContractPolicy = ContractPolicy()
    ingest: Ingest = Ingest()
    retention: Retention = Retention()
    use_case: str = ""


def parse_policy(document: Any, *, use_case: str, file: str) -> Policy:
    """Check a policy's document and return the policy, with the default of each key left out.

    A fault raises UseCaseError, which names file, key, value and rule. A document without content
    is a fault too: a file that lost its content must not set every threshold to its default.
    """
    if document is None:
        raise UseCaseError(f"{file} is empty: write {{}} to use the default of every key")
    try:
        policy = msgspec.convert(document, Policy)
    except msgspec.ValidationError as error:
        key = ".".join(map(str, schema_fault(error).path))
        message = f"{file}: {fault_of(document, error, Policy())}"
        raise UseCaseError(message, key=key) from error
    for key, value, rule in contradictions(policy):
        raise UseCaseError(f"{file}: {key}: {value} {rule}", key=key)
    return msgspec.structs.replace(policy, use_case=use_case)


def overlay(document: Any, over: Any) -> Any:
    """Lay one document over another: mappings merge key by key, any other value is replaced."""
    if not isinstance(document, Mapping) or not isinstance(over, Mapping):
        return over
    merged = dict(document)
    for key, value in over.items():
        merged[key] = overlay(document.get(key), value)
    return merged
