"""Contracts have versions, and rows name the contract of the model that scored them."""

from pathlib import Path

from alembic import op

from pipelines.errors import StackError

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """Downgrades are not supported: they would delete what accepts rows."""
    raise StackError(
        "revision 0009 can't be undone: restore a backup that was made before the upgrade"
    )
