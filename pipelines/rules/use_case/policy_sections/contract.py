"""How long rows of an earlier contract are accepted."""

from datetime import timedelta

from pipelines.rules.use_case.policy_sections.values import Duration, PolicySection


class ContractPolicy(PolicySection, frozen=True):
    """How a contract is replaced by another one."""

    grace: Duration = timedelta(days=30)
    """How long rows of an earlier contract are accepted after a change. They are accepted for
    longer while a model that was trained under it serves."""
