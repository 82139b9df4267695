"""A run's events, sorted by where they are kept: its row, its nodes' rows, its journal.

What follows one another in one place shares an entry: `["text", 7, ["end", "x"], null, ["Hel",
"lo"]]` is the chunks 7 and 8.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from graphmill.engine.events import (
    Execution,
    NodeFinished,
    NodeStarted,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    TextChunk,
)
from graphmill.ports.runs import NumberedEvent
from graphmill.storage.entries import Entry, entry_of, entry_of_end, entry_of_text

Starts: TypeAlias = dict[str, tuple[int, Execution]]
"""By execution id: what has started and not finished, with the number of its NodeStarted."""


@dataclass(slots=True)
class Sorted:
    """Some events of a run, by where they are kept."""

    started: tuple[int, RunStarted] | None = None
    finished: tuple[int, RunFinished] | None = None
    nodes: list[Entry] = field(default_factory=list)
    """For `node_executions`."""
    others: list[Entry] = field(default_factory=list)
    """For `journal`."""
    turns: bool = False
    """Does the run pause, go on or end in them?"""


def sort_events(events: Sequence[NumberedEvent], starts: Starts) -> Sorted:
    """Sort `events`, of which there is at least one, and keep account of `starts`.

    The end of a node tells its start as well. So a start gets an entry of its own only if the end
    is not among `events`."""
    result = Sorted()
    chunks = _Chunks(result.others)
    for sequence, event in events:
        match event:
            case TextChunk():
                chunks.add(sequence, event)
            case NodeFinished():
                start, _ = starts.pop(event.execution.id, (None, None))
                result.nodes.append(entry_of_end(sequence, start, event))
            case NodeStarted():
                starts[event.execution.id] = (sequence, event.execution)
            case RunStarted():
                result.started = (sequence, event)
            case RunFinished():
                result.finished = (sequence, event)
                result.turns = True
            case _:
                result.turns |= isinstance(event, RunPaused | RunResumed)
                result.others.append(entry_of(sequence, event))
    if starts:
        first = events[0][0]
        result.others += [
            entry_of(sequence, NodeStarted(execution))
            for sequence, execution in starts.values()
            if sequence >= first
        ]
    return result


class _Chunks:
    """Text chunks that follow one another at one place share an entry."""

    __slots__ = ("_entries", "_last", "_next", "_texts")

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._next = 0
        self._last: TextChunk
        self._texts: list[str]

    def add(self, sequence: int, chunk: TextChunk) -> None:
        if (
            sequence == self._next
            and chunk.selector == self._last.selector
            and chunk.position == self._last.position
        ):
            self._texts.append(chunk.text)
        else:
            self._texts = [chunk.text]
            self._entries.append(entry_of_text(sequence, chunk, self._texts))
        self._last = chunk
        self._next = sequence + 1
