"""Which parameters a run takes, by kind of DAG and by step.

A name that is not listed here is refused. Otherwise a misspelt `require_review` would be read as
one that was left out, and the review would be skipped.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

SHOWN_NAMES = 5
SHOWN_CHARACTERS = 60

TYPES: Mapping[str, Callable[[object], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "integer": lambda value: _is_integer(value),
}
TYPE_NAMES = {
    "null": "null",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "integer": "a whole number",
}


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter: the JSON types of its value, its limits, and its texts in Airflow's form."""

    types: tuple[str, ...]
    default: object = None
    title: str = ""
    description: str = ""
    choices: tuple[object, ...] = ()
    minimum: int | None = None
    max_length: int | None = None
    pattern: str | None = None  # of a string, whole

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its value, for a parameter of a DAG."""
        limits = {
            "enum": list(self.choices) or None,
            "minimum": self.minimum,
            "maxLength": self.max_length,
        }
        types: object = self.types[0] if len(self.types) == 1 else list(self.types)
        return {"type": types} | {
            name: limit for name, limit in limits.items() if limit is not None
        }

    def why_not(self, value: object) -> str | None:
        """Why the value is refused, as the end of a sentence; None when it is accepted."""
        if not any(TYPES[name](value) for name in self.types):
            return f"it must be {' or '.join(TYPE_NAMES[name] for name in self.types)}"
        if self.choices and value not in self.choices:
            return f"it must be one of {', '.join(map(repr, self.choices))}"
        if isinstance(value, str):
            return self._why_not_text(value)
        if self.minimum is not None and isinstance(value, int | float) and value < self.minimum:
            return f"it must be at least {self.minimum}"
        return None

    def _why_not_text(self, value: str) -> str | None:
        if self.max_length is not None and len(value) > self.max_length:
            return f"it may have at most {self.max_length:,} characters"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return "it must be a whole number"
        return None


Parameters = Mapping[str, Parameter]

OPTIONAL_TEXT = Parameter(types=("null", "string"))
# A number that an earlier task returned: Airflow's templates turn it into text.
RETURNED_NUMBER = Parameter(types=("integer", "string"), minimum=1, pattern="[0-9]{1,18}")

RETRAINING: Parameters = {
    "reason": Parameter(
        types=("null", "string"),
        title="Reason",
        description="Kept with the decision; force needs one.",
    ),
    "force": Parameter(
        types=("boolean",),
        default=False,
        title="Skip the cooldown",
        description="Only the cooldown; every gate stays.",
    ),
    "require_review": Parameter(
        types=("boolean",),
        default=False,
        title="Ask for a review",
        description="A person approves before promotion.",
    ),
    "snapshot": Parameter(
        types=("null", "string"),
        title="Snapshot",
        description="Train and judge on this ingested snapshot (`sixgate ingest` prints its id) instead of logged predictions.",
    ),
}
PROMOTION: Parameters = {
    "decision_id": Parameter(
        types=("null", "integer"),
        minimum=1,
        title="Decision",
        description="Its number; the newest approved one when left out.",
    ),
}
BATCH_EXPLANATION: Parameters = {
    "select": Parameter(
        types=("null", "string"),
        choices=(None, "all", "flagged"),
        title="Which predictions",
        description="New predictions, chosen by the policy, when left out; otherwise also those "
        "made in the policy's evaluation window.",
    ),
}
ROLLBACK: Parameters = {
    "version": Parameter(
        types=("null", "integer"),
        minimum=1,
        title="Version",
        description="The version to return to; the last good one when left out.",
    ),
    "reason": Parameter(
        types=("null", "string"),
        max_length=2000,
        title="Reason",
        description="Kept in the ledger.",
    ),
}
NONE: Parameters = {}

# What becomes Production: the candidate of a decision, or a version that was Production before.
CANDIDATE: Parameters = {"decision_id": RETURNED_NUMBER, "evidence_hash": OPTIONAL_TEXT}
FORMER_PRODUCTION: Parameters = {
    "version": RETURNED_NUMBER,
    "from_version": RETURNED_NUMBER,
    "reason": OPTIONAL_TEXT,
}

# DAGs of a use case are called <use case>_<kind>; housekeeping is one DAG for all of them.
HOUSEKEEPING = "housekeeping"
DAG_PARAMETERS: Mapping[str, Parameters] = {
    "retraining": RETRAINING,
    "promotion": PROMOTION,
    "drift_detection": NONE,
    "batch_explanation": BATCH_EXPLANATION,
    "rollback": ROLLBACK,
    HOUSEKEEPING: NONE,
}

# A step takes the parameters of its DAG and what earlier tasks return. A step of two kinds of DAG
# has one set for each, and a run gives parameters of one set only.
STEP_PARAMETERS: Mapping[str, tuple[Parameters, ...]] = {
    **dict.fromkeys(
        ("check_conditions", "validate_data", "train", "shadow_evaluate", "approve"), (RETRAINING,)
    ),
    "needs_review": (PROMOTION,),
    "review": (
        {
            "decision_id": RETURNED_NUMBER,
            "approved": Parameter(types=("boolean",)),
            "reviewer": OPTIONAL_TEXT,
            "comment": OPTIONAL_TEXT,
        },
    ),
    **dict.fromkeys(("final_validation", "promote"), (CANDIDATE, FORMER_PRODUCTION)),
    "select_rollback": (ROLLBACK,),
    **dict.fromkeys(("roll_up", "measure", "alert", "report", "wake_retraining", "guard"), (NONE,)),
    "notify": ({"told": Parameter(types=("array",))},),
    **dict.fromkeys(("plan", "summarise"), (BATCH_EXPLANATION,)),
    "explain": ({**BATCH_EXPLANATION, "chunk": Parameter(types=("string",))},),
}


def kind_of_dag(dag_id: str, use_cases: Collection[str]) -> str | None:
    """The kind of one of Sixgate's DAGs; None for any other DAG."""
    if dag_id == HOUSEKEEPING:
        return HOUSEKEEPING
    for kind in DAG_PARAMETERS:
        name = dag_id.removesuffix(f"_{kind}")
        if name != dag_id and name in use_cases:
            return kind
    return None


