"""`sixgate explain`: what it refuses; tests/integration has the explanations."""

from uuid import uuid4

from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import UnknownPrediction, UseCaseError
from pipelines.exit_codes import REFUSED
from pipelines.stores.database import Connection


def test_an_id_that_is_none_is_a_usage_error() -> None:
    assert CliRunner().invoke(app.app, ["explain", "42"]).exit_code == REFUSED


def test_an_unknown_prediction_is_named(database: Connection) -> None:
    prediction_id = str(uuid4())
    done = CliRunner().invoke(app.app, ["explain", prediction_id])
    assert isinstance(done.exception, UnknownPrediction)
    assert prediction_id in str(done.exception)


def test_an_unknown_use_case_is_refused_with_the_valid_ones(database: Connection) -> None:
    done = CliRunner().invoke(app.app, ["explain", str(uuid4()), "-u", "cats"])
    assert isinstance(done.exception, UseCaseError)
    assert "known are fraud" in str(done.exception)
