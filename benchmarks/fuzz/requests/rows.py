"""Rows of a contract: valid ones, and ones with a fault."""

from random import Random

from benchmarks.fuzz.requests.json_text import Field, deep, inserted, text, without
from benchmarks.fuzz.requests.strings import (
    BAD_KEYS,
    BAD_TIMES,
    BLANK_KEYS,
    GOOD_TIMES,
    KEYS,
    NAMES,
    RAW_STRINGS,
    RAW_VALUES,
    named,
)
from benchmarks.fuzz.requests.values import bad_value, good_value
from pipelines.rules.use_case.contract import Contract

BAD_ROWS = (
    *("another value",) * 6,
    "missing",
    "unknown",
    "unknown",
    "key",
    "time",
    "no JSON",
    "no text",
    "doubled",
)


def good_row(random: Random, contract: Contract) -> list[Field]:
    """Return a valid row; optional fields may be missing, and the order may be any."""
    fields = [
        (text(feature.name), good_value(random, feature))
        for feature in contract.features
        if not (feature.nullable and random.random() < 0.3)
    ]
    if random.random() < 0.3:
        fields.append((b'"transaction_id"', text(random.choice(KEYS))))
    if random.random() < 0.2:
        fields.append((text(contract.entity_key), text(random.choice(KEYS))))
    if random.random() < 0.2:
        fields.append((b'"event_time"', text(random.choice(GOOD_TIMES))))
    if random.random() < 0.3:
        random.shuffle(fields)
    return fields


def bad_row(random: Random, contract: Contract) -> tuple[str, list[Field], str | None]:
    """Return the kind of a fault, a row with it, and the name of the invalid field.

    There is no name if the row is not valid JSON.
    """
    row = good_row(random, contract)
    feature = contract.features[random.randrange(len(contract.features))]
    kind = random.choice(BAD_ROWS)
    name = text(feature.name)
    if kind == "another value":
        value = bad_value(random, feature)
        return kind, inserted(random, without(row, name), (name, value)), feature.name
    if kind == "missing":
        required = random.choice([feature for feature in contract.features if not feature.nullable])
        return kind, without(row, text(required.name)), required.name
    if kind == "unknown":
        unknown = random.choice(NAMES)
        nested_value = deep(random.choice((3, 500, 995, 2000)), random)
        value = random.choice((b"1", b"null", b'"x"', nested_value, b"9" * 5000, b"1e999"))
        return kind, inserted(random, row, (text(unknown), value)), named(unknown)
    if kind == "key":
        key = random.choice(("transaction_id", contract.entity_key))
        bad_keys = (*BAD_KEYS, *BLANK_KEYS) if key == "transaction_id" else BAD_KEYS
        bad_key = text(random.choice(bad_keys))
        value = random.choice((bad_key, b"0.5", b"[]", b"true", deep(1500, random)))
        return kind, inserted(random, without(row, text(key)), (text(key), value)), key
    if kind == "time":
        bad_time = text(random.choice(BAD_TIMES))
        value = random.choice((bad_time, b"1e20", b"[]", b"true", b"9" * 400))
        event_time = b'"event_time"'
        return kind, inserted(random, without(row, event_time), (event_time, value)), "event_time"
    if kind == "doubled":
        return kind, [(name, bad_value(random, feature)), *row], None
    if kind == "no text":
        value_pair = (b'"transaction_id"', random.choice(RAW_STRINGS))
        name_pair = (random.choice(RAW_STRINGS), b"1")
        pair = random.choice((value_pair, name_pair))
        return kind, inserted(random, row, pair), None
    return kind, inserted(random, without(row, name), (name, random.choice(RAW_VALUES))), None
