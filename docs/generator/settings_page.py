"""The page of the settings: the class of the settings, and variables that are read elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generator.attribute_docs import attribute_docs
from docs.generator.markdown import code, page, table
from pipelines.settings import ROOT, Settings

INTRODUCTION = """\
Every setting is an environment variable. Commands read the environment first, then `sixgate.env` in
SIXGATE_HOME, which `sixgate up` writes. An empty variable has no effect. The thresholds and
schedules of a use case are not settings: they are in its [policy](policy.md)."""
OTHERS = {
    "Docker Compose": (
        "`docker/make-env` writes these to `.env`, with random passwords. See "
        "[Run with Docker Compose](../how-to/run-with-docker-compose.md).",
        {
            "SIXGATE_DB_PASSWORD": "Password of the owner of the database.",
            "SIXGATE_STEPS_DB_PASSWORD": "Password of the role of the steps.",
            "SIXGATE_SERVER_DB_PASSWORD": "Password of the role of the scoring server.",
            "SIXGATE_PAGES_DB_PASSWORD": "Password of the role of the pages in Airflow.",
            "SIXGATE_PARALLELISM": "Tasks that may run at a time; 4 by default.",
            "SIXGATE_GIT_SHA": "Commit of the code, which decisions name; by default that of git.",
        },
    ),
    "One machine": (
        "For special cases of `make up`.",
        {
            "SIXGATE_PG_USER": "User of PostgreSQL when root starts it; by default `postgres`.",
            "SIXGATE_INGEST_CONNECTION": "Database of `sixgate ingest --query`.",
            "SIXGATE_WRITABLE": "More folders that steps may write to, separated by `:`.",
        },
    ),
    "Set by Sixgate": (
        "Sixgate sets these for its own processes.",
        {
            "SIXGATE_INSTANCE": "Marks the processes of a stack, so that `down` ends no others.",
            "SIXGATE_AIRFLOW_DATABASE_URL": "Airflow's database, for housekeeping.",
            "SIXGATE_MLFLOW_STEPS_PASSWORD": "Password of MLflow's user `steps`.",
            "SIXGATE_MLFLOW_SERVER_PASSWORD": "Password of MLflow's user `server`.",
            "SIXGATE_STEP_PARAMS": "Parameters of the run, from Airflow to the step.",
            "SIXGATE_STEP_REQUESTED_BY": "Who requested the run, from Airflow to the step.",
        },
    ),
    "Tests and benchmarks": (
        "",
        {
            "SIXGATE_PUBLIC_DATA": "Folder of public data, for `make bench-training` and tests.",
            "SIXGATE_FUZZ": "Number of random requests for each operation in the tests.",
            "SIXGATE_THOROUGH": "1 for the tests to try all of their many cases, not a part.",
        },
    ),
}


def settings_page() -> str:
    """Write every setting: name, default, valid values and meaning."""
    parts = [table(("variable", "default", "valid values", "meaning"), _rows())]
    for title, (introduction, meanings) in OTHERS.items():
        rows = [(code(name), meaning) for name, meaning in meanings.items()]
        parts += [f"## {title}", introduction, table(("variable", "meaning"), rows)]
    return page("Settings", INTRODUCTION, *parts)


def _rows() -> Iterator[tuple[str, str, str, str]]:
    texts = attribute_docs(Settings)
    for name, field in Settings.model_fields.items():
        yield _variables(name, field), _default(field.default), _valid(field), texts[name]


def _variables(name: str, field: FieldInfo) -> str:
    """Name the environment variable of a setting, and the one that is read in its place."""
    own = code(f"SIXGATE_{name.upper()}")
    if isinstance(field.validation_alias, AliasChoices):
        return f"{code(name.upper())} or {own}"
    return own


def _default(value: Any) -> str:
    if isinstance(value, Path):
        relative = value.relative_to(ROOT)
        return code(str(relative)) if relative.parts else "the source tree"
    return "" if value in (None, "", PydanticUndefined) else code(str(value))


def _valid(field: FieldInfo) -> str:
    """Describe the values that a setting may have."""
    if get_origin(field.annotation) is Literal:
        return " or ".join(code(choice) for choice in get_args(field.annotation))
    if field.annotation is not int:
        return "a path" if field.annotation in (Path, Path | None) else "a text"
    bounds = {type(bound).__name__: bound for bound in field.metadata}
    least = bounds["Ge"].ge
    return f"{least} to {bounds['Le'].le}" if "Le" in bounds else f"at least {least}"
