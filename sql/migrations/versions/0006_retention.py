"""Each use case's predictions are deleted after its own retention."""

from pathlib import Path

from alembic import op

from pipelines.errors import StackError

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """There is no way back: predictions were deleted since."""
    raise StackError(
        "revision 0006 can't be undone: restore a backup that was made before the upgrade"
    )
