"""Expressions of derived features: which are accepted, and what numexpr is given.

The language is arithmetic, comparison and a few functions over numeric raw features. Numbers and
truth values are different kinds, as in numexpr, so that every accepted expression also compiles.
"""

import ast
import math
import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

# The functions, with the number of their arguments.
FUNCTIONS = {
    "where": 3,
    "log": 1,
    "log1p": 1,
    "exp": 1,
    "expm1": 1,
    "sqrt": 1,
    "abs": 1,
    "floor": 1,
    "ceil": 1,
}
ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}
COMPARISONS = {ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq}
LONGEST = 1000
LONGEST_SHOWN = 40
NOT_A_TRUTH = "is a number where true or false is needed; compare it with something"
Kind = Literal["number", "truth"]


class BadExpression(ValueError):
    """An expression that can't be computed; `part` is wrong, `remedy` tells how to correct it."""

    def __init__(self, part: object, remedy: str) -> None:
        super().__init__(remedy)
        self.part = part
        self.remedy = remedy


@dataclass(frozen=True)
class Formula:
    """A checked expression: its features, and its text for numexpr with constants as doubles."""

    text: str
    inputs: tuple[str, ...]


def read_formula(expression: str, features: Collection[str]) -> Formula:
    """Check an expression over the named numeric features; BadExpression when it is invalid."""
    formula, _ = _read(expression, features)
    return formula


def read_condition(expression: str, features: Collection[str]) -> Formula:
    """Check an expression that must be true or false; BadExpression when it is invalid."""
    formula, kind = _read(expression, features)
    if kind != "truth":
        raise BadExpression(expression, NOT_A_TRUTH)
    return formula


def _read(expression: str, features: Collection[str]) -> tuple[Formula, Kind]:
    beginning = f"{expression[:LONGEST_SHOWN]}…"
    if len(expression) > LONGEST:
        raise BadExpression(
            beginning,
            f"is longer than {LONGEST} characters; split it",
        )
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadExpression(
            expression,
            f"can't be read ({error}); write it as a formula",
        ) from error
    reader = _Reader(frozenset(features), expression)
    try:
        kind = reader.kind(tree.body)
        text = ast.unparse(tree)
    except RecursionError as error:
        raise BadExpression(
            beginning,
            "is nested too deep; split it",
        ) from error
    if not reader.inputs:
        raise BadExpression(
            expression,
            f"names no feature; known are {', '.join(sorted(features))}",
        )
    formula = Formula(text, tuple(sorted(reader.inputs)))
    return formula, kind


class _Reader:
    """One walk over an expression: checks the kind of each part and collects the features."""

    def __init__(self, features: frozenset[str], expression: str) -> None:
        self.features = features
        self.expression = expression
        self.inputs: set[str] = set()

    def kind(self, node: ast.expr) -> Kind:
        """Return whether a part is a number or a truth value."""
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name(id=name):
                return self._feature(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
                return self._number(inner)
            case ast.UnaryOp(op=ast.Invert(), operand=inner):
                return self._truth(inner)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                self._number(left)
                self._number(right)
                self._check_constants(node)
                return "number"
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right):
                self._truth(left)
                self._truth(right)
                return "truth"
            case ast.Compare(ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                return self._comparison(node, node.left, right)
            case ast.Compare() if len(node.ops) > 1:
                raise BadExpression(
                    ast.unparse(node),
                    "compares more than two values; write (a < b) & (b < c)",
                )
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, node)
        raise BadExpression(
            self.expression,
            f"uses {type(node).__name__}; only arithmetic, comparison, & | ~ and functions",
        )

    def _comparison(self, node: ast.Compare, left: ast.expr, right: ast.expr) -> Kind:
        self._number(left)
        self._number(right)
        if _value(left) is not None and _value(right) is not None:
            raise BadExpression(
                ast.unparse(node),
                "compares constants, which is always the same; compare a feature",
            )
        return "truth"

    def _call(self, name: str, arguments: list[ast.expr], node: ast.Call) -> Kind:
        if name not in FUNCTIONS:
            raise BadExpression(
                name,
                f"is not a function here; known are {', '.join(sorted(FUNCTIONS))}",
            )
        n = FUNCTIONS[name]
        if len(arguments) != n:
            raise BadExpression(
                ast.unparse(node),
                f"passes {len(arguments)} arguments to {name}; it takes {n}",
            )
        numbers = arguments
        if name == "where":
            condition, *numbers = arguments
            self._truth(condition)
        for argument in numbers:
            self._number(argument)
        if _value(arguments[0]) is not None:
            raise BadExpression(
                ast.unparse(node),
                "is a constant; write its value",
            )
        return "number"

    def _number(self, node: ast.expr) -> Kind:
        if self.kind(node) != "number":
            raise BadExpression(
                ast.unparse(node),
                "is true or false; make it a number with where(…, 1, 0)",
            )
        return "number"

    def _truth(self, node: ast.expr) -> Kind:
        if self.kind(node) != "truth":
            raise BadExpression(ast.unparse(node), NOT_A_TRUTH)
        return "truth"

    def _feature(self, name: str) -> Kind:
        if name not in self.features:
            known = ", ".join(sorted(self.features))
            raise BadExpression(
                name,
                f"is not a numeric raw feature; known are {known}",
            )
        self.inputs.add(name)
        return "number"

    def _constant(self, node: ast.Constant) -> Kind:
        """Check a number and make it a double: an integer would be 32 bits wide and overflow."""
        constant = node.value
        if isinstance(constant, bool) or not isinstance(constant, int | float):
            raise BadExpression(
                constant,
                "is not a number; only finite numbers may stand in an expression",
            )
        try:
            value = float(constant)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            beginning = f"{ast.unparse(node)[:LONGEST_SHOWN]}…"
            raise BadExpression(
                beginning,
                "is too large; only finite numbers may stand in an expression",
            )
        node.value = value
        return "number"

    def _check_constants(self, node: ast.BinOp) -> None:
        """Refuse constants with which numexpr would fail while it compiles."""
        left = _value(node.left)
        right = _value(node.right)
        both_constant = left is not None and right is not None
        if both_constant and _value(node) is None:
            raise BadExpression(
                ast.unparse(node),
                "has no finite value; correct the constants",
            )
        divides = isinstance(node.op, ast.Div | ast.Mod)
        if divides and right == 0:
            raise BadExpression(
                ast.unparse(node),
                "divides by zero; correct the constants",
            )


def _value(node: ast.expr) -> float | None:
    """Return the value of a part that holds constants only; None for any other part."""
    match node:
        case ast.Constant(value=int() | float() as constant):
            return float(constant)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = _value(operand)
            return None if value is None else -value
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return _computed(type(op), _value(left), _value(right))
    return None


def _computed(op: type[ast.operator], left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    try:
        value = ARITHMETIC[op](left, right)
    except (ArithmeticError, ValueError):
        return None
    return value if math.isfinite(value) else None
