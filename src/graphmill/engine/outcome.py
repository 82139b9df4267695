"""What a node execution ended with. A failing node is an outcome, not a travelling exception."""

from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from graphmill.engine.usage import Usage
from graphmill.variables.pool import Pool
from graphmill.variables.secrets import values_without_secrets, without_secrets
from graphmill.variables.selectors import Selector
from graphmill.variables.values import Value


@dataclass(slots=True)
class Succeeded:
    outputs: dict[str, Value]
    inputs: dict[str, Value] = field(default_factory=dict)
    """What the node used, for the logs."""
    process_data: dict[str, Value] = field(default_factory=dict)
    metadata: dict[str, Value] | None = None
    handle: str = "source"
    """The exit to leave by; only branch nodes have more than one."""
    updates: tuple[tuple[Selector, Value], ...] = ()
    """Variables of others that this node writes (assigner)."""
    leaves: str = ""
    """Id of the loop that this node ends with the round that is under way (loop-end)."""
    usage: Usage | None = None
    """Of the models that were called."""


@dataclass(slots=True)
class Failed:
    error: str
    error_type: str = ""
    inputs: dict[str, Value] = field(default_factory=dict)
    process_data: dict[str, Value] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    metadata: dict[str, Value] | None = None
    usage: Usage | None = None


@dataclass(slots=True)
class Paused:
    """The node waits for somebody outside the server. It is run again when that has come, maybe in
    another process."""

    reason: dict[str, Value]
    """What clients are told (`service-api §11.21`)."""


Outcome: TypeAlias = Succeeded | Failed
SomeOutcome = TypeVar("SomeOutcome", bound=Outcome)


def masked(outcome: SomeOutcome, pool: Pool) -> SomeOutcome:
    """`outcome` without secrets of the environment in its process data and its error. Inputs are
    shown as Dify shows them, and outputs are what other nodes go on with."""
    process_data = values_without_secrets(outcome.process_data, pool)
    shown = replace(outcome, process_data=process_data)
    if isinstance(shown, Failed):
        shown.error = without_secrets(shown.error, pool)
    return shown


def raised(error: BaseException) -> Failed:
    """What a node raised, as an outcome (`workflow-dsl §10.1`)."""
    return Failed(str(error), "WorkflowNodeError")
