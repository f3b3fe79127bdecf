"""Which requests the MLflow server accepts: pure rules on account, method, path and origin.

MLflow checks the password and its own permissions after these rules. The rules add what MLflow does not offer: an account
that may only read what serves, an account that may write runs and versions but delete nothing, and no route that is not used.
"""

import re
from urllib.parse import urlsplit

from pipelines.rules.model.bundle import WARM_UP

STEPS, SERVER = "steps", "server"
API = re.compile(r"/(?:ajax-)?api/\d\.\d/")
READS = ("GET", "HEAD", "OPTIONS")

# Beside the user interface: health, version, files of runs and versions, and GraphQL, which only reads.
PAGES = re.compile(
    r"/|/static-files/.*|/favicon\.ico|/health|/version|/get-artifact|/model-versions/get-artifact|/graphql|/signup"
)
# Experiments, runs, models, their files, and the accounts. No gateway, assistant, webhook, job, trace or scorer.
GROUPS = re.compile(
    r"mlflow/(?:experiments|runs|metrics|artifacts|datasets|logged-models|registered-models|model-versions|users|roles)(?:/.*)?"
    r"|mlflow/(?:upload-artifact|server-info)"
    r"|mlflow-artifacts/artifacts(?:/.*)?"
)  # fmt: skip
# Reads that MLflow serves by POST.
SEARCHES = re.compile(
    r"mlflow/(?:experiments|runs|logged-models|registered-models|model-versions)/search(?:-datasets)?"
)

# What training and promotion write. Nothing is deleted but an alias.
STEPS_WRITE = re.compile(
    r"mlflow/experiments/create"
    r"|mlflow/runs/(?:create|update|log-batch|log-metric|log-parameter|log-inputs|outputs|log-model|set-tag)"
    r"|mlflow/logged-models(?:/[\w-]+(?:/params|/tags)?)?"
    r"|mlflow/registered-models/(?:create|alias)"
    r"|mlflow/model-versions/(?:create|set-tag)"
    r"|mlflow-artifacts/artifacts/.+"
)  # fmt: skip
STEPS_DELETE = "mlflow/registered-models/alias"
# What a server needs to follow Production.
SERVER_READ = re.compile(
    r"mlflow/registered-models/search|mlflow/model-versions/get-download-uri|mlflow-artifacts/artifacts/.+"
)

# Files of a model: a version that served has to be there to go back to. Requests to warm up with are laid beside them anew.
MODEL_FILES = re.compile(rf".*/models/[^/]+/artifacts/(?!{re.escape(WARM_UP)}$).+")

SOURCES = ("models:/", "runs:/", "mlflow-artifacts:/")


def refused(account: str | None, method: str, path: str) -> str | None:
    """Say why `account` (None: not signed in) may not ask for `path`, or None. MLflow still checks the password."""
    if {".", ".."} & set(path.split("/")):
        return f"{path} is not a plain path"
    prefix = API.match(path)
    if prefix is None:
        known = PAGES.fullmatch(path) is not None and (method in READS or path == "/graphql")
        return _refusal(
            (known and account not in (STEPS, SERVER)) or path in ("/health", "/version"),
            account,
            method,
            path,
        )
    route = path[prefix.end() :]
    if not GROUPS.fullmatch(route):
        return f"{path} is not in use here"
    if account == SERVER:
        return _refusal(
            method in READS and SERVER_READ.fullmatch(route) is not None, account, method, path
        )
    if account == STEPS:
        return _refusal(_steps_may(method, route), account, method, path)
    return None


def _steps_may(method: str, route: str) -> bool:
    if route.startswith(("mlflow/users", "mlflow/roles")):
        return False
    if method in READS or SEARCHES.fullmatch(route):
        return True
    if method == "DELETE":
        return route == STEPS_DELETE
    return STEPS_WRITE.fullmatch(route) is not None


def _refusal(allowed: bool, account: str | None, method: str, path: str) -> str | None:
    return None if allowed else f"account {account or '(none)'} may not {method} {path}"


def foreign(
    *, origin: str | None, fetch_site: str | None, host: str | None, path: str
) -> str | None:
    """Say why a browser's request comes from a page of another origin, or None.

    Another port of this machine is another origin: its page may be anybody's. A link from elsewhere to the user interface is
    fine, a request to the API is not.
    """
    if origin is not None and (host is None or urlsplit(origin).netloc.lower() != host.lower()):
        return f"a page of {origin} may not use this server"
    if API.match(path) and fetch_site not in (None, "same-origin", "none"):
        return "a page of another origin may not use this API"
    return None


def location_refused(location: str) -> str | None:
    """Say why an experiment may not name its own artifact location, or None when it names none."""
    if not location:
        return None
    return f"artifact_location {location!r} is refused: leave it out, files go to the store that this server was started with"


def source_refused(source: str) -> str | None:
    """Say why a model version may not come from `source`, or None."""
    if source.startswith(SOURCES):
        return None
    return f"source {source!r} is refused: a version comes from one of {', '.join(SOURCES)}"


def overwrite_refused(account: str | None, file: str) -> str | None:
    """Say why `account` may not write over an artifact, named by its path in the store, or None."""
    if account != STEPS or not MODEL_FILES.fullmatch(file):
        return None
    return f"{file} is refused: it is a model's, and those are written once"
