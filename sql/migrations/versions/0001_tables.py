"""The first schema: prediction log, labels, decisions, ledger, monitoring, explanations."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file of the same name without parameters: `%` and `:` stay as they are."""
    op.get_bind().exec_driver_sql(
        Path(__file__).with_suffix(".sql").read_text(), execution_options={"no_parameters": True}
    )


def downgrade() -> None:
    """There is nothing older to go back to."""
    raise RuntimeError("0001 is the first schema: restore a backup instead of going below it")
