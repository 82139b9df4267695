"""What a node is given for one execution."""

from dataclasses import dataclass

from graphmill.engine.progress import UNHEARD, Progress
from graphmill.engine.run import Run
from graphmill.variables.pool import Pool


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
