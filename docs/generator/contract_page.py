"""The page of the keys of a contract."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec

from docs.generator.attribute_docs import attribute_docs
from docs.generator.markdown import code, page, table
from pipelines.reporting.policy_yaml import value_text
from pipelines.rules.use_case.change_kinds import AS_BEFORE, GRACE, KINDS, RESCORED
from pipelines.rules.use_case.contract import Contract, Derived, Feature, LabelColumn, Value
from pipelines.rules.use_case.contract_parser import KEYS
from pipelines.rules.use_case.csv_format import CsvFormat
from pipelines.rules.use_case.expression import FUNCTIONS

INTRODUCTION = """\
`reference/<use_case>/contract.yaml` describes the transactions of a use case and the features of
its models. The API, the checks of data, the columns of the prediction log and the inputs of the
models follow from it. [Add a use case](../how-to/add-a-use-case.md) has an example."""
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "label": LabelColumn,
    "features.<name>": Feature,
    "derived.<name>": Derived,
    "csv": CsvFormat,
}
NAMES = """\
Names of features are ASCII letters, digits and underscores, and no Python keywords. An expression
has numbers, raw features that are no categories, arithmetic, comparisons, `&`, `|`, `~`, and the
functions {functions}.

The hash of the contract covers the label, the features and the expressions. A model version keeps
the contract that it was trained under."""
CHANGES = """\
A running server applies a changed file within seconds, and at once after `sixgate contract apply`.
Before that, `sixgate contract diff` says what the change means. Rows of the former contract are
accepted until it ends: they are converted by the names of features and the texts of categories, and
logged under the current contract. A model gets each row as its own contract has it, so a change
never stops the champion. A feature that a row does not have is missing. [Change a
contract](../how-to/change-a-contract.md) has the steps.

Where nothing else is said, the champion sees {champion}, a challenger is judged {challenger}, and
the former contract ends {ends}."""
REFUSALS = """\
These changes are not applied. The contract in force stays, the alert `contract_refused` opens, and
`/readyz` names the change under `faults`. Before a model was trained or a row scored,
`sixgate contract apply --replace` takes them."""
CHANGE_HEADER = (
    "change",
    "clients may send",
    "the champion sees",
    "a challenger is judged",
    "drift and explanations show",
)
VALUE = "text, number, `true` or `false`"
VALUES = "texts, numbers, `true` and `false`"
HEADER = ("key", "type", "default", "meaning")
NOT_STATED = {"use_case", "name"}  # the folder's name and, of a feature, its key
REQUIRED = {"title", "entity_key", "transaction_id", "label", "features"}


def contract_page() -> str:
    """Write every key of a contract: type, default and meaning."""
    parts = [table(HEADER, _top())]
    for name, kind in SECTIONS.items():
        parts += [f"## `{name}`", table(HEADER, _rows(kind))]
    functions = ", ".join(code(name) for name in FUNCTIONS)
    parts += [NAMES.format(functions=functions), "## Changes"]
    parts.append(CHANGES.format(champion=AS_BEFORE, challenger=RESCORED, ends=GRACE))
    parts.append(table(CHANGE_HEADER, _changes()))
    parts += ["## Refused changes", REFUSALS, table(("change", "do instead"), _refusals())]
    return page("Contract", INTRODUCTION, *parts)


def _changes() -> Iterator[tuple[str, str, str, str, str]]:
    for kind in KINDS:
        if kind.refused:
            continue
        end = "" if kind.ends == GRACE else f". The former contract ends {kind.ends}"
        yield (
            kind.name,
            kind.clients + end,
            "" if kind.champion == AS_BEFORE else kind.champion,
            "" if kind.challenger == RESCORED else kind.challenger,
            kind.drift,
        )


def _refusals() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        if kind.refused:
            yield kind.name, kind.refused


def _top() -> Iterator[tuple[str, str, str, str]]:
    texts = attribute_docs(Contract)
    types = {
        "label": "section",
        "features": "sections",
        "derived": "sections",
        "sources": "names",
        "csv": "section",
    }
    for name in Contract.__struct_fields__:
        if name in KEYS:
            default = "required" if name in REQUIRED else "none"
            yield code(name), types.get(name, "text"), default, texts[name]


def _rows(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str, str]]:
    texts = attribute_docs(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in NOT_STATED and kind is not LabelColumn:
            continue
        default = "required" if field.required else _default(field.default)
        yield code(field.name), _type(field.type), default, texts[field.name]


def _default(value: Any) -> str:
    return code(value_text(value)) if value not in (None, "", ()) else "none"


def _type(annotation: Any) -> str:
    """Describe a type in plain words."""
    if get_origin(annotation) is Literal:
        return " or ".join(code(choice) for choice in get_args(annotation))
    if annotation == tuple[float, float] | None:
        return "two numbers"
    names = {
        str: "text",
        str | None: "text",
        bool: "`true` or `false`",
        tuple[str, ...]: "list of texts",
        Value | tuple[Value, ...]: f"{VALUE}, or a list of them",
        tuple[Value, ...]: f"list of {VALUES}",
        tuple[str | int | float, ...] | None: "list of texts and numbers",
    }
    return names[annotation]
