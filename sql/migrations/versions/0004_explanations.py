"""Explanations by transaction id, kept as arrays, and summed up as they are written."""

from pathlib import Path

from alembic import op

from pipelines.errors import StackError

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """There is no way back that keeps what was computed since."""
    raise StackError(
        "revision 0004 can't be undone: restore a backup that was made before the upgrade"
    )
