"""How log records look."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from graphmill.cli.logs import configure_logs

logger = logging.getLogger("graphmill.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """The handlers of pytest are put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


def test_records_are_json_where_no_person_reads_them() -> None:
    stream = io.StringIO()
    configure_logs(stream)
    logger.warning("app %s é", "x", extra={"run_id": "1"})
    record = json.loads(stream.getvalue())
    assert ("app x é", "warning", "graphmill.test", "1") == (
        record["event"],
        record["level"],
        record["logger"],
        record["run_id"],
    )
    assert record["timestamp"].endswith("Z")


def test_exceptions_stay_on_their_line_of_json() -> None:
    stream = io.StringIO()
    configure_logs(stream)
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("It went wrong")
    [line] = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_people_get_lines() -> None:
    stream = Terminal()
    configure_logs(stream)
    logger.info("hello")
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_libraries_say_only_what_matters() -> None:
    stream = io.StringIO()
    configure_logs(stream)
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("watchfiles.main").info("1 change detected")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert ["Invalid HTTP request received."] == [
        json.loads(line)["event"] for line in stream.getvalue().splitlines()
    ]


def test_rich_is_as_it_was() -> None:
    rich = sys.modules.get("rich")
    configure_logs(io.StringIO())
    assert rich is sys.modules.get("rich")
