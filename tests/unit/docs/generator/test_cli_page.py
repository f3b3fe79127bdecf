"""The page of the commands has every command of the project and no command of another package."""

import re

from docs.generator.cli_page import cli_page, commands


def test_commands_of_the_pipelines_and_of_the_stack_are_on_the_page() -> None:
    names = set(re.findall(r"(?m)^### `sixgate ([a-z]+)", cli_page()))
    assert names == set(commands())
    assert {"up", "rollback", "policy", "step"} <= names


def test_writing_the_page_adds_no_command_to_the_program() -> None:
    before = set(commands())
    cli_page()
    assert set(commands()) == before


def test_a_hidden_command_is_not_on_the_page() -> None:
    assert not re.search(r"(?m)^### `sixgate \w+ former", cli_page())


def test_an_example_is_a_block_of_code() -> None:
    assert "Example:\n\n```\nsixgate " in cli_page()
