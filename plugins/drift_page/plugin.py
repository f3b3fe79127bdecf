"""The plugin that adds the drift page and its entry in the navigation.

Every Airflow process imports this module, so it imports little itself.
"""

from sixgate_pages.plugins import page_plugin

DriftPage = page_plugin(title="Drift", page="drift", app="drift_page.app")
