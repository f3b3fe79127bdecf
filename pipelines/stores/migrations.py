"""The database's schema: migrations, partitions ahead, a view per use case, and rights.

`python -m pipelines.stores.migrations` prepares a home: besides, it keeps a copy of every valid contract and policy.
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
from pipelines.settings import Settings
from pipelines.stores.database import connect
from pipelines.stores.roles import grant
from pipelines.use_case import keep_valid, read_contract, read_each

PARTITIONS_BEHIND, PARTITIONS_AHEAD = 2, 10


def migrate(settings: Settings) -> None:
    """Bring the schema to the newest revision, make partitions and views, and grant rights; safe to repeat."""
    config = Config()
    config.set_main_option("script_location", str(settings.root / "sql" / "migrations"))
    connect(settings).close()  # says what is wrong with the URL without repeating it
    engine = sqlalchemy.create_engine(
        settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    )
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("SELECT pg_advisory_xact_lock(hashtext('sixgate.migrate'))")
        )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    with connect(settings) as connection:
        first = datetime.now(UTC).date() - timedelta(days=PARTITIONS_BEHIND)
        connection.execute(
            "SELECT ensure_partitions(%s, %s)", (first, PARTITIONS_BEHIND + PARTITIONS_AHEAD + 1)
        )
        contracts, faults = read_each(settings.reference, read_contract)
        for contract in contracts:
            create_view(connection, contract)
        for fault in faults.values():
            print(f"no view of predictions: {fault}", file=sys.stderr)
        if not grant(connection):
            print(
                "the roles of sql/roles.sql are not there: every process signs in as the schema's owner",
                file=sys.stderr,
            )


def create_view(connection: psycopg.Connection[dict[str, object]], contract: Contract) -> None:
    """Make `<use_case>_predictions`: the prediction log with a named column for each feature."""
    features = [
        sql.SQL("features[{}] AS {}").format(sql.Literal(index), sql.Identifier(name))
        for index, name in enumerate(contract.columns, start=1)
    ]
    view = sql.Identifier(f"{contract.use_case}_predictions")
    connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
    connection.execute(
        sql.SQL(
            "CREATE VIEW {} AS SELECT scored_at, prediction_id, transaction_id, entity_key, event_time, model_version, score,"
            " predicted_label, threshold, {} FROM prediction_logs WHERE use_case = {} AND contract_hash = {}"
        ).format(
            view,
            sql.SQL(", ").join(features),
            sql.Literal(contract.use_case),
            sql.Literal(contract.hash),
        )
    )


if __name__ == "__main__":
    try:
        settings = Settings.load()
        migrate(settings)
        keep_valid(
            settings.reference, settings.policy_overlay, settings.last_valid, settings.use_cases
        )
    except (SixgateError, psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        sys.exit(f"schema: {' '.join(str(error).split())}")
