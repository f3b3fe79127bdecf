"""What Sixgate's DAGs are made of: policies, assets and the operator that runs a step."""

from sixgate_airflow.assets import candidate_asset, drift_asset
from sixgate_airflow.defaults import DEFAULTS, policies
from sixgate_airflow.step import step

__all__ = ["DEFAULTS", "candidate_asset", "drift_asset", "policies", "step"]
