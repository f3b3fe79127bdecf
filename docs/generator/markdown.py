"""Parts of a page in Markdown."""

from collections.abc import Iterable, Sequence

NOTE = "<!-- Written by `make docs` from the code. Do not edit it here. -->"


def page(title: str, *parts: str) -> str:
    """Join a title and the parts of a page."""
    return "\n\n".join([f"# {title}", NOTE, *(part for part in parts if part)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; a bar in a cell stays in the cell."""
    rule = "|".join("---" for _ in header)
    lines = [_line(header), f"|{rule}|", *map(_line, rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """Mark a text as code; nothing stays nothing."""
    return f"`{text}`" if text else ""


def _line(cells: Sequence[str]) -> str:
    texts = [cell.replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(texts)} |".replace("|  |", "| |")
