"""Pandera reports each rule that rows break, with the number of rows."""

import numpy as np
import pandas as pd

from pipelines.rules.data.pandera_schema import failures, summary
from pipelines.settings import ROOT
from pipelines.use_case import read_contract

CONTRACT = read_contract(ROOT / "reference" / "fraud")


def test_pandera_reports_every_failure_with_its_count() -> None:
    frame = pd.DataFrame({name: [0.0, 0.0, 0.0] for name in CONTRACT.raw}).assign(
        label=np.array([0, 1, 0], np.int8)
    )
    assert failures(frame, CONTRACT).empty
    frame.loc[0, "amount"] = -1
    frame.loc[1, "during_night"] = 0.5
    frame.loc[2, "amount"] = np.nan
    groups = {(row["column"], row["rows"]) for row in summary(failures(frame, CONTRACT))}
    assert groups == {("amount", 1), ("during_night", 1)}
    assert set(failures(frame, CONTRACT)["index"]) == {0, 1, 2}
