"""No DAG: what is wrong with a use case's folder shows up here, as this file's import error.

Other use cases keep their DAGs.
"""

from sixgate_airflow import faults

from pipelines.errors import UseCaseError

if found := faults():
    raise UseCaseError("; ".join(str(fault) for fault in found.values()))
