"""Scores and outcomes are counted too; alerts have a life: acknowledged, told, reported."""

from pathlib import Path

from alembic import op

from pipelines.errors import StackError

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """There is no way back that keeps what was counted since."""
    raise StackError(
        "revision 0003 can't be undone: restore a backup that was made before the upgrade"
    )
