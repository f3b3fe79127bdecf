"""API keys: scopes, refusals, and changes of the file."""

from __future__ import annotations

import os

import pytest

from serving.wire import api_keys
from serving.wire.api_keys import ApiKey, ApiKeys, hashed, write
from serving.wire.problems import Problem

KEYS = [
    ApiKey("shop", hashed("p"), frozenset({"predict"})),
    ApiKey("back office", hashed("l"), frozenset({"label", "read"})),
    ApiKey("owner", hashed("a"), frozenset({"admin"})),
]


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(api_keys, "FRESH", 0.0)
    path = tmp_path / "api_keys.json"
    write(path, KEYS)
    return path


@pytest.mark.parametrize(
    ("secret", "scope", "name"),
    [
        pytest.param(b"p", "predict", "shop", id="its own scope"),
        pytest.param(b"l", "read", "back office", id="one of several scopes"),
        pytest.param(b"a", "label", "owner", id="admin implies all"),
    ],
)
def test_a_key_with_the_scope_is_accepted_and_named(path, secret, scope, name):
    keys = ApiKeys(path)
    assert keys.require(secret, scope) == name


@pytest.mark.parametrize(
    ("secret", "scope", "status"),
    [
        pytest.param(None, "predict", 401, id="no key"),
        pytest.param(b"", "predict", 401, id="an empty key"),
        pytest.param(b"x", "predict", 403, id="a wrong key"),
        pytest.param(b"p", "label", 403, id="a wrong scope"),
        pytest.param(b"l", "admin", 403, id="no admin"),
    ],
)
def test_other_keys_are_refused(path, secret, scope, status):
    keys = ApiKeys(path)
    with pytest.raises(Problem) as refused:
        keys.require(secret, scope)
    assert refused.value.status == status


def test_the_first_key_is_written_once_readable_by_the_owner_only_and_as_a_hash(tmp_path):
    path = tmp_path / "api_keys.json"
    keys = ApiKeys(path, "secret")
    assert keys.require(b"secret", "label") == "admin"
    mode = path.stat().st_mode & 0o777
    assert mode == 0o600
    assert "secret" not in path.read_text()
    later = ApiKeys(path, "another")
    with pytest.raises(Problem):
        later.require(b"another", "read")


def test_a_changed_file_is_read_again_and_a_broken_one_keeps_the_previous_keys(path):
    keys = ApiKeys(path)
    new = ApiKey("new", hashed("n"), frozenset({"predict"}))
    write(path, [new])
    os.utime(path, ns=(1, 1))
    assert keys.require(b"n", "predict") == "new"
    with pytest.raises(Problem):
        keys.require(b"p", "predict")
    path.write_text("[")
    os.utime(path, ns=(2, 2))
    assert keys.require(b"n", "predict") == "new"
