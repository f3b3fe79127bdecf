"""The plugin that adds the toy page and its entry in the navigation."""

from sixgate_pages.plugins import page_plugin

ToyPage = page_plugin(title="Toy", page="toy", app="toy_page.app")
