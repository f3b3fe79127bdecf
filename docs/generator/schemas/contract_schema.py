"""The schema of `contract.yaml`."""

from keyword import kwlist

from docs.generator.attribute_docs import attribute_docs
from docs.generator.contract_page import REQUIRED
from docs.generator.schemas.described import Schema, document, schemas_of, without
from pipelines.rules.use_case.contract import Contract, Derived, Feature, LabelColumn
from pipelines.rules.use_case.contract_parser import KEYS
from pipelines.rules.use_case.csv_format import SEPARATORS, CsvFormat

DESCRIPTION = """\
contract.yaml of Sixgate: the transactions of a use case and the features of its models. `sixgate \
check` also finds what a schema can't say, such as a formula over an unknown feature."""
KEY = "name"  # of a feature: it is the key in the document
NAMES: Schema = {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": {"enum": list(kwlist)}}
TEXT: Schema = {"type": "string", "minLength": 1}
FILLED: Schema = {"type": "array", "minItems": 1}
EMPTY: Schema = {"maxItems": 0}
NO_RANGE: Schema = {"range": {"type": "null"}, "beyond": {"const": "refuse"}}
# Values of a label whose opposite is known: 1, 0, true and false, also as text.
WITH_OPPOSITE: Schema = {
    "anyOf": [
        {"enum": [0, 1, False, True]},
        {"type": "string", "pattern": r"^\s*0*[01](\.0*)?\s*$"},
    ]
}


def contract_schema() -> str:
    """Write the schema of a contract: every key with its meaning, default and valid values."""
    definitions = schemas_of([Feature, Derived, LabelColumn, CsvFormat])
    feature = without(definitions["Feature"], KEY)
    definitions["Feature"] = feature | {"allOf": _feature_rules()}
    definitions["Derived"] = without(definitions["Derived"], KEY)
    definitions["LabelColumn"] |= {"allOf": [_label_rule()]}
    csv = definitions["CsvFormat"]["properties"]
    csv["thousands"]["enum"] = [*SEPARATORS, None]
    csv["header"]["uniqueItems"] = True
    return document("Sixgate contract", DESCRIPTION, _root(), definitions)


def _root() -> Schema:
    texts = attribute_docs(Contract)
    shapes: dict[str, Schema] = {
        "description": {"type": "string"},
        "label": {"$ref": "#/$defs/LabelColumn"},
        "features": _named("Feature") | {"minProperties": 1},
        "derived": _named("Derived") | {"type": ["object", "null"]},
        "sources": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
        "csv": {"anyOf": [{"$ref": "#/$defs/CsvFormat"}, {"type": "null"}]},
    }
    names = [name for name in Contract.__struct_fields__ if name in KEYS]
    return {
        "type": "object",
        "properties": {
            name: {"description": texts[name], **shapes.get(name, TEXT)} for name in names
        },
        "required": [name for name in names if name in REQUIRED],
        "additionalProperties": False,
    }


def _named(definition: str) -> Schema:
    """A mapping of names of features to their settings."""
    return {
        "type": "object",
        "propertyNames": NAMES,
        "additionalProperties": {"$ref": f"#/$defs/{definition}"},
    }


def _feature_rules() -> list[Schema]:
    """What the settings of a feature say of each other."""
    nullable = _with(nullable={"const": True})
    category = _with(values=FILLED | {"uniqueItems": True})
    category["properties"] |= NO_RANGE | {
        "monotone": {"const": "none"},
        "missing": {"items": {"type": "string"}},
    }
    number: Schema = {"properties": {"values": EMPTY, "unknown": {"const": "refuse"}}}
    boolean: Schema = {"properties": {**NO_RANGE, "missing": {"items": {"not": {"enum": [0, 1]}}}}}
    return [
        {"if": _with(type={"const": "category"}), "then": category, "else": number},
        {"if": _with(type={"const": "bool"}), "then": boolean},
        {"if": _with(missing=FILLED), "then": nullable},
        {"if": _with(unknown={"const": "missing"}), "then": nullable},
        {"if": _with(beyond={"enum": ["clip", "accept"]}), "then": _with(range={"type": "array"})},
    ]


def _label_rule() -> Schema:
    """Without the values of the negative class, those of the positive one must have an opposite."""
    opposite = {"anyOf": [WITH_OPPOSITE, FILLED | {"items": WITH_OPPOSITE}]}
    return {
        "if": {"properties": {"negative": {"type": "array", "maxItems": 0}}},
        "then": {"properties": {"positive": opposite}},
        "else": {"properties": {"positive": {"not": {"type": "array", "maxItems": 0}}}},
    }


def _with(**properties: Schema) -> Schema:
    """An object that has these properties."""
    return {"properties": properties, "required": list(properties)}
