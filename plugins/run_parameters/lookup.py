"""What the middleware asks of Airflow and of the use cases' folder."""

from airflow.models.asset import TaskOutletAssetReference
from airflow.utils.session import create_session
from pydantic import TypeAdapter, ValidationError
from sixgate_airflow.defaults import ROOT
from sqlalchemy import select

from pipelines.use_case import names

NUMBER = TypeAdapter(int)


def use_cases() -> list[str]:
    """The names of the use cases, from the folder from which DAGs are built."""
    return names(ROOT / "reference")


def producer_of(asset_id: str) -> str | None:
    """The DAG that Airflow runs to materialize an asset; None when Airflow will refuse to.

    The number is read as Airflow reads it: ' 7' names asset 7, too.
    """
    try:
        number = NUMBER.validate_python(asset_id)
    except ValidationError:
        return None
    wanted = (
        select(TaskOutletAssetReference.dag_id)
        .where(TaskOutletAssetReference.asset_id == number)
        .distinct()
    )
    with create_session() as session:
        producers = list(session.scalars(wanted.limit(2)))
    return producers[0] if len(producers) == 1 else None
