"""The schema of `policy.yaml`."""

from docs.generator.schemas.described import document, schemas_of, without
from pipelines.rules.use_case.policy import Policy
from pipelines.rules.use_case.policy_keys import NOT_A_KEY

DESCRIPTION = """\
policy.yaml of Sixgate: the thresholds and schedules of a use case, where they differ from the \
defaults. `sixgate check` also finds values that contradict each other or the contract."""


def policy_schema() -> str:
    """Write the schema of a policy: every key with its meaning, default and valid values."""
    definitions = schemas_of([Policy])
    root = without(definitions.pop(Policy.__name__), NOT_A_KEY)
    return document("Sixgate policy", DESCRIPTION, root, definitions)
