"""Who may do what."""

from __future__ import annotations

import os

import pytest

from serving.wire import api_keys
from serving.wire.api_keys import ApiKey, ApiKeys, hashed, write
from serving.wire.problems import Problem


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(api_keys, "FRESH", 0.0)
    write(
        tmp_path / "api_keys.json",
        [
            ApiKey("shop", hashed("p"), frozenset({"predict"})),
            ApiKey("back office", hashed("l"), frozenset({"label", "read"})),
            ApiKey("owner", hashed("a"), frozenset({"admin"})),
        ],
    )
    return tmp_path / "api_keys.json"


@pytest.mark.parametrize(
    ("given", "scope", "name"),
    [
        pytest.param(b"p", "predict", "shop", id="its own scope"),
        pytest.param(b"l", "read", "back office", id="one of several scopes"),
        pytest.param(b"a", "label", "owner", id="admin implies all"),
    ],
)
def test_a_key_with_the_scope_is_let_in_by_name(path, given, scope, name):
    assert ApiKeys(path).require(given, scope) == name


@pytest.mark.parametrize(
    ("given", "scope", "status"),
    [
        pytest.param(None, "predict", 401, id="no key"),
        pytest.param(b"", "predict", 401, id="an empty key"),
        pytest.param(b"x", "predict", 403, id="a wrong key"),
        pytest.param(b"p", "label", 403, id="a wrong scope"),
        pytest.param(b"l", "admin", 403, id="no admin"),
    ],
)
def test_others_are_refused(path, given, scope, status):
    with pytest.raises(Problem) as refused:
        ApiKeys(path).require(given, scope)
    assert refused.value.status == status


def test_the_first_key_is_written_once_for_the_owner_only_and_never_in_the_clear(tmp_path):
    path = tmp_path / "api_keys.json"
    assert ApiKeys(path, "secret").require(b"secret", "label") == "admin"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in path.read_text()
    ApiKeys(path, "another")
    with pytest.raises(Problem):
        ApiKeys(path).require(b"another", "read")


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_the_former_keys(path):
    held = ApiKeys(path)
    write(path, [ApiKey("new", hashed("n"), frozenset({"predict"}))])
    os.utime(path, ns=(1, 1))
    assert held.require(b"n", "predict") == "new"
    with pytest.raises(Problem):
        held.require(b"p", "predict")
    path.write_text("[")
    os.utime(path, ns=(2, 2))
    assert held.require(b"n", "predict") == "new"
