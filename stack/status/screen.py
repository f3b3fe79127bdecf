"""The state of the stack as one screen of text."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.reporting.tables import plain
from pipelines.rules.monitoring.data_quality import describe_examples
from pipelines.rules.monitoring.notifications import SEVERITIES

WIDTH = 100  # columns, where there is no terminal
MOST_ALERTS = 5  # of one use case; the others are counted
HEALTH = {True: "[green]healthy", False: "[red]not answering", None: ""}
RUN_STYLES = {"success": "green", "failed": "red"}

Json = dict[str, Any]


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or WIDTH without one."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else WIDTH, highlight=False)


def print_status(document: Json, console: Console) -> None:
    """Print what `report.status` returned."""
    console.print(_parts(document))
    for line in _paths(document):
        console.print(line, soft_wrap=True)
    console.print()
    for use_case in _use_cases(document):
        console.print(use_case)
    console.print()
    console.print(_dags(document))
    console.print()
    print_problems(document, console)


def print_problems(document: Json, console: Console) -> None:
    """Print each problem as a sentence with its remedy."""
    if document["ok"]:
        console.print("[green]no problems[/]")
        return
    console.print("[red]problems[/]:")
    rows = Table.grid(padding=(0, 1))
    for problem in document["problems"]:
        rows.add_row("-", Text(f"{problem['which']} {problem['what']}: {problem['remedy']}"))
    console.print(rows)


def _parts(document: Json) -> Table:
    table = _table("part", "address", "health")
    for name, address in document["addresses"].items():
        table.add_row(name, address, HEALTH[document["health"].get(name)])
    return table


def _paths(document: Json) -> Iterator[str]:
    paths = document["paths"]
    yield f"Airflow users and passwords: {paths['airflow_passwords']}"
    if overlay := document["policy_overlay"]:
        yield f"policy overlay, in force until `up` gets another one: {overlay}"
    yield f"API key and connection URLs: {paths['client_environment']}"


def _use_cases(document: Json) -> Iterator[Table | Text]:
    """For each use case: what serves, open alerts, and what waits; one line when it is not used."""
    if document["use_cases"] is None:
        yield Text("use cases: not known, because PostgreSQL does not answer")
        return
    for use_case in document["use_cases"]:
        name = use_case["use_case"]
        if _is_unused(use_case):
            yield Text(f"{name}  not in use: {name}_retraining trains a first model")
            continue
        table = Table.grid(padding=(0, 2))
        serving = use_case["serving"]
        _add_rows(table, name, [_serving(serving)])
        _add_rows(table, "  replicas", [_replicas(serving)])
        _add_rows(table, "  open alerts", _alerts(use_case["alerts"]))
        _add_rows(table, "  waiting", [_waiting(each) for each in use_case["waiting"]])
        if problems := _data_problems(use_case):
            _add_rows(table, "  data", problems)
        yield table


def _is_unused(use_case: Json) -> bool:
    """Whether a use case never had a model, and nothing of it is open."""
    is_open = use_case["alerts"] or use_case["waiting"] or _data_problems(use_case)
    return not use_case["in_use"] and not is_open


def _data_problems(use_case: Json) -> list[Text]:
    """What is wrong with labels and event times; nothing when all is well."""
    problems = []
    labels = use_case["labels"]
    if labels["without_prediction"]:
        examples = [example["transaction_id"] for example in labels["examples"]]
        similar = {
            example["transaction_id"]: example["similar_prediction"]
            for example in labels["examples"]
            if example["similar_prediction"] is not None
        }
        problems.append(
            f"{labels['without_prediction']:,} of the newest {labels['labels']:,} labels match no "
            f"prediction after a day, such as {describe_examples(examples, similar)}"
        )
    if future := use_case["future_times"]:
        problems.append(
            f"{future:,} logged predictions have an event time in the future: "
            "their labels do not mature"
        )
    return [Text(plain(problem)) for problem in problems]


def _add_rows(table: Table, label: str, lines: Iterable[Text]) -> None:
    """Add a row for each line, the first with the label; a row "none" without a line."""
    first, *others = lines or [Text("none")]
    table.add_row(label, first)
    for line in others:
        table.add_row("", line)


def _serving(serving: Json | None) -> Text:
    if serving is None:
        return Text("no version is in Production")
    since = f" since {_minute(serving['since'])} UTC" if serving["since"] else ""
    return Text(f"version {serving['version']}{since} {_origin(serving)}")


def _replicas(serving: Json | None) -> Text:
    if serving is None:
        return Text("none serves a model")
    return Text(f"{serving['replicas_on_it']} of {serving['replicas']} serve it")


def _origin(serving: Json) -> str:
    """Say by which decision or rollback, and by whom, the version came to Production."""
    if serving["action"] is None:
        return "by an entry older than the newest of the ledger"
    actor = plain(serving["actor"])
    if serving["action"] == "ROLLBACK":
        return f"by a rollback of {actor}: {plain(serving['reason'])}"
    return f"by decision {serving['decision']} ({actor})"


def _alerts(alerts: Sequence[Json]) -> list[Text]:
    """The most severe alerts, the newest of them first, and how many others there are."""
    ordered = sorted(alerts, key=_severity, reverse=True)
    lines = [_alert(alert) for alert in ordered[:MOST_ALERTS]]
    if others := len(ordered) - len(lines):
        lines.append(Text(f"and {others} more: see `sixgate alerts list`"))
    return lines


def _alert(alert: Json) -> Text:
    since = _minute(alert["since"])
    line = f"{alert['id']} {alert['severity']} {alert['cause']} since {since} UTC"
    if alert["state"] == "ACKNOWLEDGED":
        line += f", acknowledged by {plain(alert['acknowledged_by'])}"
    return Text(line)


def _severity(alert: Json) -> tuple[int, int]:
    return SEVERITIES.index(alert["severity"]), alert["id"]


def _waiting(waiting: Json) -> Text:
    """What waits, for whom and until when; the text about a retraining has the time already."""
    line = plain(waiting["text"])
    if waiting["who"]:
        line += f", for {' or '.join(waiting['who'])}"
    if waiting["who"] and waiting["until"]:
        line += f" until {_minute(waiting['until'])} UTC"
    return Text(line)


def _dags(document: Json) -> Table | Text:
    """The runs of each DAG; one line for all of a use case that is not used, without failures."""
    if document["dags"] is None:
        return Text("DAGs: not known, because Airflow does not answer")
    table = _table("DAG", "last run (UTC)", "next run (UTC)")
    unused = _dags_of_unused(document)
    together = [dag for dags in unused.values() for dag in dags]
    for dag in document["dags"]:
        if dag not in together:
            table.add_row(dag["dag_id"], _last_run(dag), _next_run(dag))
    for use_case, dags in unused.items():
        dags_of = f"{len(dags)} {'DAG' if len(dags) == 1 else 'DAGs'} of {use_case}"
        table.add_row(dags_of, *_runs(dags))
    return table


def _dags_of_unused(document: Json) -> dict[str, list[Json]]:
    """The DAGs of each use case that is not used, without those that a person should look at."""
    use_cases = document["use_cases"] or []
    names = [use_case["use_case"] for use_case in use_cases]
    dags: dict[str, list[Json]] = {
        use_case["use_case"]: [] for use_case in use_cases if _is_unused(use_case)
    }
    for dag in document["dags"]:
        owner = _owner(dag["dag_id"], names)
        failed = dag["last_run"] is not None and dag["last_run"]["state"] == "failed"
        if owner in dags and not dag["paused"] and not failed:
            dags[owner].append(dag)
    return {name: of_use_case for name, of_use_case in dags.items() if of_use_case}


def _owner(dag_id: str, names: Sequence[str]) -> str:
    """The use case of a DAG; empty for a DAG of none. The name of one may begin another's."""
    owners = [name for name in names if dag_id.startswith(f"{name}_")]
    return max(owners, key=len, default="")


