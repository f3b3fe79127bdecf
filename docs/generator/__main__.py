"""`make docs`: write every generated page of docs/reference.

The page of the tables comes from a migrated database, for which a temporary PostgreSQL is started.
"""

from docs.generator.pages import PAGES, REFERENCE
from docs.generator.schema import migrated_database
from docs.generator.tables_page import tables_page


def main() -> None:
    """Write the pages, and print the names of those that changed."""
    pages = {name: page() for name, page in PAGES.items()}
    with migrated_database() as connection:
        pages["tables.md"] = tables_page(connection)
    for name, text in pages.items():
        file = REFERENCE / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            print(f"wrote docs/reference/{name}")


if __name__ == "__main__":
    main()
