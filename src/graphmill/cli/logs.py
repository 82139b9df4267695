"""Where log records go: to stderr, as lines for people on a terminal, as JSON otherwise.

All modules log through the standard library, as the libraries do; how it looks is decided here.
"""

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO

from pydantic import BaseModel, SecretStr

from graphmill.config import Settings
from graphmill.log_fields import current_fields

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

MASK: Final = "***"
_SHORTEST_SECRET: Final = 8
"""Characters. Shorter ones are words that messages need, such as `ollama`."""
_TALKATIVE: Final = ("uvicorn", "watchfiles")


def configure_logs(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send every record of the process to `stream`, those of uvicorn and other libraries
    included. No secret of `settings` is in them."""
    logs = settings.logs
    for_people = stream.isatty() if logs.format == "auto" else logs.format == "text"
    handler = _MaskingHandler(stream, _secrets_in(settings))
    handler.setFormatter(_formatter(for_people))
    level = logging.getLevelNamesMapping()[logs.level.upper()]
    # What libraries say when they are debugged holds statements with their values.
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    logging.getLogger("graphmill").setLevel(level)
    logging.captureWarnings(capture=True)
    for talkative in _TALKATIVE:
        logging.getLogger(talkative).setLevel(max(level, logging.WARNING))


def _formatter(for_people: bool) -> logging.Formatter:
    with _rich_hidden():
        # The only place where rich cannot be seen.
        import structlog  # noqa: PLC0415
    stdlib, processors = structlog.stdlib, structlog.processors
    shared: list[Processor] = [
        stdlib.add_log_level,
        stdlib.add_logger_name,
        stdlib.ExtraAdder(),
        _add_fields,
    ]
    if for_people:
        shared.append(processors.TimeStamper(fmt="%H:%M:%S", utc=False))
        rendering: list[Processor] = [structlog.dev.ConsoleRenderer(pad_event_to=0)]
    else:
        shared.append(processors.TimeStamper(fmt="iso", utc=True, key="time"))
        rendering = [
            processors.format_exc_info,
            processors.EventRenamer("message"),
            processors.JSONRenderer(ensure_ascii=False),
        ]
    return stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )


def _add_fields(_logger: object, _method: str, record: "EventDict") -> "EventDict":
    for name, value in current_fields().items():
        record.setdefault(name, value)
    return record


class _MaskingHandler(logging.StreamHandler[TextIO]):
    """Writes no secret, whatever a library may say."""

    def __init__(self, stream: TextIO, secrets: Iterable[str]) -> None:
        super().__init__(stream)
        masked = {text for text in secrets if len(text) >= _SHORTEST_SECRET}
        # As they stand in JSON, too.
        masked |= {json.dumps(text, ensure_ascii=False)[1:-1] for text in masked}
        longest_first = sorted(masked, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return self._pattern.sub(MASK, line) if self._pattern.pattern else line


def _secrets_in(value: object) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secrets_in(getattr(value, name))
        case dict():
            for item in value.values():
                yield from _secrets_in(item)
        case tuple():
            for item in value:
                yield from _secrets_in(item)
        case _:
            pass


@contextmanager
def _rich_hidden() -> Iterator[None]:
    """structlog loads rich for its tracebacks when it finds it: 4 MB that a server never uses."""
    rich = sys.modules.get("rich")
    # `None` is how the import system marks what cannot be imported; its type does not say so.
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["rich"]
        if rich is not None:
            sys.modules["rich"] = rich
