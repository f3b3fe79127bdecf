"""A simple script as a peer of `make bench-explain`.

It reads logged rows, calls `shap.TreeExplainer` and writes the values.
"""

import sys

import numpy as np
import psycopg
import shap
import xgboost

SELECT = "SELECT prediction_id, features FROM prediction_logs ORDER BY prediction_id"


def main(database_url: str, model: str) -> None:
    """Explain all rows at once, and copy the values into a new table."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(SELECT).fetchall()
        features = np.array([row[1] for row in rows], dtype=np.float32)
        explainer = shap.TreeExplainer(xgboost.Booster(model_file=model))
        values = explainer.shap_values(features)
        connection.execute(
            "CREATE TABLE shap_values"
            " (prediction_id uuid PRIMARY KEY, contributions double precision[])"
        )
        with connection.cursor().copy("COPY shap_values FROM STDIN") as copy:
            for row, line in zip(rows, values.tolist(), strict=True):
                copy.write_row((row[0], line))


if __name__ == "__main__":
    main(*sys.argv[1:])
