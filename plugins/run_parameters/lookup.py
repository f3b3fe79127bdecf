"""The use cases and the producers of assets, for the middleware."""

from airflow.models.asset import TaskOutletAssetReference
from airflow.utils.session import create_session
from pydantic import TypeAdapter, ValidationError
from sixgate_airflow.defaults import ROOT
from sqlalchemy import select

from pipelines.use_case import names

NUMBER = TypeAdapter(int)


def use_cases() -> list[str]:
    """Return the names of the use cases, from the folder from which DAGs are built."""
    return names(ROOT / "reference")


def producer_of(asset_id: str) -> str | None:
    """Return the DAG that Airflow runs to materialize an asset; None if Airflow refuses to.

    The id is parsed as Airflow parses it: ' 7' is also asset 7.
    """
    try:
        number = NUMBER.validate_python(asset_id)
    except ValidationError:
        return None
    query = (
        select(TaskOutletAssetReference.dag_id)
        .where(TaskOutletAssetReference.asset_id == number)
        .distinct()
    )
    with create_session() as session:
        producers = list(session.scalars(query.limit(2)))
    return producers[0] if len(producers) == 1 else None
