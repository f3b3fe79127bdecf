"""The plots that summarise explanations."""

from pathlib import Path

from pipelines.context import Context
from tests.integration.explained import ALL, Logged, Run


def test_pictures_are_drawn_for_each_version_into_mlflow_once_an_hour(
    wired: Context, run: Run, log: Logged
) -> None:
    log.ship(400)
    log.ship(300, 2)
    for chunk in run("plan", changed=ALL):
        run("explain", **chunk)
    assert run("summarise")["drawn"] == [1, 2]
    again = run("summarise")
    assert (again["drawn"], again["counts"]) == ([], {"COMPLETED": 700})
    pictures = wired.artifacts.reports("explanations-v1-*.png")
    assert "explanations-v1-beeswarm.png" in pictures and len(pictures) == 5
    assert wired.artifacts.read_report(pictures[0]).startswith(b"\x89PNG")
    run_id = wired.models.get("fraud", 2).mlflow_run_id
    (folder,) = wired.registry._client.list_artifacts(run_id, "explanations")
    logged = {
        Path(item.path).name for item in wired.registry._client.list_artifacts(run_id, folder.path)
    }
    assert logged >= {"beeswarm.png"} and len(logged) == 5
