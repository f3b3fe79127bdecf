"""Values that were refused or taken as another one are counted by field and hour."""

from pathlib import Path

from alembic import op

from pipelines.errors import StackError

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """Downgrades are not supported: they would delete the counts."""
    raise StackError(
        "revision 0008 can't be undone: restore a backup that was made before the upgrade"
    )
