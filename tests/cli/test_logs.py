"""How log records look."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from graphmill.cli.logs import configure_logs
from graphmill.config import Settings
from graphmill.config.models import ModelSettings
from graphmill.config.observation import LogSettings
from graphmill.log_fields import log_fields

logger = logging.getLogger("graphmill.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    """The handlers of pytest are put back."""
    root, own = logging.getLogger(), logging.getLogger("graphmill")
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)


def test_records_are_json_where_no_person_reads_them() -> None:
    stream = io.StringIO()
    configure_logs(Settings(), stream)
    logger.warning("app %s é", "x", extra={"run_id": "1"})
    record = json.loads(stream.getvalue())
    assert ("app x é", "warning", "graphmill.test", "1") == (
        record["message"],
        record["level"],
        record["logger"],
        record["run_id"],
    )
    assert record["time"].endswith("Z")


def test_exceptions_stay_on_their_line_of_json() -> None:
    stream = io.StringIO()
    configure_logs(Settings(), stream)
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("It went wrong")
    [line] = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_people_get_lines() -> None:
    stream = Terminal()
    configure_logs(Settings(), stream)
    logger.info("hello")
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_libraries_say_only_what_matters() -> None:
    stream = io.StringIO()
    configure_logs(Settings(), stream)
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("watchfiles.main").info("1 change detected")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert ["Invalid HTTP request received."] == [
        json.loads(line)["message"] for line in stream.getvalue().splitlines()
    ]


def test_records_say_what_they_belong_to() -> None:
    stream = io.StringIO()
    configure_logs(Settings(), stream)
    with log_fields(request_id="r"):
        with log_fields(run_id="1", app="chain"):
            logging.getLogger("aiohttp.client").warning("inside")
        logger.warning("beside", extra={"request_id": "of its own"})
    logger.warning("outside")
    fields = ("message", "request_id", "run_id", "app")
    assert [
        ["inside", "r", "1", "chain"],
        ["beside", "of its own", None, None],
        ["outside", None, None, None],
    ] == [
        [json.loads(line).get(name) for name in fields] for line in stream.getvalue().splitlines()
    ]


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_masked_whoever_says_them(form: str) -> None:
    stream = io.StringIO()
    secret = 'sk-"quoted"-secret'
    model = ModelSettings(provider="*", kind="openai", api_key=SecretStr(secret))
    short = ModelSettings(provider="*", kind="openai", api_key=SecretStr("ollama"))
    settings = Settings.model_validate({"logs": {"format": form}, "models": [model, short]})
    configure_logs(settings, stream)
    try:
        raise ConnectionError(f"https://host/?key={secret}")
    except ConnectionError:
        logger.exception("ollama refused %s", secret)
    assert "quoted" not in stream.getvalue()
    assert "ollama refused ***" in stream.getvalue()


def test_form_is_what_the_configuration_says_wherever_it_goes() -> None:
    stream = Terminal()
    configure_logs(Settings(logs=LogSettings(format="json")), stream)
    logger.info("hello")
    assert "hello" == json.loads(stream.getvalue())["message"]


@pytest.mark.parametrize(
    ("level", "heard"),
    [("debug", ["debug", "info", "error"]), ("info", ["info", "error"]), ("error", ["error"])],
)
def test_level_is_what_the_configuration_says(level: str, heard: list[str]) -> None:
    stream = io.StringIO()
    configure_logs(Settings.model_validate({"logs": {"level": level}}), stream)
    for word in ("debug", "info", "error"):
        getattr(logger, word)("said")
    # Statements with their values.
    logging.getLogger("aiosqlite").debug("INSERT INTO runs ...")
    assert heard == [json.loads(line)["level"] for line in stream.getvalue().splitlines()]


def test_rich_is_as_it_was() -> None:
    rich = sys.modules.get("rich")
    configure_logs(Settings(), io.StringIO())
    assert rich is sys.modules.get("rich")
