"""The kinds of values that a policy holds, and the base of its sections."""

from datetime import timedelta
from typing import Annotated

import msgspec

Inside = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Factor = Annotated[float, msgspec.Meta(gt=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
AboveZero = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Text = Annotated[str, msgspec.Meta(description="text")]
# msgspec does not check these: see `pipelines.rules.use_case.policy_checks`.
Duration = Annotated[
    timedelta, msgspec.Meta(description="a duration such as P7D or PT1H, at least 0")
]
PositiveDuration = Annotated[
    timedelta, msgspec.Meta(description="a duration such as P7D or PT1H, longer than 0")
]
Schedule = Annotated[str, msgspec.Meta(description="a cron expression, see crontab(5)")]
OptionalSchedule = Annotated[
    str, msgspec.Meta(description="a cron expression, see crontab(5), or empty text")
]


class PolicySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the policy in which an unknown key is an error."""
