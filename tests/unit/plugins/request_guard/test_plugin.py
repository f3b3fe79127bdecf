"""The plugin gives Airflow's API server the guard, with the address that browsers use."""

from __future__ import annotations

from airflow.configuration import conf
from request_guard.middleware import RequestGuard
from request_guard.plugin import RequestGuardPlugin


def test_the_guard_knows_the_address_of_airflow(monkeypatch) -> None:
    asked = []

    def get(section, key, fallback):
        asked.append((section, key))
        return "https://airflow.example/path"

    monkeypatch.setattr(conf, "get", get)
    plugin = RequestGuardPlugin()
    assert asked == []  # other processes than the API server never read it
    (entry,) = plugin.fastapi_root_middlewares
    assert entry["middleware"] is RequestGuard
    assert entry["kwargs"] == {"base_url": "https://airflow.example/path"}
    assert asked == [("api", "base_url")]
