"""The contract and the policy of docs/how-to/add-a-use-case.md are valid, and the policy is short."""

import re
from datetime import timedelta
from pathlib import Path

from pipelines.rules.use_case.policy import Policy
from pipelines.settings import ROOT
from pipelines.use_case import read_use_case

PAGE = (ROOT / "docs" / "how-to" / "add-a-use-case.md").read_text()
CONTRACT, POLICY = re.findall(r"(?s)```yaml\n(.*?)```", PAGE)


def test_the_files_of_the_page_are_valid_together(tmp_path: Path) -> None:
    folder = tmp_path / "loans"
    folder.mkdir()
    (folder / "contract.yaml").write_text(CONTRACT)
    (folder / "policy.yaml").write_text(POLICY)
    policy = read_use_case(tmp_path, "loans").policy
    assert policy.label_maturity == timedelta(days=365)
    assert policy.drift == Policy().drift


def test_the_policy_of_the_page_has_about_fifteen_lines() -> None:
    stated = [line for line in POLICY.splitlines() if line]
    assert 8 <= len(stated) <= 15
