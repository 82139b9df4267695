"""Where log records go: to stderr, as lines for people on a terminal, as JSON otherwise.

All modules log through the standard library, as the libraries do; how it looks is decided here.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from structlog.typing import Processor


def configure_logs(stream: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Send every record of the process to `stream`, those of uvicorn and other libraries
    included."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(for_people=stream.isatty()))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    for talkative in ("uvicorn", "watchfiles"):
        logging.getLogger(talkative).setLevel(logging.WARNING)


def _formatter(*, for_people: bool) -> logging.Formatter:
    with _rich_hidden():
        # The only place where rich cannot be seen.
        import structlog  # noqa: PLC0415
    stdlib, processors = structlog.stdlib, structlog.processors
    shared: list[Processor] = [
        stdlib.add_log_level,
        stdlib.add_logger_name,
        stdlib.ExtraAdder(),
        processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=not for_people),
    ]
    rendering: list[Processor] = (
        [structlog.dev.ConsoleRenderer(pad_event_to=0)]
        if for_people
        else [processors.format_exc_info, processors.JSONRenderer(ensure_ascii=False)]
    )
    return stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )


@contextmanager
def _rich_hidden() -> Iterator[None]:
    """structlog loads rich for its tracebacks when it finds it: 4 MB that a server never uses."""
    rich = sys.modules.get("rich")
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["rich"]
        if rich is not None:
            sys.modules["rich"] = rich
