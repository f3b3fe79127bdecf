"""The text below an attribute is read, in one line; other texts are not."""

from docs.generator.attribute_docs import attribute_docs


class Sample:
    """The docstring of the class."""

    first: int = 1
    """What the first is."""
    second: int = 2
    third: int = 3
    """What the third is,
    in two lines."""

    def method(self) -> None:
        """What the method does."""


def test_each_attribute_has_the_text_below_it() -> None:
    assert attribute_docs(Sample) == {
        "first": "What the first is.",
        "third": "What the third is, in two lines.",
    }
