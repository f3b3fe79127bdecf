"""Texts that people read avoid the phrases that were replaced by plain English."""

import re
from pathlib import Path

import pytest

from pipelines.settings import ROOT

PHRASES = re.compile(
    r"\b("
    r"wakes? nobody|the way back|keeps? (its|a) promise|cr(y|ies) (wolf|when)|as the answer named|"
    r"turned round|so it does|comes? to nothing|says nothing of|is (gone|there) already|"
    r"somebody|nobody|a log that ended|say that you know|it started just now|the six gates' affair|"
    r"so they flatter|nats a row|an error of the server's own|broke its promise"
    r")\b",
    re.IGNORECASE,
)
SOURCES = [
    file
    for folder in (
        "pipelines",
        "serving",
        "stack",
        "plugins",
        "dags",
        "sql",
        "docker",
        "benchmarks",
    )
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in (".py", ".sql", ".html", ".yaml", ".yml")
]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
OTHERS = [ROOT / "Makefile", ROOT / "docker-compose.airflow.yml", ROOT / ".env.example"]


@pytest.mark.parametrize(
    "file", [*SOURCES, *PAGES, *OTHERS], ids=lambda file: str(file.relative_to(ROOT))
)
def test_a_text_is_plain_english(file: Path) -> None:
    lines = enumerate(file.read_text().splitlines(), start=1)
    assert not [f"{number}: {line.strip()}" for number, line in lines if PHRASES.search(line)]
