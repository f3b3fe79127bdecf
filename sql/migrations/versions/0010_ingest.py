"""The ingest DAG keeps the history that it imported, and how far it read each source."""

from pathlib import Path

from alembic import op

from pipelines.errors import StackError

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """Downgrades are not supported: they would delete imported rows."""
    raise StackError(
        "revision 0010 can't be undone: restore a backup that was made before the upgrade"
    )
