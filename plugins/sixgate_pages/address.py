"""The addresses of Sixgate's pages in Airflow's UI."""

PREFIX = "/sixgate"


def page_address(page: str, path: str = "") -> str:
    """Return the path of a page, or of a place on it, below Airflow's base URL."""
    return f"{PREFIX}/{page}/{path}"
