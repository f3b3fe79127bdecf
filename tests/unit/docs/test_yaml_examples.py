"""Each YAML example of the documentation is accepted by the schema of the file that it is a part of."""

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipelines.settings import ROOT

REFERENCE = ROOT / "docs" / "reference"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"(?s)```yaml\n(.*?)```", page.read_text()))
]
SCHEMAS: list[dict[str, Any]] = [
    json.loads((REFERENCE / f"{name}.schema.json").read_text()) for name in ("contract", "policy")
]


@pytest.mark.parametrize("block", EXAMPLES)
def test_an_example_is_valid(block: str) -> None:
    document = yaml.safe_load(block)
    if block.startswith(" "):
        document = {"features": document}  # some lines of the features
    (schema,) = [each for each in SCHEMAS if set(document) <= set(each["properties"])]
    part = {key: value for key, value in schema.items() if key != "required"}
    Draft202012Validator(part).validate(document)


def test_an_editor_finds_the_schema_by_the_comment_of_the_guide() -> None:
    page = (ROOT / "docs" / "how-to" / "add-a-use-case.md").read_text()
    (path,) = re.findall(r"# yaml-language-server: \$schema=([^\s`]+)", page)
    assert (ROOT / "reference" / "fraud" / path).resolve() == REFERENCE / "contract.schema.json"
