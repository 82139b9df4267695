"""A run as it was ordered: who asked for what. What happens to it is told by events."""

from dataclasses import dataclass, field

from graphmill.config import LogLevel
from graphmill.variables.files import File
from graphmill.variables.values import Value


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one version, before its first event."""

    id: str
    task_id: str
    """The handle that Dify's API stops a live run by; differs from `id`."""
    app_id: str
    workflow_id: str
    version: str
    """Name of the version, as logs show it."""
    sequence_number: int
    """Counts the app's runs, from 1."""
    end_user_id: str
    user: str
    """What the caller sent as `user`: the end user's session id."""
    inputs: dict[str, Value]
    """Form inputs, already cast (`workflow-dsl §15`)."""
    created_at: float
    """Unix seconds."""
    files: list[File] = field(default_factory=list)
    """The legacy top-level files, `sys.files`."""
    triggered_from: str = "app-run"
    call_depth: int = 0
    """How many runs stand above it: one that is a tool of another run has 1 or more."""
    log_level: LogLevel = LogLevel.FULL
    """What is kept of it in the end."""

    def system_values(self) -> dict[str, Value]:
        """The `sys.*` namespace of a workflow run (`workflow-dsl §14.4`)."""
        return {
            "files": list(self.files),
            "user_id": self.user,
            "app_id": self.app_id,
            "workflow_id": self.workflow_id,
            "workflow_run_id": self.id,
            "timestamp": int(self.created_at),
        }
