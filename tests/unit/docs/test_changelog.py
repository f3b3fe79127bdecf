"""The changelog keeps the format that it names, and its newest release is the package's version."""

import re
import tomllib
from datetime import date

from pipelines.settings import ROOT

PAGE = (ROOT / "CHANGELOG.md").read_text()
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def versions() -> list[str]:
    return re.findall(r"^## (.+)$", PAGE, re.MULTILINE)


def test_unreleased_changes_come_first_then_releases_with_their_dates_newest_first() -> None:
    unreleased, *released = versions()
    assert unreleased == "[Unreleased]"
    parts = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})", line) for line in released]
    assert parts and all(parts)
    dates = [date.fromisoformat(part[2]) for part in parts if part]
    assert dates == sorted(dates, reverse=True)


def test_the_newest_release_is_the_version_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert versions()[1].startswith(f"[{project['version']}] ")


def test_each_version_has_each_kind_of_change_once_and_in_order() -> None:
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", section, re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds], section.splitlines()[0]
