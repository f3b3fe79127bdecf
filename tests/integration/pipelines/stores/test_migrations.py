"""The database schema."""

from pipelines.context import Context


def test_partitions_are_made_ahead_and_dropped_when_old(wired: Context) -> None:
    assert wired.connection.execute(
        "SELECT ensure_partitions('2020-01-01', 3) AS n"
    ).fetchone() == {"n": 3}
    assert wired.connection.execute(
        "SELECT ensure_partitions('2020-01-01', 3) AS n"
    ).fetchone() == {"n": 0}
    assert wired.connection.execute("SELECT drop_partitions('2020-01-03') AS n").fetchone() == {
        "n": 2
    }
