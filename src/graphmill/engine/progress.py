"""What a waiting node tells while it is under way."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from graphmill.engine.events import (
    AgentLogged,
    Event,
    Execution,
    FormClosed,
    ReasoningChunk,
    ResourcesRetrieved,
)
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value


class Audience(Protocol):
    """Who hears it. Both methods wait only when the journal falls behind."""

    async def hear(self, event: Event) -> None: ...

    async def hear_text(self, selector: Selector, text: str, *, is_final: bool) -> None: ...


class Progress:
    """Where a waiting node tells what it has so far. After the end of the run nobody hears it.

    The whole is still to be returned as an outcome."""

    __slots__ = ("_audience", "_execution")

    def __init__(self, execution: Execution, audience: Audience) -> None:
        self._execution = execution
        self._audience = audience

    async def text(self, selector: Selector, text: str, *, is_final: bool = False) -> None:
        """Another piece of the text at `selector`, `(node id, output name)`; `is_final` ends it.

        Readers see it at once if a response node shows that text at this point."""
        await self._audience.hear_text(selector, text, is_final=is_final)

    async def reasoning(self, text: str, *, is_final: bool = False) -> None:
        """Another piece of what the model thinks before it answers (`workflow-dsl §13.5`)."""
        execution = self._execution
        await self._audience.hear(
            ReasoningChunk(execution.node_id, text, is_final, execution.position)
        )

    async def log(
        self,
        entry_id: str,
        label: str,
        *,
        status: str,
        data: Mapping[str, Value],
        parent_id: str | None = None,
        error: str | None = None,
        metadata: Mapping[str, Value] | None = None,
    ) -> None:
        """A step of an agent began or changed (`service-api §11.11`); `status` is start, success
        or error. The same `entry_id` again changes the entry."""
        execution = self._execution
        await self._audience.hear(
            AgentLogged(
                execution.id,
                execution.node_id,
                entry_id,
                label,
                parent_id,
                error,
                status,
                data,
                metadata or {},
                execution.position,
            )
        )

    async def form_closed(
        self,
        *,
        rendered_content: str,
        action_id: str,
        action_text: str,
        submitted: Mapping[str, Value],
        expires_at: float,
    ) -> None:
        """What the node had paused for has come, or with an empty `action_id`: its time is over."""
        await self._audience.hear(
            FormClosed(
                self._execution.node_id,
                self._execution.title,
                rendered_content,
                action_id,
                action_text,
                dict(submitted),
                expires_at,
            )
        )

    async def resources(self, resources: Sequence[Mapping[str, Value]]) -> None:
        """The pieces of knowledge that the answer rests on (`nodes §4.3`)."""
        await self._audience.hear(ResourcesRetrieved(self._execution.node_id, resources))


class _Nobody:
    async def hear(self, event: Event) -> None: ...

    async def hear_text(self, selector: Selector, text: str, *, is_final: bool) -> None: ...


UNHEARD: Final = Progress(Execution("", "", "", "", 0, None, 0.0), _Nobody())
"""Of nodes that run in place: they have nothing to tell before they are done."""
