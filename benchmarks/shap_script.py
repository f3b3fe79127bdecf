"""What people write first: read logged rows, `shap.TreeExplainer`, write the values; a part of `make bench-explain`."""

import sys

import numpy as np
import psycopg
import shap
import xgboost

SELECT = "SELECT prediction_id, features FROM prediction_logs ORDER BY prediction_id"


def main(database_url: str, model: str) -> None:
    """All rows at once, through COPY, into a table of its own."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(SELECT).fetchall()
        features = np.array([row[1] for row in rows], dtype=np.float32)
        values = shap.TreeExplainer(xgboost.Booster(model_file=model)).shap_values(features)
        connection.execute(
            "CREATE TABLE shap_values (prediction_id uuid PRIMARY KEY, contributions double precision[])"
        )
        with connection.cursor().copy("COPY shap_values FROM STDIN") as copy:
            for row, line in zip(rows, values.tolist(), strict=True):
                copy.write_row((row[0], line))


if __name__ == "__main__":
    main(*sys.argv[1:])
