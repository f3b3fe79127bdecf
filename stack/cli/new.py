"""`sixgate new`: make a use case from a file."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.shared.csv_flags import DelimiterOption, EncodingOption, csv_format
from pipelines.cli.shared.options import JsonOption
from stack.cli.progress import timed_printer

if TYPE_CHECKING:  # `sixgate --help` imports this module, so it must import quickly
    from pipelines.ingestion.data_profile import Answers, DataProfile, Question
    from pipelines.ingestion.sources.source import Source
    from pipelines.rules.use_case.contract import Contract
    from pipelines.settings import Settings

SQL_WORDS = ("select ", "with ")


def new(
    name: Annotated[str, typer.Argument(help="Name of the use case, such as card_fraud.")],
    data: Annotated[
        str, typer.Option(help="A file (.csv, .parquet, .xlsx, …), or a query: 'SELECT …'.")
    ],
    label: Annotated[str, typer.Option(help="Column of the outcome to predict.")],
    positive: Annotated[
        list[str] | None,
        typer.Option(help="A value of the positive class; may be repeated."),
    ] = None,
    time_column: Annotated[
        str, typer.Option("--time", help="Column of the time of the transaction.")
    ] = "",
    id_column: Annotated[
        str, typer.Option("--id", help="Column that identifies the row, for labels.")
    ] = "",
    key: Annotated[
        str, typer.Option(help="Column of the entity that acts, such as a customer.")
    ] = "",
    title: Annotated[str, typer.Option(help="Name of the use case for people.")] = "",
    connection: Annotated[
        str,
        typer.Option(
            help="URL or Airflow connection, for a query.", envvar="SIXGATE_INGEST_CONNECTION"
        ),
    ] = "",
    delimiter: DelimiterOption = None,
    encoding: EncodingOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; take the guesses.")] = False,
    train: Annotated[
        bool | None,
        typer.Option(help="Train a first model at once, by the DAGs; by default it asks."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a use case from labelled data, and train its first model.

    Reads the data, guesses what each column is, and writes the folder
    reference/NAME: a contract and a policy to read and correct, and the
    baseline. A running stack has its DAGs, routes and pages within a minute.

    Says what it guessed and why, and what looks wrong. Asks only what the data
    do not tell, such as which value of the label is positive.

    Example:
      sixgate new loans --data loans.csv --label status --positive "Charged Off" --train
    """
    from rich.console import Console

    from pipelines.ingestion.data_profile import Answers, examine
    from pipelines.ingestion.new_use_case import create, require_new_name
    from pipelines.ingestion.use_case_proposal import propose
    from pipelines.reporting import new_use_case_text as text
    from pipelines.settings import Settings
    from pipelines.stores.artifacts import Artifacts

    settings = Settings.load()
    require_new_name(settings.reference, name)
    console = Console(stderr=True, highlight=False)
    start = time.monotonic()
    say = timed_printer(console, start)
    open_source = _opener(data, connection, delimiter, encoding)
    written = {"delimiter": delimiter, "encoding": encoding}
    answers = Answers(
        label=label,
        positive=tuple(positive or ()),
        time=time_column,
        id=id_column,
        key=key,
        title=title,
        csv={name: value for name, value in written.items() if value},
    )
    with console.status("reading …") as status:
        shown = lambda rows: status.update(f"reading, {rows:,} rows")  # noqa: E731
        found = examine(open_source, answers, shown)
    answers = _answered(found, answers, yes=yes)
    found = found.with_answers(answers)
    with console.status("fitting quickly …"):
        proposal = propose(name, found, answers, threads=_threads())
    for line in text.proposal_lines(proposal):
        console.print(line, markup=False, soft_wrap=True)
    with console.status("importing …") as status:
        shown = lambda rows: status.update(f"importing, {rows:,} rows")  # noqa: E731
        made = create(
            proposal, open_source, settings.reference, Artifacts.of(settings, name), shown
        )
    for line in text.result_lines(made):
        say(line)
    document = text.as_json(proposal, made)
    document |= _first_model(settings, name, made.ingested.snapshot, train, yes=yes, say=say)
    document["seconds"] = round(time.monotonic() - start, 1)
    if as_json:
        typer.echo(json.dumps(document, default=str))


def _opener(
    data: str, connection: str, delimiter: str | None, encoding: str | None
) -> "Callable[[Contract], Source]":
    """Return what opens the data under a contract."""
    from pipelines.ingestion.sources.formats import open_file

    if data.lstrip().lower().startswith(SQL_WORDS):
        from pipelines.ingestion.sources.query_source import open_query

        return lambda contract: open_query(data, connection, contract)

    def open_with_flags(contract: "Contract") -> "Source":
        csv = csv_format(contract, delimiter=delimiter, encoding=encoding)
        return open_file(Path(data), contract, csv)

    return open_with_flags


def _answered(found: "DataProfile", answers: "Answers", *, yes: bool) -> "Answers":
    """Ask what is not certain; with `yes`, the guesses stand."""
    from pipelines.errors import ParameterError

    questions = found.questions(answers)
    if yes or not questions:
        return answers
    if not sys.stdin.isatty():
        flags = ", ".join(f"{each.flag} ({' or '.join(each.choices[:5])})" for each in questions)
        raise ParameterError(f"the data do not tell {flags}: name them, or take guesses with --yes")
    for question in questions:
        given = _ask(question)
        if question.flag == "--positive":
            answers = replace(answers, positive=(given,))
        else:
            answers = replace(answers, time=given)
    return answers


def _ask(question: "Question") -> str:
    import click

    prompt = f"{question.text} ({question.guess}: {question.why})"
    choice = click.Choice(list(question.choices))
    return str(typer.prompt(prompt, default=question.guess, type=choice, err=True))


def _first_model(
    settings: "Settings",
    name: str,
    snapshot: str,
    wanted: bool | None,
    *,
    yes: bool,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train if it is wanted and the stack is up; otherwise say how."""
    from stack import first_model

    how = f'run {name}_retraining with {{"snapshot": "{snapshot}"}}'
    if not first_model.is_up(settings):
        say(f"the stack is not up: start it with `sixgate up`, then {how}")
        return {}
    if wanted is None:
        ask = sys.stdin.isatty() and not yes
        wanted = ask and typer.confirm("Train the first model now?", default=True, err=True)
    if not wanted:
        say(f"to train, {how}")
        return {}
    first = first_model.train(settings, name, snapshot, say)
    say(f"POST {settings.api_url}/v1/{name}/predict answers: score {first.answer['score']:.3f}")
    return {
        "decision": first.decision.id,
        "version": first.decision.challenger_version,
        "request": first.row,
        "answer": first.answer,
    }


def _threads() -> int:
    import os

    return len(os.sched_getaffinity(0))
