"""Alerts are announced, as promotions are."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the file beside this one as it stands, with no parameters: `%` and `:` in it mean themselves."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """Take triggers and function away again."""
    op.execute("DROP FUNCTION announce_alert() CASCADE")
