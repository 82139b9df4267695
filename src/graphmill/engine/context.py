"""What a node is given for one execution."""

from dataclasses import dataclass
from typing import Protocol

from graphmill.engine.run import Run
from graphmill.variables.pool import Pool
from graphmill.variables.selectors import Selector


class TextSink(Protocol):
    """Where a waiting node puts the text that it makes, piece by piece."""

    async def __call__(self, selector: Selector, text: str, *, is_final: bool = False) -> None:
        """Another piece of the text at `selector`, `(node id, output name)`; `is_final` ends it.

        Readers see it at once if a response node shows that text at this point. It waits only when
        the journal falls behind. The whole text is still to be returned as an output."""
        ...


async def _unheard(selector: Selector, text: str, *, is_final: bool = False) -> None:
    """Nobody reads along."""


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
    stream: TextSink = _unheard
    """For waiting nodes."""