def _runs(dags: Sequence[Json]) -> tuple[Text, Text]:
    """The newest run and the next one of several DAGs."""
    with_runs = [dag for dag in dags if dag["last_run"]]
    scheduled = [dag for dag in dags if dag["next_run"]]
    newest = max(with_runs, key=lambda dag: _moment(dag["last_run"]["run_after"]), default=dags[0])
    following = min(scheduled, key=lambda dag: _moment(dag["next_run"]), default=dags[0])
    return _last_run(newest), _next_run(following)


def _last_run(dag: Json) -> Text:
    run = dag["last_run"]
    if run is None:
        return Text("never")
    style = RUN_STYLES.get(run["state"], "")
    return Text.assemble(f"{_minute(run['run_after'])} ", (run["state"], style))


def _next_run(dag: Json) -> Text:
    if dag["paused"]:
        return Text("paused", style="red")
    by_asset = "Asset" in (dag["schedule"] or "")
    ways = [_minute(dag["next_run"])] if dag["next_run"] else []
    if by_asset:
        ways.append("when its asset is updated")
    return Text(" or ".join(ways) or "when a person triggers it")


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False)


def _minute(moment: str) -> str:
    """Return a time as Airflow and the database give it, which is in UTC."""
    return f"{_moment(moment):%Y-%m-%d %H:%M}"


def _moment(moment: str) -> datetime:
    return datetime.fromisoformat(moment)
