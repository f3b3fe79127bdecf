"""The parameters that a run takes, by kind of DAG and by step.

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
    pattern: str | None = None  # that a whole string must match

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the value, for a parameter of a DAG."""
        limits = {
            "enum": list(self.choices) or None,
            "minimum": self.minimum,
            "maxLength": self.max_length,
        }
        types: object = list(self.types)
        if len(self.types) == 1:
            (types,) = self.types
        schema = {"type": types}
        for name, limit in limits.items():
            if limit is not None:
                schema[name] = limit
        return schema

    def why_not(self, value: object) -> str | None:
        """Return why a value is refused, as the end of a sentence; None when it is accepted."""
        if not any(TYPES[name](value) for name in self.types):
            names = [TYPE_NAMES[name] for name in self.types]
            return f"it must be {' or '.join(names)}"
        if self.choices and value not in self.choices:
            return f"it must be one of {', '.join(map(repr, self.choices))}"
        if isinstance(value, str):
            return self._why_not_text(value)
        if self.minimum is None or not isinstance(value, int | float):
            return None
        return f"it must be at least {self.minimum}" if value < self.minimum else None

    def _why_not_text(self, value: str) -> str | None:
        longest = self.max_length
        if longest is not None and len(value) > longest:
            return f"it may have at most {longest:,} characters"
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
        description="Stored with the decision; required with force.",
    ),
    "force": Parameter(
        types=("boolean",),
        default=False,
        title="Skip the cooldown",
        description="Skips the cooldown only; all gates still apply.",
    ),
    "require_review": Parameter(
        types=("boolean",),
        default=False,
        title="Ask for a review",
        description="A person must approve before the promotion.",
    ),
    "snapshot": Parameter(
        types=("null", "string"),
        title="Snapshot",
        description="Train and evaluate on this ingested snapshot instead of logged predictions "
        "(`sixgate ingest` prints its id). `history` stands for all rows that the ingest DAG "
        "imported.",
    ),
    "reference": Parameter(
        types=("boolean",),
        default=False,
        title="Train on reference rows",
        description="Train and evaluate on the baseline of the use case, which is no real traffic: "
        "for a first try. It never replaces a model that was trained on real rows.",
    ),
}
PROMOTION: Parameters = {
    "decision_id": Parameter(
        types=("null", "integer"),
        minimum=1,
        title="Decision",
        description="The id of the decision; by default the newest approved one.",
    ),
}
BATCH_EXPLANATION: Parameters = {
    "select": Parameter(
        types=("null", "string"),
        choices=(None, "all", "flagged"),
        title="Which predictions",
        description="By default the new predictions that the policy selects; otherwise also those "
        "made in the policy's evaluation window.",
    ),
}
INGEST: Parameters = {
    "full": Parameter(
        types=("boolean",),
        default=False,
        title="Read everything again",
        description="Reads all rows and files of the sources, also those that were imported "
        "before.",
    ),
}
BATCH_SCORING: Parameters = {
    "file": Parameter(
        types=("null", "string"),
        title="File",
        description="A file of rows below the folder SIXGATE_FILES, by default the folder `files` "
        "of SIXGATE_HOME. Without a file and a job, every uploaded file that waits is scored.",
    ),
    "job": Parameter(
        types=("null", "string"),
        max_length=36,
        title="Job",
        description="The id of one uploaded file, as POST /jobs returned it.",
    ),
    "out": Parameter(
        types=("null", "string"),
        title="Scored file",
        description="With a file: the scored file, in the same folder; by default it is beside the "
        "file.",
    ),
    "log": Parameter(
        types=("boolean",),
        default=False,
        title="Log the predictions",
        description="With a file: log its predictions as those of the scoring server are.",
    ),
    "version": Parameter(
        types=("null", "integer"),
        minimum=1,
        title="Version",
        description="With a file: the version that scores it; by default the one in Production.",
    ),
}
ROLLBACK: Parameters = {
    "version": Parameter(
        types=("null", "integer"),
        minimum=1,
        title="Version",
        description="The version to return to; by default the last good one.",
    ),
    "reason": Parameter(
        types=("null", "string"),
        max_length=2000,
        title="Reason",
        description="Stored in the ledger.",
    ),
}
NONE: Parameters = {}

# A promotion makes the candidate of a decision Production; a rollback, an earlier version.
CANDIDATE: Parameters = {"decision_id": RETURNED_NUMBER, "evidence_hash": OPTIONAL_TEXT}
FORMER_PRODUCTION: Parameters = {
    "version": RETURNED_NUMBER,
    "from_version": RETURNED_NUMBER,
    "reason": OPTIONAL_TEXT,
}

