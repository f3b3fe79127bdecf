"""Alerts are announced, as promotions are."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """Take triggers and function away again."""
    op.execute("DROP FUNCTION announce_alert() CASCADE")
