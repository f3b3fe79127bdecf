"""Logs are lines of JSON, each with the id of its request."""

from __future__ import annotations

import contextvars
import json
import logging
import subprocess
import sys

from serving.wire.json_logs import REQUEST_ID, JsonFormatter


def test_a_log_line_names_its_request_and_its_error():
    record = logging.LogRecord(
        name="serving.x",
        level=logging.WARNING,
        pathname="",
        lineno=1,
        msg="%s is down",
        args=("the database",),
        exc_info=None,
    )
    REQUEST_ID.set(b"shop-7")
    try:
        raise ValueError("so")
    except ValueError:
        record.exc_info = sys.exc_info()
    line = json.loads(JsonFormatter().format(record))
    assert line["level"] == "warning"
    assert line["logger"] == "serving.x"
    assert line["message"] == "the database is down"
    assert line["request_id"] == "shop-7"
    assert "ValueError: so" in line["error"]


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("serving.x", logging.INFO, "", 1, message, args, None)


def test_a_message_with_line_breaks_and_quotes_stays_one_line_of_json():
    text = JsonFormatter().format(record('first\n"second"\r\x1b[31m'))
    assert "\n" not in text
    assert "\x1b" not in text
    assert json.loads(text)["message"] == 'first\n"second"\r\x1b[31m'


def test_outside_of_a_request_a_line_has_no_request_id_and_no_error():
    line = contextvars.Context().run(lambda: json.loads(JsonFormatter().format(record("started"))))
    assert set(line) == {"time", "level", "logger", "message"}
    assert line["time"] > 1.7e9


INSTALL = """
import logging, sys
from serving.wire import json_logs
if "configured" in sys.argv:
    logging.basicConfig(format="own: %(message)s", level=logging.INFO)
json_logs.install()
logging.getLogger("serving.x").info("started")
logging.getLogger("httpx").info("a request")
logging.getLogger("uvicorn.error").info("refused without completing handshake")
logging.getLogger("uvicorn.error").info("listening")
"""


def logged(*arguments: str) -> list[str]:
    """What a fresh process writes to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", INSTALL, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()


def test_a_server_logs_to_standard_error_without_the_chatter_of_libraries():
    lines = [json.loads(line) for line in logged()]
    assert [line["message"] for line in lines] == ["started", "listening"]


def test_logging_that_is_configured_already_is_kept():
    assert logged("configured") == ["own: started", "own: listening"]
