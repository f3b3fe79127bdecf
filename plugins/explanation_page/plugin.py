"""The plugin that adds the explanation page and its entry in the navigation.

Every Airflow process imports this module, so it imports little itself.
"""

from sixgate_pages.plugins import page_plugin

ExplanationPage = page_plugin(
    title="Explanations",
    page="explanations",
    app="explanation_page.app",
)
