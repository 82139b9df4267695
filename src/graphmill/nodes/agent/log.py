"""What an agent is at, step by step: told at once, and kept for its outputs (`nodes §19`)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from graphmill.engine.progress import Progress
from graphmill.engine.usage import Usage, usage_metadata
from graphmill.ids import new_id
from graphmill.variables.values import Value


@dataclass(slots=True)
class Entry:
    id: str
    label: str
    parent_id: str | None
    started_at: float
    """Seconds of a clock that only goes forward."""
    status: str = "start"
    data: Mapping[str, Value] = field(default_factory=dict)
    error: str | None = None
    metadata: dict[str, Value] = field(default_factory=dict)


class AgentLog:
    def __init__(self, node_id: str, progress: Progress) -> None:
        self._node_id = node_id
        self._progress = progress
        self._entries: list[Entry] = []

    async def begin(
        self, label: str, data: Mapping[str, Value], parent: Entry | None = None
    ) -> Entry:
        entry = Entry(new_id(), label, parent.id if parent else None, time.monotonic(), data=data)
        self._entries.append(entry)
        await self._tell(entry)
        return entry

    async def end(
        self,
        entry: Entry,
        data: Mapping[str, Value],
        *,
        usage: Usage | None = None,
        error: str | None = None,
    ) -> None:
        entry.status = "success" if error is None else "error"
        entry.data, entry.error = data, error
        entry.metadata["elapsed_time"] = round(time.monotonic() - entry.started_at, 3)
        if usage is not None:
            entry.metadata |= usage_metadata(usage)
        await self._tell(entry)

    def mappings(self) -> list[Value]:
        """All entries as they are now, in the order of their beginning."""
        return [
            {
                "id": entry.id,
                "parent_id": entry.parent_id,
                "error": entry.error,
                "status": entry.status,
                "data": dict(entry.data),
                "label": entry.label,
                "metadata": dict(entry.metadata),
                "node_id": self._node_id,
            }
            for entry in self._entries
        ]

    async def _tell(self, entry: Entry) -> None:
        await self._progress.log(
            entry.id,
            entry.label,
            status=entry.status,
            data=entry.data,
            parent_id=entry.parent_id,
            error=entry.error,
            metadata=dict(entry.metadata),
        )
