"""No DAG: an error in a use case's folder is shown in Airflow as the import error of this file.

Other use cases keep their DAGs.
"""

from sixgate_airflow import faults

from pipelines.errors import UseCaseError

if errors := faults():
    raise UseCaseError("; ".join(str(error) for error in errors.values()))
