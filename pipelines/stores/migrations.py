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
from psycopg import sql

from pipelines.errors import SixgateError
from pipelines.rules.use_case.contract import Contract
from pipelines.settings import ROOT, Settings
from pipelines.stores.database import Connection, connect
from pipelines.stores.roles import grant
from pipelines.use_case import keep_valid, read_contract, read_each

DAYS_BEHIND = 2
DAYS_AHEAD = 10
COMMENTS = ROOT / "sql" / "comments.sql"
LOCK = "SELECT pg_advisory_xact_lock(hashtext('sixgate.migrate'))"
VIEW = (
    "CREATE VIEW {view} AS SELECT scored_at, prediction_id, transaction_id, entity_key, event_time,"
    " model_version, score, predicted_label, threshold, {features} FROM prediction_logs"
    " WHERE use_case = {use_case} AND contract_hash = {contract_hash}"
)


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
            create_view(connection, contract)
        for fault in faults.values():
            print(f"no view of predictions: {fault}", file=sys.stderr)
        if not grant(connection):
            print(
                "the roles of sql/roles.sql do not exist: "
                "every process signs in as the schema's owner",
                file=sys.stderr,
            )


def create_view(connection: Connection, contract: Contract) -> None:
    """Create `<use_case>_predictions`: the prediction log with a named column for each feature."""
    features = [
        sql.SQL("features[{}] AS {}").format(sql.Literal(index), sql.Identifier(name))
        for index, name in enumerate(contract.columns, start=1)
    ]
    view = sql.Identifier(f"{contract.use_case}_predictions")
    connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
    statement = sql.SQL(VIEW).format(
        view=view,
        features=sql.SQL(", ").join(features),
        use_case=sql.Literal(contract.use_case),
        contract_hash=sql.Literal(contract.hash),
    )
    connection.execute(statement)


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
