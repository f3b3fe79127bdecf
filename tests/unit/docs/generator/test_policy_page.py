"""Every key of the policy is on the page, with its default and a meaning of its own."""

from docs.generator.attribute_docs import attribute_docs
from docs.generator.policy_page import policy_page
from pipelines.reporting.policy_yaml import value_text
from pipelines.rules.use_case.policy import Policy
from pipelines.rules.use_case.policy_keys import keys_of


def test_every_key_has_a_line_with_its_default() -> None:
    page = policy_page()
    for key in keys_of(Policy()):
        assert f"| `{key.name}` | `{value_text(key.value)}` |" in page


def test_every_meaning_is_a_sentence() -> None:
    for key in keys_of(Policy()):
        meaning = attribute_docs(key.section).get(key.name.rpartition(".")[2], "")
        assert meaning.endswith("."), f"{key.name} has no text below it"
        assert len(meaning.split()) >= 3, key.name
