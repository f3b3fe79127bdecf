"""Expressions of derived features: which are accepted, and what is handed to numexpr.

The language is arithmetic, comparison and a few functions over numeric raw features. Numbers and truths are told apart, as
numexpr does, so that whatever is accepted here also compiles.
"""

import ast
import math
import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

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
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Mod: operator.mod,
    ast.Pow: math.pow,
}  # fmt: skip
LONGEST = 1000
Kind = Literal["number", "truth"]


class BadExpression(ValueError):
    """An expression that can't be computed; `part` is what is wrong with it and `remedy` what to do."""

    def __init__(self, part: object, remedy: str) -> None:
        super().__init__(remedy)
        self.part, self.remedy = part, remedy


@dataclass(frozen=True)
class Formula:
    """A checked expression: its text for numexpr, with every constant a double, and the features that it takes."""

    text: str
    inputs: tuple[str, ...]


def read_formula(expression: str, features: Collection[str]) -> Formula:
    """Check an expression over the named numeric features, or raise BadExpression."""
    return _read(expression, features)[0]


def read_condition(expression: str, features: Collection[str]) -> Formula:
    """The same of an expression that has to be true or false."""
    formula, kind = _read(expression, features)
    if kind != "truth":
        raise BadExpression(
            expression, "is a number where true or false is needed; compare it with something"
        )
    return formula


def _read(expression: str, features: Collection[str]) -> tuple[Formula, Kind]:
    if len(expression) > LONGEST:
        raise BadExpression(f"{expression[:40]}…", f"is longer than {LONGEST} characters; split it")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadExpression(
            expression, f"can't be read ({error}); write it as a formula"
        ) from error
    reading = _Reading(frozenset(features), expression)
    try:
        kind = reading.kind(tree.body)
        text = ast.unparse(tree)
    except RecursionError as error:
        raise BadExpression(f"{expression[:40]}…", "is nested too deep; split it") from error
    if not reading.inputs:
        raise BadExpression(
            expression, f"names no feature; known are {', '.join(sorted(features))}"
        )
    return Formula(text, tuple(sorted(reading.inputs))), kind


class _Reading:
    """One walk down an expression: what each part is, and which features were met."""

    def __init__(self, features: frozenset[str], expression: str) -> None:
        self.features, self.expression = features, expression
        self.inputs: set[str] = set()

    def kind(self, node: ast.expr) -> Kind:
        """Whether a part is a number or a truth."""
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
                self._number(left), self._number(right)
                self._foldable(node)
                return "number"
            case ast.BinOp(left=left, op=ast.BitAnd() | ast.BitOr(), right=right):
                self._truth(left), self._truth(right)
                return "truth"
            case ast.Compare(left=left, ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE() | ast.Eq() | ast.NotEq()],
                             comparators=[right]):  # fmt: skip
                self._number(left), self._number(right)
                if _value(left) is not None and _value(right) is not None:
                    raise BadExpression(
                        ast.unparse(node),
                        "compares constants, which is always the same; compare a feature",
                    )
                return "truth"
            case ast.Compare() if len(node.ops) > 1:
                raise BadExpression(
                    ast.unparse(node), "compares more than two; write (a < b) & (b < c)"
                )
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, node)
        raise BadExpression(
            self.expression,
            f"uses {type(node).__name__}; only arithmetic, comparison, & | ~ and functions",
        )

    def _call(self, name: str, arguments: list[ast.expr], node: ast.Call) -> Kind:
        if name not in FUNCTIONS:
            raise BadExpression(
                name, f"is not a function here; known are {', '.join(sorted(FUNCTIONS))}"
            )
        if len(arguments) != FUNCTIONS[name]:
            raise BadExpression(
                ast.unparse(node),
                f"gives {name} {len(arguments)} arguments; it takes {FUNCTIONS[name]}",
            )
        if name == "where":
            self._truth(arguments[0])
        for argument in arguments[name == "where" :]:
            self._number(argument)
        if _value(arguments[0]) is not None:
            raise BadExpression(ast.unparse(node), "is a constant; write its value")
        return "number"

    def _number(self, node: ast.expr) -> Kind:
        if self.kind(node) != "number":
            raise BadExpression(
                ast.unparse(node), "is true or false; make it a number with where(…, 1, 0)"
            )
        return "number"

    def _truth(self, node: ast.expr) -> Kind:
        if self.kind(node) != "truth":
            raise BadExpression(
                ast.unparse(node),
                "is a number where true or false is needed; compare it with something",
            )
        return "truth"

    def _feature(self, name: str) -> Kind:
        if name not in self.features:
            raise BadExpression(
                name, f"is no numeric raw feature; known are {', '.join(sorted(self.features))}"
            )
        self.inputs.add(name)
        return "number"

    def _constant(self, node: ast.Constant) -> Kind:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise BadExpression(
                node.value, "is not a number; only finite numbers may stand in an expression"
            )
        try:
            value = float(node.value)  # a whole one would be 32 bits wide, and could overflow
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise BadExpression(
                f"{ast.unparse(node)[:40]}…",
                "is too large; only finite numbers may stand in an expression",
            )
        node.value = value
        return "number"

    def _foldable(self, node: ast.BinOp) -> None:
        """What numexpr computes while it compiles must not fail there."""
        if (
            _value(node.left) is not None
            and _value(node.right) is not None
            and _value(node) is None
        ):
            raise BadExpression(ast.unparse(node), "has no finite value; correct the constants")
        if isinstance(node.op, ast.Div | ast.Mod) and _value(node.right) == 0:
            raise BadExpression(ast.unparse(node), "divides by zero; correct the constants")


def _value(node: ast.expr) -> float | None:
    """The value of a part that is made of constants alone, None of any other."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _value(node.operand)
        return None if inner is None else -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        left, right = _value(node.left), _value(node.right)
        if left is not None and right is not None:
            try:
                found = ARITHMETIC[type(node.op)](left, right)
            except (ArithmeticError, ValueError):
                return None
            return found if math.isfinite(found) else None
    return None
