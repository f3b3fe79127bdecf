"""The generated pages that need nothing but the code, by file name."""

from collections.abc import Callable
from pathlib import Path

from docs.generator.cli_page import cli_page
from docs.generator.contract_page import contract_page
from docs.generator.policy_page import policy_page
from docs.generator.settings_page import settings_page
from docs.generator.values_page import values_page
from pipelines.settings import ROOT

REFERENCE: Path = ROOT / "docs" / "reference"
PAGES: dict[str, Callable[[], str]] = {
    "policy.md": policy_page,
    "contract.md": contract_page,
    "cli.md": cli_page,
    "settings.md": settings_page,
    "values.md": values_page,
}
