"""A registry in a folder: the alias is a file, and a version a folder."""

from __future__ import annotations

import pytest

from pipelines.errors import ModelRejected
from pipelines.rules.model.bundle import FILES, WARM_UP
from serving.model.registry import FolderRegistry
from tests.unit.serving import made


@pytest.fixture
def registry(tmp_path):
    """A registry with version 3 of fraud, without an alias."""
    made.put(tmp_path, "fraud", 3, made.files())
    return FolderRegistry(tmp_path)


def test_a_use_case_has_no_production_version_before_its_alias_is_set(registry, tmp_path):
    assert registry.version("fraud") is None
    assert registry.version("loans") is None
    made.point(tmp_path, "fraud", 3)
    assert registry.version("fraud") == 3


def test_a_missing_root_is_an_error_and_not_an_empty_registry(tmp_path):
    folder = tmp_path / "models"
    with pytest.raises(FileNotFoundError, match=f"the model folder {folder} does not exist"):
        FolderRegistry(folder).version("fraud")


def test_the_files_for_scoring_are_returned_by_name(registry):
    assert registry.fetch("fraud", 3) == made.files()
    assert set(made.files()) == set(FILES)
    assert registry.fetch("fraud", 3, ("bundle.json",)).keys() == {"bundle.json"}


@pytest.mark.parametrize(
    ("version", "names", "file"),
    [
        pytest.param(4, FILES, "fraud/4", id="an unknown version"),
        pytest.param(3, ("explainer.json",), "explainer.json", id="an unknown file"),
    ],
)
def test_what_is_missing_is_named(registry, version, names, file):
    with pytest.raises(ModelRejected, match=f"fraud version {version} has no .*{file}"):
        registry.fetch("fraud", version, names)


def test_a_warm_up_is_optional(registry, tmp_path):
    assert registry.warm_up("fraud", 3) is None
    (tmp_path / "fraud" / "3" / WARM_UP).write_bytes(b"rows")
    assert registry.warm_up("fraud", 3) == b"rows"
