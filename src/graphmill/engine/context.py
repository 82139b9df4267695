"""What a node is given for one execution."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from graphmill.engine.run import Run
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value


class Progress(Protocol):
    """Where a waiting node tells what it has so far. After the end of the run nobody hears it.

    The whole is still to be returned as an outcome. A call waits only when the journal falls
    behind."""

    async def text(self, selector: Selector, text: str, *, is_final: bool = False) -> None:
        """Another piece of the text at `selector`, `(node id, output name)`; `is_final` ends it.

        Readers see it at once if a response node shows that text at this point."""
        ...

    async def reasoning(self, text: str, *, is_final: bool = False) -> None:
        """Another piece of what the model thinks before it answers (`workflow-dsl §13.5`)."""
        ...

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
        ...

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
        ...

    async def resources(self, resources: Sequence[Mapping[str, Value]]) -> None:
        """The pieces of knowledge that the answer rests on (`nodes §4.3`)."""
        ...


class Unheard:
    """Nobody listens: an inline node has nothing to tell before it is done."""

    async def text(self, selector: Selector, text: str, *, is_final: bool = False) -> None: ...

    async def reasoning(self, text: str, *, is_final: bool = False) -> None: ...

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
    ) -> None: ...

    async def form_closed(
        self,
        *,
        rendered_content: str,
        action_id: str,
        action_text: str,
        submitted: Mapping[str, Value],
        expires_at: float,
    ) -> None: ...

    async def resources(self, resources: Sequence[Mapping[str, Value]]) -> None: ...


UNHEARD: Final = Unheard()


@dataclass(slots=True)
class NodeContext:
    pool: Pool
    """Read freely; write only by returning outputs and updates."""
    run: Run
    execution_id: str
    idempotency_key: str
    """The same for every attempt and every re-execution of this step of this run; send it along
    with side effects."""
    has_recourse: bool
    """Has the node an error strategy or retries? Some failures count only then (http-request)."""
    progress: Progress = UNHEARD
    """For waiting nodes."""
