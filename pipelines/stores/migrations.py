"""The database schema: migrations, comments, partitions ahead of time, a view per use case, grants.

`python -m pipelines.stores.migrations` prepares a home: it migrates the database, and copies every
valid contract and policy to SIXGATE_HOME.
"""

import sys
from datetime import UTC, datetime, timedelta

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config

from pipelines.errors import SixgateError, UseCaseError
from pipelines.settings import ROOT, Settings
from pipelines.stores.contracts import ContractStore
from pipelines.stores.database import Connection, connect, queries
from pipelines.stores.roles import grant
from pipelines.use_case import keep_valid, read_contract, read_each

DAYS_BEHIND = 2
DAYS_AHEAD = 10
COMMENTS = ROOT / "sql" / "comments.sql"
LOCK = "SELECT pg_advisory_xact_lock(hashtext('sixgate.migrate'))"


def migrate(settings: Settings) -> None:
    """Migrate the schema to the newest revision; create partitions and views; write comments.

    Grants the roles their rights. Safe to repeat.
    """
    connect(settings).close()  # reports an invalid URL without its password, unlike SQLAlchemy
    _upgrade(settings)
    with connect(settings) as connection:
        _ensure_partitions(connection)
        connection.execute(COMMENTS.read_bytes())
        contracts, faults = read_each(settings.reference, read_contract)
        for contract in contracts:
            try:
                ContractStore(connection).apply(contract)
            except UseCaseError as refusal:
                faults[contract.use_case] = refusal
            queries("contracts").show_predictions(connection, use_case=contract.use_case)
        for fault in faults.values():
            print(f"a contract is not applied: {fault}", file=sys.stderr)
        if not grant(connection):
            print(
                "the roles of sql/roles.sql do not exist: "
                "every process signs in as the schema's owner",
                file=sys.stderr,
            )


def _upgrade(settings: Settings) -> None:
    """Run Alembic under a lock, so that only one process migrates at a time."""
    config = Config()
    config.set_main_option("script_location", str(settings.root / "sql" / "migrations"))
    url = settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(LOCK))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _ensure_partitions(connection: Connection) -> None:
    first = datetime.now(UTC).date() - timedelta(days=DAYS_BEHIND)
    days = DAYS_BEHIND + DAYS_AHEAD + 1
    connection.execute("SELECT ensure_partitions(%s, %s)", (first, days))


if __name__ == "__main__":
    try:
        settings = Settings.load()
        migrate(settings)
        keep_valid(
            settings.reference, settings.policy_overlay, settings.last_valid, settings.use_cases
        )
    except (SixgateError, psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        sys.exit(f"schema: {' '.join(str(error).split())}")
