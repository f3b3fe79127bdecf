"""Which requests the MLflow server accepts: pure rules on account, method, path and origin.

MLflow checks the password and its own permissions after these rules. The rules add what MLflow does
not offer: an account that may only read the models to serve, an account that may write runs and
versions but delete nothing, and no access to routes that Sixgate does not use.
"""

import re
from urllib.parse import urlsplit

from pipelines.rules.model.bundle import WARM_UP

STEPS = "steps"
SERVER = "server"
API = re.compile(r"/(?:ajax-)?api/\d\.\d/")
READS = ("GET", "HEAD", "OPTIONS")

# The user interface, health, version, files of runs and versions, and GraphQL, which only reads.
PAGES = re.compile(
    r"/|/static-files/.*|/favicon\.ico|/health|/version|/get-artifact"
    r"|/model-versions/get-artifact|/graphql|/signup"
)
# Experiments, runs, models, their files, and the accounts.
# No gateway, assistant, webhook, job, trace or scorer.
GROUPS = re.compile(
    r"mlflow/(?:experiments|runs|metrics|artifacts|datasets)(?:/.*)?"
    r"|mlflow/(?:logged-models|registered-models|model-versions|users|roles)(?:/.*)?"
    r"|mlflow/(?:upload-artifact|server-info)"
    r"|mlflow-artifacts/artifacts(?:/.*)?"
)
# Reads for which MLflow has a POST route.
SEARCHES = re.compile(
    r"mlflow/(?:experiments|runs|logged-models|registered-models|model-versions)"
    r"/search(?:-datasets)?"
)

# Writes of training and promotion. Nothing is deleted except an alias.
STEPS_WRITE = re.compile(
    r"mlflow/experiments/create"
    r"|mlflow/runs/(?:create|update|log-batch|log-metric|log-parameter|log-inputs)"
    r"|mlflow/runs/(?:outputs|log-model|set-tag)"
    r"|mlflow/logged-models(?:/[\w-]+(?:/params|/tags)?)?"
    r"|mlflow/registered-models/(?:create|alias)"
    r"|mlflow/model-versions/(?:create|set-tag)"
    r"|mlflow-artifacts/artifacts/.+"
)
STEPS_DELETE = "mlflow/registered-models/alias"
# What a scoring server needs to load the Production model.
SERVER_READ = re.compile(
    r"mlflow/registered-models/search"
    r"|mlflow/model-versions/get-download-uri"
    r"|mlflow-artifacts/artifacts/.+"
)

# Files of a model. They are written once, because a rollback needs the files of a former version;
# only the warm-up requests beside them are replaced.
MODEL_FILES = re.compile(rf".*/models/[^/]+/artifacts/(?!{re.escape(WARM_UP)}$).+")

SOURCES = ("models:/", "runs:/", "mlflow-artifacts:/")


def refused(account: str | None, method: str, path: str) -> str | None:
    """Return why `account` (None: not signed in) may not request `path`, or None if it may.

    MLflow checks the password afterwards.
    """
    if {".", ".."} & set(path.split("/")):
        return f"{path} is not a plain path"
    prefix = API.match(path)
    if prefix is None:
        allowed = _may_open_page(account, method, path)
    else:
        route = path[prefix.end() :]
        if not GROUPS.fullmatch(route):
            return f"{path} is not available on this server"
        allowed = _may_call(account, method, route)
    return None if allowed else f"account {account or '(none)'} may not {method} {path}"


def _may_open_page(account: str | None, method: str, path: str) -> bool:
    if path in ("/health", "/version"):
        return True
    page = PAGES.fullmatch(path) is not None
    reads = method in READS or path == "/graphql"
    return page and reads and account not in (STEPS, SERVER)


def _may_call(account: str | None, method: str, route: str) -> bool:
    if account == SERVER:
        return method in READS and SERVER_READ.fullmatch(route) is not None
    if account == STEPS:
        return _steps_may_call(method, route)
    return True


def _steps_may_call(method: str, route: str) -> bool:
    if route.startswith(("mlflow/users", "mlflow/roles")):
        return False
    if method in READS or SEARCHES.fullmatch(route):
        return True
    if method == "DELETE":
        return route == STEPS_DELETE
    return STEPS_WRITE.fullmatch(route) is not None


def foreign(
    *, origin: str | None, fetch_site: str | None, host: str | None, path: str
) -> str | None:
    """Return why a browser's request is refused as one from a page of another origin, or None.

    Another port of this machine is another origin: any user may serve a page there. Links from
    other origins to the user interface are allowed, requests to the API are not.
    """
    if origin is not None and (host is None or urlsplit(origin).netloc.lower() != host.lower()):
        return f"a page of {origin} may not use this server"
    if API.match(path) and fetch_site not in (None, "same-origin", "none"):
        return "a page of another origin may not use this API"
    return None


def location_refused(location: str) -> str | None:
    """Return why an experiment may not have an artifact location, or None if it has none."""
    if not location:
        return None
    return (
        f"artifact_location {location!r} is refused: "
        "leave it out, files are written to the store that this server was started with"
    )


def source_refused(source: str) -> str | None:
    """Return why a model version may not be created from `source`, or None."""
    if source.startswith(SOURCES):
        return None
    return f"source {source!r} is refused: it must start with one of {', '.join(SOURCES)}"


def overwrite_refused(account: str | None, file: str) -> str | None:
    """Return why `account` may not overwrite the artifact at path `file` of the store, or None."""
    if account != STEPS or not MODEL_FILES.fullmatch(file):
        return None
    return f"{file} is refused: the files of a model are written once"
