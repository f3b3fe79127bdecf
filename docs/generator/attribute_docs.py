"""Reads the texts below the attributes of a class, which Python itself drops."""

import ast
import inspect
import textwrap
from itertools import pairwise


def attribute_docs(kind: type) -> dict[str, str]:
    """Return the text below each annotated attribute of a class, by the name of the attribute."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    if not isinstance(definition, ast.ClassDef):
        raise TypeError(f"{kind} is not defined by a class statement")
    texts = {}
    for attribute, following in pairwise(definition.body):
        text = _text(following)
        if text and isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name):
            texts[attribute.target.id] = text
    return texts


def _text(statement: ast.stmt) -> str:
    """Return the text of a statement that is nothing but a text, in one line."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).split())
    return ""