def why_run_refused(kind: str, given: Mapping[str, object]) -> str | None:
    """Why a kind of DAG can't be run with these parameters; None when it can."""
    permitted = DAG_PARAMETERS[kind]
    return _unknown(given, permitted) or _wrong_values(given, permitted)


def why_step_refused(step: str, given: Mapping[str, object]) -> str | None:
    """Why a step can't be run with these parameters; None when it can."""
    sets = STEP_PARAMETERS[step]
    permitted = {name: each for one_set in sets for name, each in one_set.items()}
    return _unknown(given, permitted) or _mixed(given, sets) or _wrong_values(given, permitted)


def unknown_names(given: Collection[str], permitted: Collection[str]) -> list[str]:
    """The names that are given and not permitted, in order."""
    return sorted(name for name in given if name not in permitted)


def _unknown(given: Mapping[str, object], permitted: Parameters) -> str | None:
    unknown = unknown_names(given, permitted)
    if not unknown:
        return None
    allowed = f"Permitted: {', '.join(sorted(permitted)) or 'none'}"
    if len(unknown) == 1:
        guess = _guess(unknown[0], permitted)
        end = f": did you mean {guess!r}?" if guess else "."
        return f"unknown parameter {_shown(unknown[0])}{end} {allowed}"
    names = []
    for name in unknown[:SHOWN_NAMES]:
        guess = _guess(name, permitted)
        names.append(_shown(name) + (f" (did you mean {guess!r}?)" if guess else ""))
    more = f" and {len(unknown) - SHOWN_NAMES:,} more" if len(unknown) > SHOWN_NAMES else ""
    return f"unknown parameters {', '.join(names)}{more}. {allowed}"


def _mixed(given: Mapping[str, object], sets: tuple[Parameters, ...]) -> str | None:
    if any(not unknown_names(given, one_set) for one_set in sets):
        return None
    choices = " or ".join(", ".join(one_set) for one_set in sets)
    return f"parameters {', '.join(sorted(given))} do not go together: give {choices}"


def _wrong_values(given: Mapping[str, object], permitted: Parameters) -> str | None:
    for name, value in given.items():
        if why := permitted[name].why_not(value):
            return f"parameter {name!r} is {_shown(value)}: {why}"
    return None


def _guess(name: str, permitted: Collection[str]) -> str | None:
    return next(iter(get_close_matches(name[:SHOWN_CHARACTERS], permitted, n=1)), None)


def _shown(value: object) -> str:
    """A value as Python writes it, cut where it is long; line breaks are escaped."""
    text = repr(value[: SHOWN_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _is_integer(value: object) -> bool:
    """Whether JSON schema calls it an integer: 7 and 7.0 are, true is not."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)
