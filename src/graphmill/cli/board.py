"""A run on the terminal: a line for each node, and the text as it streams."""

import time
from dataclasses import dataclass, field
from typing import Final

from rich.console import Group, RenderableType
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from graphmill.engine.events import (
    Event,
    Execution,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeStatus,
    RunFinished,
    RunPaused,
    TextChunk,
)

SHOWN_TEXT: Final = 2000
"""Characters of the streamed text that stay in view."""

_MARKS: Final = {
    NodeStatus.SUCCEEDED: Text("✓", "green"),
    NodeStatus.EXCEPTION: Text("!", "yellow"),
    NodeStatus.FAILED: Text("✗", "red"),
}
_LEFT: Final = Text("–", "dim")
"""Of a node that was at work when the run ended, or waits for a person."""


@dataclass(slots=True)
class _Line:
    execution: Execution
    mark: RenderableType = field(default_factory=lambda: Spinner("dots"))
    ended_at: float | None = None
    retries: int = 0
    error: str = ""

    def cells(self, now: float) -> tuple[RenderableType, ...]:
        seconds = max(0.0, (self.ended_at or now) - self.execution.started_at)
        remarks = [f"retry {self.retries}"] if self.retries else []
        remarks += [self.error] if self.error else []
        return (
            self.mark,
            Text(self.execution.title or self.execution.node_id),
            Text(self.execution.node_type, "dim"),
            f"{seconds:.2f} s",
            Text(" · ".join(remarks), "yellow" if self.ended_at is None else "red"),
        )


class Board:
    """Give it every event of the run; it can be drawn at any time, also from another thread."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._text = ""

    def take(self, event: Event) -> None:
        match event:
            case NodeStarted(execution):
                self._lines[execution.id] = _Line(execution)
            case NodeRetried():
                line = self._lines[event.execution.id]
                line.retries, line.error = event.retry_index, event.error
            case NodeFinished():
                line = self._lines[event.execution.id]
                line.mark, line.ended_at = _MARKS[event.status], event.at
                line.error = event.error or ""
            case TextChunk():
                self._text = (self._text + event.text)[-SHOWN_TEXT:]
            case RunFinished() | RunPaused():
                self._text = ""
                for line in self._lines.values():
                    if line.ended_at is None:
                        line.mark, line.ended_at = _LEFT, event.at
            case _:
                """Nothing to show."""

    def __rich__(self) -> RenderableType:
        now = time.time()
        table = Table.grid(padding=(0, 1))
        for line in list(self._lines.values()):
            table.add_row(*line.cells(now))
        return Group(table, Text(self._text)) if self._text else table