# DAGs of a use case are named <use case>_<kind>; housekeeping is one DAG for all use cases.
HOUSEKEEPING = "housekeeping"
DAG_PARAMETERS: Mapping[str, Parameters] = {
    "retraining": RETRAINING,
    "promotion": PROMOTION,
    "drift_detection": NONE,
    "batch_explanation": BATCH_EXPLANATION,
    "ingest": INGEST,
    "batch_scoring": BATCH_SCORING,
    "rollback": ROLLBACK,
    HOUSEKEEPING: NONE,
}

# A step takes the parameters of its DAG and the values that earlier tasks return. A step of two
# kinds of DAG has one set for each, and a run gives parameters of one set only.
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
    "resume_promotion": (
        {
            "paused": Parameter(types=("boolean",)),
            "active": Parameter(types=("array",)),
            "unbound": Parameter(types=("boolean",)),
        },
    ),
    "notify": ({"notified": Parameter(types=("array",))},),
    "score_file": (BATCH_SCORING,),
    **dict.fromkeys(("plan", "summarise"), (BATCH_EXPLANATION,)),
    **dict.fromkeys(("ingest_history", "ingest_labels"), (INGEST,)),
    "explain": ({**BATCH_EXPLANATION, "chunk": Parameter(types=("string",))},),
}


def kind_of_dag(dag_id: str, use_cases: Collection[str]) -> str | None:
    """Return the kind of one of Sixgate's DAGs; None for any other DAG."""
    if dag_id == HOUSEKEEPING:
        return HOUSEKEEPING
    for kind in DAG_PARAMETERS:
        name = dag_id.removesuffix(f"_{kind}")
        if name != dag_id and name in use_cases:
            return kind
    return None


def why_run_refused(kind: str, parameters: Mapping[str, object]) -> str | None:
    """Return why a kind of DAG can't run with these parameters; None when it can."""
    permitted = DAG_PARAMETERS[kind]
    return _unknown(parameters, permitted) or _wrong_value(parameters, permitted)


def why_step_refused(step: str, parameters: Mapping[str, object]) -> str | None:
    """Return why a step can't run with these parameters; None when it can."""
    sets = STEP_PARAMETERS[step]
    permitted: dict[str, Parameter] = {}
    for one_set in sets:
        permitted.update(one_set)
    return (
        _unknown(parameters, permitted)
        or _mixed(parameters, sets)
        or _wrong_value(parameters, permitted)
    )


def unknown_names(names: Collection[str], permitted: Collection[str]) -> list[str]:
    """Return the names that are not permitted, sorted."""
    return sorted(name for name in names if name not in permitted)


def _unknown(parameters: Mapping[str, object], permitted: Parameters) -> str | None:
    unknown = unknown_names(parameters, permitted)
    if not unknown:
        return None
    allowed = f"Permitted: {', '.join(sorted(permitted)) or 'none'}"
    if len(unknown) == 1:
        (name,) = unknown
        guess = _guess(name, permitted)
        end = f": did you mean {guess!r}?" if guess else "."
        return f"unknown parameter {_shortened(name)}{end} {allowed}"
    names = []
    for name in unknown[:SHOWN_NAMES]:
        guess = _guess(name, permitted)
        hint = f" (did you mean {guess!r}?)" if guess else ""
        names.append(f"{_shortened(name)}{hint}")
    omitted = len(unknown) - SHOWN_NAMES
    more = f" and {omitted:,} more" if omitted > 0 else ""
    return f"unknown parameters {', '.join(names)}{more}. {allowed}"


def _mixed(parameters: Mapping[str, object], sets: tuple[Parameters, ...]) -> str | None:
    if any(not unknown_names(parameters, one_set) for one_set in sets):
        return None
    names = ", ".join(sorted(parameters))
    choices = " or ".join(", ".join(one_set) for one_set in sets)
    return f"parameters {names} do not go together: give {choices}"


def _wrong_value(parameters: Mapping[str, object], permitted: Parameters) -> str | None:
    for name, value in parameters.items():
        reason = permitted[name].why_not(value)
        if reason is not None:
            return f"parameter {name!r} is {_shortened(value)}: {reason}"
    return None


def _guess(name: str, permitted: Collection[str]) -> str | None:
    matches = get_close_matches(
        name[:SHOWN_CHARACTERS],
        permitted,
        n=1,
    )
    return matches[0] if matches else None


def _shortened(value: object) -> str:
    """Return a value as Python writes it, cut where it is long; line breaks are escaped."""
    if isinstance(value, str):
        value = value[: SHOWN_CHARACTERS + 1]
    text = repr(value)
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]}…"


def _is_integer(value: object) -> bool:
    """Return whether JSON schema calls it an integer: 7 and 7.0 are integers, true is not."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)
