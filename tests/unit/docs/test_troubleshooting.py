"""Each message that the troubleshooting page quotes is one that the code prints."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from pipelines.settings import ROOT

PAGE = (ROOT / "docs/how-to/troubleshooting.md").read_text()
SOURCES = ("pipelines", "serving", "stack", "plugins", "dags")
VALUE = "\0"  # stands for a value in a message of the code


def quotes(page: str) -> list[str]:
    """What the first column of each table quotes."""
    cells = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    return [quote for cell in cells for quote in re.findall(r"`([^`]+)`", cell)]


@cache
def messages() -> str:
    """All strings of the code, one a line, and the Makefile."""
    files = [file for folder in SOURCES for file in sorted((ROOT / folder).rglob("*.py"))]
    texts = [text for file in files for text in strings(file)]
    return "\n".join([*texts, (ROOT / "Makefile").read_text()])


def strings(file: Path) -> list[str]:
    """The strings of a file, those with values included, without line ends and docstrings."""
    tree = ast.parse(file.read_text())
    docs = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found = [text(node) for node in ast.walk(tree) if id(node) not in docs]
    return [one.replace("\n", " ") for one in found if one]


def text(node: ast.AST) -> str:
    """The string of a literal; a value in it is one character that no message has."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.FormattedValue):
        return f"'{VALUE}'" if node.conversion == ord("r") else VALUE
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) for part in node.values)
    return ""


def pattern(quote: str) -> str:
    """What a quote has to match: `…` is anything, and a number may be a value of the code."""
    parts = []
    for part in re.split(r"(…|\d+)", quote):
        if part == "…":
            parts.append(".*?")
        elif part.isdigit():
            parts.append(f"(?:{part}|{VALUE})")
        else:
            parts.append(re.escape(part))
    return "".join(parts).removesuffix(".*?")


def test_a_quote_is_looked_for_in_the_strings_of_the_code() -> None:
    assert re.search(pattern("port 8080 is taken"), f"port {VALUE} is taken ({VALUE})")
    assert re.search(pattern("version … may not serve"), f"version {VALUE} may not serve: it")
    assert not re.search(pattern("port 8080 is taken"), f"port {VALUE} was taken")
    assert not re.search(pattern("version 1"), "version 2")


def test_the_page_quotes_about_twenty_messages() -> None:
    assert len([quote for quote in quotes(PAGE) if " " in quote]) >= 20


@pytest.mark.parametrize("quote", quotes(PAGE))
def test_a_quoted_message_is_one_of_the_code(quote: str) -> None:
    constant = re.sub(r"…|\d+", "", quote)
    assert len(constant.strip(" .:;,'")) >= 4, "the quote says too little to be found"
    assert re.search(pattern(quote), messages()), f"the code does not print {quote!r}"
