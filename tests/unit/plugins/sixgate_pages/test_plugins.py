"""A page's plugin names the page; its app is built in the API server only."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

from sixgate_pages.plugins import page_plugin


def test_the_entry_in_the_navigation_leads_to_the_page() -> None:
    (view,) = page_plugin(title="Costs", page="costs", app="nothing").external_views
    assert view["name"] == "Costs"
    assert view["href"] == "sixgate/costs/"
    assert view["url_route"] == "sixgate-costs"


def test_two_pages_have_names_and_entries_of_their_own() -> None:
    one = page_plugin(title="A", page="a", app="nothing")
    two = page_plugin(title="B", page="b", app="nothing")
    assert (one.name, two.name) == ("sixgate_a_page", "sixgate_b_page")
    assert one.external_views != two.external_views


def test_the_app_is_built_once_from_the_settings_when_it_is_read(monkeypatch) -> None:
    built = []

    def create_app(settings):
        built.append(settings)
        return "the app"

    monkeypatch.setitem(sys.modules, "costs_page", SimpleNamespace(create_app=create_app))
    plugin = page_plugin(title="Costs", page="costs", app="costs_page")()
    assert built == []
    for _ in range(2):
        (app,) = plugin.fastapi_apps
        assert (app["app"], app["url_prefix"]) == ("the app", "/sixgate/costs")
    assert len(built) == 1


IMPORT = """
import sys
import drift_page.plugin, explanation_page.plugin
late = {"pipelines.settings", "drift_page.app", "explanation_page.app", "sixgate_pages.app"}
print(drift_page.plugin.DriftPage.name, explanation_page.plugin.ExplanationPage.name)
print(sorted(late & set(sys.modules)))
"""


def test_every_airflow_process_imports_the_pages_without_their_apps_and_settings(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "_AIRFLOW__AS_LIBRARY": "1"},
    )
    names, imported = done.stdout.splitlines()
    assert names == "sixgate_drift_page sixgate_explanations_page"
    assert imported == "[]"
