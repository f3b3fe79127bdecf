"""Files that are scored: jobs whose predictions are logged, and those requested over HTTP."""

from pathlib import Path

from alembic import op

from pipelines.errors import StackError

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """Downgrades are not supported: they would delete what makes a repeated job log once."""
    raise StackError(
        "revision 0011 can't be undone: restore a backup that was made before the upgrade"
    )
