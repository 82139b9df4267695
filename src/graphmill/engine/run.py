"""A run as it was ordered: who asked for what. What happens to it is told by events."""

from dataclasses import dataclass, field

from graphmill.config.apps import LogLevel
from graphmill.dsl.model import VariableDefinition
from graphmill.variables.files import File
from graphmill.variables.values import Value


@dataclass(frozen=True, slots=True)
class Replacement:
    """What is said in place of a text that holds one of `words`."""

    words: frozenset[str]
    """In lower case."""
    answer: str

    def is_due(self, text: str) -> bool:
        """Does `text` hold one of the words, in whatever case, also inside a longer word?"""
        lower = text.lower()
        return any(word in lower for word in self.words)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the run of a chatflow is besides a run: a question in a conversation."""

    conversation_id: str
    message_id: str
    query: str
    number: int
    """Of the turn in its conversation, from 1."""
    title: str
    """What the conversation is called if this is its first turn; so is `introduction`."""
    introduction: str
    """The opening statement."""
    variables: tuple[VariableDefinition, ...] = ()
    """Those of the conversation, with the values that they have before this turn."""
    moderation: Replacement | None = None
    """What an answer may not say."""

    def system_values(self) -> dict[str, Value]:
        return {
            "query": self.query,
            "conversation_id": self.conversation_id,
            "dialogue_count": self.number,
        }


@dataclass(frozen=True, slots=True)
class RequestKey:
    """By what a caller recognises the request that started a run."""

    text: str
    fingerprint: str
    """Of what was asked for."""


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
    log_level: LogLevel = LogLevel.FULL
    """What is kept of it in the end."""
    turn: Turn | None = None
    """For runs of chatflows."""
    call_depth: int = 0
    """How many runs stand above it: a run that is a tool of another one has 1 or more."""
    request_key: RequestKey | None = None
    """Stored with its beginning, and not needed after that."""
    is_reported: bool = False
    """Is the webhook of its app told how it ends?"""

    @property
    def all_inputs(self) -> dict[str, Value]:
        """What was handed to it, and the `sys.*` values, as readers are told."""
        system = {f"sys.{name}": value for name, value in self.system_values().items()}
        return {**self.inputs, **system}

    def system_values(self) -> dict[str, Value]:
        """The `sys.*` namespace (`workflow-dsl §14.4`)."""
        values: dict[str, Value] = {
            "files": list(self.files),
            "user_id": self.user,
            "app_id": self.app_id,
            "workflow_id": self.workflow_id,
            "workflow_run_id": self.id,
        }
        if self.turn is None:
            return values | {"timestamp": int(self.created_at)}
        return values | self.turn.system_values()
