"""Every error has a place in the tree that the module's docstring draws."""

import inspect
import re

import pytest

from pipelines import errors
from pipelines.errors import SixgateError

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, SixgateError) and kind is not SixgateError
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_is_caught_as_a_sixgate_error_and_is_in_the_tree(
    kind: type[SixgateError],
) -> None:
    assert re.search(rf"^[├└]── {kind.__name__} +\S", errors.__doc__ or "", re.MULTILINE)
    with pytest.raises(SixgateError, match=r"^what happened$"):
        raise kind("what happened")


def test_the_tree_names_no_error_that_does_not_exist() -> None:
    drawn = re.findall(r"^[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(kind.__name__ for kind in KINDS)
