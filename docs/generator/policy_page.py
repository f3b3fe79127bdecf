"""The page of the keys of a policy."""

from collections.abc import Iterator

from docs.generator.attribute_docs import attribute_docs
from docs.generator.markdown import code, page, table
from pipelines.reporting.policy_yaml import value_text
from pipelines.rules.use_case.policy import Policy
from pipelines.rules.use_case.policy_keys import PolicyKey, keys_of, valid_values

INTRODUCTION = """\
`reference/<use_case>/policy.yaml` holds the thresholds and schedules of a use case. It states what
differs from the defaults; `{}` states nothing. [Add a use case](../how-to/add-a-use-case.md) has an
example. `sixgate policy show` prints the policy in force, and `sixgate policy show --changed` what
differs from the defaults. A file at `SIXGATE_POLICY_OVERLAY` is laid over it key by key.

Durations are ISO 8601: `P7D` is 7 days, `PT1H` an hour. Schedules are in UTC. An unknown key and a
value that is not valid are refused, and [the last valid
policy](../decisions/016-last-valid-policy.md) stays in force. Each decision stores the whole policy
under which it was made."""


def policy_page() -> str:
    """Write every key of a policy by section: default, valid values and meaning."""
    sections: dict[str, list[PolicyKey]] = {}
    for key in keys_of(Policy()):
        section = key.name.partition(".")[0] if "." in key.name else ""
        sections.setdefault(section, []).append(key)
    parts: list[str] = []
    for section, keys in sections.items():
        if section:
            parts += [f"## `{section}`", _meaning(section)]
        parts.append(table(("key", "default", "valid values", "meaning"), _rows(keys)))
    return page("Policy", INTRODUCTION, *parts)


def _meaning(section: str) -> str:
    """Return the first paragraph of the docstring of a section."""
    kind = type(getattr(Policy(), section))
    paragraph, _, _ = (kind.__doc__ or "").partition("\n\n")
    return " ".join(paragraph.split())


def _rows(keys: list[PolicyKey]) -> Iterator[tuple[str, str, str, str]]:
    for key in keys:
        meaning = attribute_docs(key.section)[key.name.rpartition(".")[2]]
        yield code(key.name), code(value_text(key.value)), valid_values(key.annotation), meaning
